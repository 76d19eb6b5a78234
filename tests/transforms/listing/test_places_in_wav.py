"""Where and by which recorder a WAV file says that it was made."""

import struct

import pytest

from soundbeam.transforms.listing.times_in_wav import read_metadata
from tests.transforms.listing.test_times_in_names import chunk, info, wav

ID = "24F319055FDF2A6C"


def read(*chunks):
    file = wav(*chunks)
    found = read_metadata(lambda offset, n: file[offset : offset + n], len(file))
    return found.latitude, found.longitude, found.recorder


def guano(**fields):
    lines = "".join(f"{name.replace('_', ' ')}: {value}\n" for name, value in fields.items())
    return chunk(b"guan", b"GUANO|Version: 1.0\n" + lines.encode())


def wamd(serial=b"S4A01234", gps=b"WGS84, 37.5, N, 122.25, W, 12"):
    part = lambda kind, content: struct.pack("<HI", kind, len(content)) + content  # noqa: E731
    return chunk(b"wamd", part(0, b"\1\0") + part(1, b"SM4") + part(2, serial) + part(6, gps))


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([guano(Loc_Position="37.1878016 -86.1057312", Serial="D500X 17")], (37.1878016, -86.1057312, "D500X 17")),
        ([guano(Loc_Position="-12 130", Make="x")], (-12.0, 130.0, None)),
        ([guano(Loc_Position="0.0 0.0")], (None, None, None)),  # no satellite
        ([guano(Loc_Position="95 10")], (None, None, None)),
        ([guano(Loc_Position="10")], (None, None, None)),
        ([guano(Loc_Position="nowhere at all")], (None, None, None)),
        ([info(f"Recorded at 05:30:00 31/01/2024 (UTC) by AudioMoth {ID} at medium gain.")], (None, None, ID)),
        ([info("Recorded at 05:30:00 31/01/2024 (UTC) by AudioMoth 24F3 at medium gain.")], (None, None, None)),
        ([wamd()], (37.5, -122.25, "S4A01234")),
        ([wamd(gps=b"WGS84,12.5,S,4,E")], (-12.5, 4.0, "S4A01234")),
        ([wamd(serial=b"", gps=b"none")], (None, None, None)),
        ([info(f"x by AudioMoth {ID} at"), guano(Loc_Position="1.5 2.5")], (1.5, 2.5, ID)),
        ([], (None, None, None)),
    ],
)
def test_the_place_and_the_recorder(chunks, expected):
    assert read(*chunks) == expected
