"""What recordings say of their place and recorder fills in what the deployments leave open."""

import struct
from datetime import datetime

import pytest
import soundfile

from soundbeam.pipelines.results import read
from soundbeam.pipelines.scan.program import main
from tests.placeholder import RATE, save_tone_bundle, with_tones
from tests.places import expected, geo_network, save_with_geo, week_48

LABELS = ("low", "high")


def write(path, seconds=4, **fields):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, with_tones(seconds, [1.0]), RATE, subtype="PCM_16")
    text = "GUANO|Version: 1.0\n" + "".join(f"{name.replace('_', ' ')}: {value}\n" for name, value in fields.items())
    text += " " * (len(text) & 1)
    data = path.read_bytes() + b"guan" + struct.pack("<I", len(text)) + text.encode()
    path.write_bytes(b"RIFF" + struct.pack("<I", len(data) - 8) + data[8:])


@pytest.fixture
def scan(tmp_path):
    bundle = save_with_geo(tmp_path / "geo", save_tone_bundle(tmp_path / "plain", LABELS), geo_network()).url
    write(tmp_path / "in" / "A" / "20240210_010000.wav", Serial="S1", Loc_Position="50 60")
    write(tmp_path / "in" / "A" / "20240210_020000.wav", Serial="s2")
    write(tmp_path / "in" / "A" / "20240210_030000.wav")
    write(tmp_path / "in" / "A" / "20240110_030000.wav")
    write(tmp_path / "in" / "B" / "20240210_010000.wav", Serial="S3", Loc_Position="50 60")
    (tmp_path / "d.csv").write_text(
        "site,latitude,longitude,start,end,recorder\nA,1,2,2024-01-01,2024-03-01,S1\nA,3,4,2024-02-01,2024-04-01,S2\n"
    )

    def run(*options):
        argv = ["--recordings", tmp_path / "in", "--classifier", bundle, "--output", tmp_path / "out"]
        assert main([str(a) for a in [*argv, "--site", "{site}/*", *options]]) == 0
        return str(tmp_path / "out")

    return run


def places(output):
    rows = read(output, "recordings").to_pylist()
    named = {"/".join(row["recording"].split("/")[-2:]).removesuffix(".wav"): row for row in rows}
    return {name: tuple(row[n] for n in ("latitude", "longitude", "recorder")) for name, row in named.items()}


def test_of_two_recorders_at_a_site_the_file_says_which(scan, tmp_path, capsys):
    output = scan("--deployments", str(tmp_path / "d.csv"))
    assert places(output) == {
        "A/20240210_010000": (1, 2, "S1"),
        "A/20240210_020000": (3, 4, "s2"),
        "A/20240210_030000": (None, None, None),
        "A/20240110_030000": (1, 2, "S1"),
        "B/20240210_010000": (50, 60, "S3"),
    }
    said = capsys.readouterr().out
    assert "in 1 recordings: their sites had several recorders then, and the files do not name one of them: A" in said
    assert "not in --deployments" not in said  # the file itself says where B is
    week = week_48(datetime(2024, 2, 10))
    for row in read(output, "calls").to_pylist():
        here = places(output)["/".join(row["recording"].split("/")[-2:]).removesuffix(".wav")][:2]
        if here[0] is None:
            assert row["expected"] is None
        elif "20240210" in row["recording"]:
            want = expected(*here, week)[LABELS.index(row["label"])]
            assert row["expected"] == pytest.approx(want, abs=1e-6)


def test_without_deployments_files_tell(scan):
    assert places(scan()) == {
        "A/20240210_010000": (50, 60, "S1"),
        "A/20240210_020000": (None, None, "s2"),
        "A/20240210_030000": (None, None, None),
        "A/20240110_030000": (None, None, None),
        "B/20240210_010000": (50, 60, "S3"),
    }


def test_a_bat_detectors_slowed_recording_is_scanned_at_its_true_rate(tmp_path, capsys):
    """The tone is where the classifier hears it only once the file is taken for ten times as fast."""
    bundle = save_tone_bundle(tmp_path / "bundle").url
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "20240210_010000.wav"
    write(path, 8, TE=10, Samplerate=RATE)
    data = bytearray(path.read_bytes())
    data[24:32] = struct.pack("<II", RATE // 10, RATE // 10 * 2)
    path.write_bytes(data)
    argv = ["--recordings", tmp_path / "in", "--classifier", bundle, "--output", tmp_path / "out"]
    assert main([str(a) for a in argv]) == 0
    (row,) = read(str(tmp_path / "out"), "recordings").to_pylist()
    assert (row["duration_s"], row["sample_rate"], row["status"]) == (8.0, RATE, "ok")
    assert row["notes"].startswith("time expansion: stored 10 times slower")
    (call,) = read(str(tmp_path / "out"), "calls").to_pylist()
    assert abs(call["start_s"] - 1.0) < 0.5 < abs(call["end_s"] - 1.0) < 2
    assert "note: 1 recordings: time expansion" in capsys.readouterr().out
