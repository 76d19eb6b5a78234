"""``scan`` tells when and where: from names, chunks and patterns, in every table; ``--since`` leaves out the older."""

import os
import struct
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
import soundfile

from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.results import read
from soundbeam.pipelines.scan.program import main
from tests.placeholder import RATE, with_tones

TABLES = ("predictions", "calls", "counts", "recordings")


def utc(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


LONG_AGO = utc(2023, 1, 1)


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"

    def write(name, modified=LONG_AGO):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, with_tones(4.0, [1.0]), RATE)
        os.utime(path, (modified.timestamp(),) * 2)
        return path

    write("ridge/20240131_053000.WAV")
    write("ridge/20240701T053000Z.flac")
    write("creek/dawn.wav", utc(2024, 3, 1))
    # An AudioMoth renamed by hand: its comment, behind the sound, tells better.
    moth = write("creek/20240131_000000.wav")
    comment = b"Recorded at 05:30:00 30/01/2024 (UTC-5) by AudioMoth 24F3\0"
    info = b"INFOICMT" + struct.pack("<I", len(comment)) + comment
    sound = moth.read_bytes() + b"LIST" + struct.pack("<I", len(info)) + info
    moth.write_bytes(sound[:4] + struct.pack("<I", len(sound) - 8) + sound[8:])
    (folder / "creek" / "20240202_000000.wav").write_bytes(b"")
    return folder


@pytest.fixture
def scan(corpus, tone_bundle, tmp_path):
    def run(*options):
        arguments = ["--recordings", corpus, "--classifier", tone_bundle, "--output", tmp_path / "out", *options]
        return main([str(a) for a in arguments])

    run.output = str(tmp_path / "out")
    return run


def by_name(output, table, column):
    rows = read(output, table)
    names = [uri.rpartition("/")[2] for uri in rows["recording"].to_pylist()]
    return dict(zip(names, rows[column].to_pylist(), strict=True))


def test_times_and_sites_land_in_every_table(scan):
    assert scan("--timezone", "Europe/Berlin", "--site", "{site}/*") == 0
    berlin = ZoneInfo("Europe/Berlin")
    expected = {
        "20240131_053000.WAV": datetime(2024, 1, 31, 5, 30, tzinfo=berlin),
        "20240701T053000Z.flac": utc(2024, 7, 1, 5, 30),
        "dawn.wav": None,
        "20240131_000000.wav": utc(2024, 1, 30, 10, 30),
        "20240202_000000.wav": datetime(2024, 2, 2, tzinfo=berlin),
    }
    assert by_name(scan.output, "recordings", "recorded_at") == expected
    sites = {name: "ridge" if name in list(expected)[:2] else "creek" for name in expected}
    for table in TABLES:
        site_of = by_name(scan.output, table, "site")
        assert site_of and site_of == {name: sites[name] for name in site_of}
    starts = by_name(scan.output, "calls", "start_s")
    assert len(starts) == 4
    assert by_name(scan.output, "calls", "started_at") == {
        name: expected[name] and expected[name] + timedelta(seconds=start) for name, start in starts.items()
    }


def test_what_says_nothing_leaves_null_and_a_pattern_decides(scan, corpus):
    assert scan("--recorded-at", "%Y%d%m_%H%M%S") == 0
    times = by_name(scan.output, "recordings", "recorded_at")
    # The pattern reads day and month the other way round: month 31 is none, then the usual order counts.
    assert times["20240131_053000.WAV"] == utc(2024, 1, 31, 5, 30)
    assert times["20240202_000000.wav"] == utc(2024, 2, 2)
    assert set(by_name(scan.output, "counts", "site").values()) == {None}


def test_telling_time_or_site_otherwise_makes_it_another_scan(scan):
    assert scan() == 0 and scan("--timezone", "UTC") == 0
    assert len(Output(scan.output).runs()) == 1
    assert scan("--site", "{site}/*") == 0 and scan("--timezone", "Asia/Tokyo") == 0
    runs = Output(scan.output).runs()
    assert [info.counters["windows_scored"] for info in runs] == [4 * 7] * 3
    assert (runs[-1].parameters.timezone, runs[-2].parameters.site) == ("Asia/Tokyo", "{site}/*")
    assert {r["run"] for r in read(scan.output, "recordings").to_pylist()} == {runs[-1].run}


def test_since_scans_what_is_newer_and_a_later_scan_the_rest(scan, capsys):
    assert scan("--since", "2024-02-02") == 0
    said = capsys.readouterr().out
    assert "2 recordings from before --since were left out" in said
    # Of no known time: by its modification time. An empty file is told by its name.
    newer = {"20240701T053000Z.flac", "dawn.wav", "20240202_000000.wav"}
    assert set(by_name(scan.output, "recordings", "status")) == newer
    assert scan("--since", "2024-02-02") == 0
    assert "nothing new: 3 recordings" in capsys.readouterr().out
    assert scan() == 0 and len(by_name(scan.output, "recordings", "status")) == 5
    assert [info.parameters.since for info in Output(scan.output).runs()] == ["2024-02-02", None]


def test_since_keeps_the_rows_of_older_recordings_and_still_sees_what_is_gone(scan, corpus):
    assert scan() == 0
    (corpus / "ridge" / "20240131_053000.WAV").unlink()
    assert scan("--since", "2024-06-01") == 0
    assert len(by_name(scan.output, "recordings", "status")) == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--since", "soon"], "is not a date"),
        (["--timezone", "Mars/Base"], "no time zone"),
        (["--site", "*.wav"], "holds no {site}"),
        (["--recorded-at", "%Y%m%d_%Q"], "there is no %Q"),
    ],
    ids=lambda v: v[0] if isinstance(v, list) else "",
)
def test_what_is_not_understood_is_one_line_and_exit_code_2(scan, capsys, options, words):
    with pytest.raises(SystemExit) as e:
        scan(*options)
    (line,) = capsys.readouterr().err.splitlines()
    assert e.value.code == 2 and words in line and line.startswith("soundbeam scan: error: ")
    assert not os.path.exists(scan.output)
