"""A scan that dies while a long recording is scanned in ranges: the recording is done again as a whole, once."""

import struct

import numpy as np
import pytest

from tests.faults.corpora import Corpus, left_over, tables
from tests.faults.figures import figure
from tests.faults.warm import real
from tests.placeholder import RATE, tone

pytestmark = pytest.mark.faults

HOURS, CALLS_S = 2.5, (100.0, 1799.5, 3600.0, 8990.0)
POINTS = {
    "cutting": ("soundbeam.transforms.isolation.isolated_process:IsolatedProcess.take", 1),
    "decoding": ("soundbeam.transforms.decoding.decode_recordings:_DecodeAhead._take", 90),
    "scoring": ("soundbeam.transforms.scoring.score_windows:score_segments", 6),
    "joining": ("soundbeam.transforms.scoring.count_calls:count_calls_of_ranges", 1),
    "writing": ("soundbeam.transforms.tables.write_tables:ShardWriter.write", 2),
}


def long_wav(path):
    """Silence with four tones, most of it a hole in the file."""
    frames = round(HOURS * 3600 * RATE)
    fmt = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    head = b"RIFF" + struct.pack("<I", 2 * frames + 36) + b"WAVEfmt " + struct.pack("<I", 16) + fmt
    with path.open("wb") as file:
        file.write(head + b"data" + struct.pack("<I", 2 * frames))
        for at in CALLS_S:
            file.seek(44 + 2 * round(at * RATE))
            file.write((32767 * tone(1.5)).astype(np.int16).tobytes())
        file.truncate(44 + 2 * frames)


@pytest.fixture(scope="module")
def setting(tmp_path_factory, warm, tone_bundle):
    """What to scan, and the tables of a scan that nothing happened to."""
    folder = tmp_path_factory.mktemp("ranges")
    corpus = Corpus(folder / "corpus")
    corpus.write("a.wav")
    long_wav(corpus.folder / "long.wav")
    argv = ["--recordings", corpus.folder, "--classifier", tone_bundle, "--hop", 1, "--checkpoint-every", "0.001"]
    code, said = warm.scan(*argv, "--output", folder / "whole")
    assert code == 0, said
    found = tables(folder / "whole")
    assert [row["calls"] for row in found["counts"] if row["recording"].endswith("long.wav")] == [len(CALLS_S)]
    return argv, found


@pytest.mark.parametrize("point", POINTS)
def test_a_recording_in_ranges_is_done_again_as_a_whole(setting, warm, tmp_path, point):
    argv, expected = setting
    output = tmp_path / "out"
    call, n = POINTS[point]
    code, said = real(*argv, "--output", output, faults=[{"call": call, "n": n, "do": "kill"}])
    assert code == -9, said
    assert not list(output.glob("runs/*/run.json"))
    code, said = warm.scan(*argv, "--output", output)
    assert code == 0, said
    assert tables(output) == expected and left_over(output) == []
    figure("killed while a long recording was scanned in ranges", 1, point)
