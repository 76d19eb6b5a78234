"""What recorders, phones and programs call their files: the time that a name tells, or none where it may be none."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundbeam.transforms.listing.times_in_names import from_name

LOCAL = datetime(2024, 1, 31, 5, 30, 0)


def at(hours=0, minutes=0):
    return LOCAL.replace(tzinfo=timezone(timedelta(hours=hours, minutes=minutes)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2024-01-31-birdnet-05:30:00.wav", LOCAL),
        ("2024-01-31-birdnet-RTSP_1-05:30:00.wav", LOCAL),
        ("Great_Tit-91-2024-01-31-birdnet-05:30:00.mp3", LOCAL),
        ("2024-01-31T05_30_00Z.wav", at()),
        ("20240131t053000z.flac", at()),
        ("REC_2024.01.31_05.30.00.wav", LOCAL),
        ("REC_2024.01.31-05h30m00s.wav", LOCAL),
        ("2024_01_31__05_30_00.wav", LOCAL),
        ("2024-01-31 - 05.30.00.wav", LOCAL),
        ("Voice 20240131-053000.m4a", LOCAL),
        ("2024-01-31 05.30.00.m4a", LOCAL),
        ("REC20240131053000.mp3", LOCAL),
        ("20240131 053000-0500A1B2.m4a", LOCAL),
        ("WhatsApp Audio 2024-01-31 at 05.30.00.ogg", LOCAL),
        ("WhatsApp Audio 2024-01-31 at 05.30.00 PM.ogg", LOCAL.replace(hour=17)),
        ("2024-01-31 12.30.00\u202fAM.m4a", LOCAL.replace(hour=0)),
        ("2024-01-31 12-30-00 pm.m4a", LOCAL.replace(hour=12)),
        ("2024-01-31 17.30.00 PM.m4a", LOCAL.replace(hour=17)),
        ("20240131_053000_PM.wav", LOCAL),
        ("2024-01-31_05-30-00_AMBIENT.wav", LOCAL),
        ("SM4_20240131_053000.wav", LOCAL),
        ("SWIFT01_20240131_053000-0500.wav", at(-5)),
        ("SWIFT01_20240131_053000-0330.wav", at(-3, -30)),
        ("20240131_053000-0015.wav", LOCAL),
        ("20240131_053000-0000.wav", LOCAL),
        ("20240131_053000-1300.wav", LOCAL),
        # No such time, or none at all, or a number that may be none: Olympus and Tascam count after the date.
        ("AUD-20240131-WA0001.opus", None),
        ("240131_0530.mp3", None),
        ("240131_053000.mp3", None),
        ("1706679000.wav", None),
        ("2024-01-31 at 5.30.00 PM.ogg", None),
        ("2024-02-31-birdnet-05:30:00.wav", None),
    ],
)
def test_names(name, expected):
    found = from_name(f"file:///a/{name}")
    assert found == expected and (found is None or (found.tzinfo is None) == (expected.tzinfo is None))


FORMS = (
    "%Y-%m-%d-birdnet-%H:%M:%S.wav",
    "%Y-%m-%dT%H_%M_%S.wav",
    "REC_%Y.%m.%d_%H.%M.%S.wav",
    "Voice %Y%m%d-%H%M%S.m4a",
    "WhatsApp Audio %Y-%m-%d at %I.%M.%S %p.ogg",
    "S-%Y%m%d%H%M%S-7.mp3",
    "AUD-%Y%m%d-WA0001.opus",
    "%Y%m%d_%H%M.mp3",
    "%y%m%d_%H%M%S.mp3",
)


@settings(deadline=None)
@given(st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 31)), st.sampled_from(FORMS))
def test_a_name_tells_its_time_or_none_and_never_another(when, form):
    when = when.replace(microsecond=0)
    found = from_name(when.strftime(form))
    assert found == (when if FORMS.index(form) < 6 else None)
