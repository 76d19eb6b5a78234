"""``soundbeam scan`` over real files, against a direct computation; the same rows however the work is cut."""

import json
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.pipelines.results import read
from soundbeam.pipelines.scan.program import main
from tests.placeholder import HOP_S, RATE, WINDOW_S, expected_score, save_tone_bundle, tone, with_tones

CALLS = {"a.wav": [2.0, 5.25], "sub/a.wav": [], "b.flac": [0.0, 7.75], "c.WAV": [3.0]}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Recordings with one-and-a-half-second tones, and every kind of file that cannot be scanned."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "sub").mkdir()
    for i, (name, at) in enumerate(CALLS.items()):
        # A length that is no multiple of the hop: the last window is moved back.
        soundfile.write(folder / name, with_tones(9.3, at, seed=i), RATE, subtype="PCM_16", format=None)
    soundfile.write(folder / "short.wav", tone(0.4), RATE)
    (folder / "text.wav").write_text("this is no sound at all\n" * 50)
    (folder / "empty.wav").write_bytes(b"")
    (folder / ".hidden.wav").write_bytes((folder / "a.wav").read_bytes())
    (folder / "notes.txt").write_text("ignored")
    return folder


def scan(*arguments):
    return main([str(a) for a in arguments])


@pytest.fixture(scope="module")
def scanned(corpus, tone_bundle, tmp_path_factory):
    output = tmp_path_factory.mktemp("output") / "out"
    assert scan("--recordings", corpus, "--classifier", tone_bundle, "--output", output) == 0
    return output


def rows(output, table):
    """A table's rows by recording's path below the corpus."""
    table_rows = read(str(output), table).to_pylist()
    for row in table_rows:
        row.pop("run")
        row["recording"] = row["recording"].removeprefix("file://")
    return table_rows


def by_name(output, table, corpus):
    grouped = {}
    for row in rows(output, table):
        grouped.setdefault(str(Path(row["recording"]).relative_to(corpus)), []).append(row)
    return grouped


def test_every_file_listed_has_one_row_that_tells_how_it_ended(scanned, corpus):
    recordings = by_name(scanned, "recordings", corpus)
    assert all(len(r) == 1 for r in recordings.values())
    status = {name: r[0]["status"] for name, r in recordings.items()}
    assert status == {
        **dict.fromkeys([*CALLS, "short.wav"], "ok"),
        "text.wav": "failed",
        "empty.wav": "failed",
        ".hidden.wav": "skipped",
    }
    row = recordings["b.flac"][0]
    assert row["bytes"] == (corpus / "b.flac").stat().st_size
    assert datetime.fromisoformat(row["version"]) == datetime.fromtimestamp(
        (corpus / "b.flac").stat().st_mtime, timezone.utc
    )
    assert (row["duration_s"], row["sample_rate"], row["channels"]) == (9.3, RATE, 1)
    assert recordings["text.wav"][0]["stage"] == "decode" and recordings["text.wav"][0]["error"]


def test_every_window_is_scored_as_numpy_scores_it(scanned, corpus):
    windows = by_name(scanned, "predictions", corpus)
    assert set(windows) == {*CALLS, "short.wav"}
    for name in CALLS:
        sound, _ = soundfile.read(corpus / name)
        starts = [k * HOP_S for k in range(17)] + [9.3 - WINDOW_S]
        assert [r["start_s"] for r in windows[name]] == pytest.approx(starts, abs=1e-12)
        assert windows[name][-1]["end_s"] == 9.3
        expected = [expected_score(sound[round(s * RATE) : round(s * RATE) + RATE]) for s in starts]
        np.testing.assert_allclose([r["score"] for r in windows[name]], expected, atol=1e-5)
    (short,) = windows["short.wav"]
    padded = np.pad(soundfile.read(corpus / "short.wav")[0], (0, RATE - round(0.4 * RATE)))
    assert (short["start_s"], short["end_s"]) == (0.0, 0.4)
    assert short["score"] == pytest.approx(expected_score(padded), abs=1e-5)


def test_calls_lie_on_the_tones_and_counts_count_them(scanned, corpus):
    calls, counts = by_name(scanned, "calls", corpus), by_name(scanned, "counts", corpus)
    for name, at in CALLS.items():
        detected = calls.get(name, [])
        assert len(detected) == len(at)
        for call, start in zip(detected, at, strict=True):
            assert call["start_s"] < start + 1.5 and call["end_s"] > start
        assert [(r["label"], r["calls"], r["windows"]) for r in counts[name]] == [("low", len(at), 18)]
    assert counts["text.wav"][0]["calls"] is None
    assert ".hidden.wav" not in counts


def test_run_json_is_there_and_says_what_made_the_tables(scanned, tone_bundle):
    (path,) = scanned.glob("runs/*/run.json")
    info = json.loads(path.read_text())
    assert info["classifier"] == tone_bundle and len(info["fingerprint"]) == 64
    assert (info["window_s"], info["hop_s"], info["thresholds"]) == (WINDOW_S, HOP_S, {"low": 0.5})
    assert info["counters"]["windows_scored"] == 4 * 18 + 1
    assert info["counters"]["recordings_failed"] == 2
    assert info["wall_s"] > 0 and info["versions"]["tensorflow"].startswith("2.16")
    schema = pq.read_schema(next(scanned.glob("predictions/*/*.parquet")))
    assert json.loads(schema.metadata[b"soundbeam"])["labels"] == ["low"]
    assert [p.name for p in (scanned / "_staging").iterdir()] == ["lock"]


@pytest.mark.parametrize(
    "options",
    [
        ["--segment", "1"],
        ["--segment", "3.7", "--batch-size", "1"],
        ["--direct_running_mode=multi_threading", "--direct_num_workers=2"],
        ["--direct_running_mode=multi_processing", "--direct_num_workers=2"],
    ],
    ids=" ".join,
)
def test_rows_are_the_same_however_the_work_is_cut(scanned, corpus, tone_bundle, tmp_path, options):
    assert scan("--recordings", corpus, "--classifier", tone_bundle, "--output", tmp_path / "out", *options) == 0
    for table in ("predictions", "calls", "counts", "recordings"):
        key = lambda r: (r["recording"], r.get("start_s"), r.get("label"))  # noqa: E731
        expected, got = sorted(rows(scanned, table), key=key), sorted(rows(tmp_path / "out", table), key=key)
        assert [{**r, "score": None} for r in got] == [{**r, "score": None} for r in expected]
        if "score" in (got[0] if got else {}):
            np.testing.assert_allclose([r["score"] for r in got], [r["score"] for r in expected], atol=1e-5)


def test_hop_and_threshold_change_windows_and_calls(corpus, tone_bundle, tmp_path):
    arguments = ["--recordings", corpus / "a.wav", "--classifier", tone_bundle, "--output", tmp_path / "out"]
    assert scan(*arguments, "--hop", 1, "--threshold", 0.999) == 0
    assert len(rows(tmp_path / "out", "predictions")) == 10
    assert [r["calls"] for r in rows(tmp_path / "out", "counts")] == [0]


def test_two_labels_have_a_row_each_of_every_window(two_tone_bundle, tmp_path):
    soundfile.write(tmp_path / "r.wav", with_tones(6, [1], hz=2000.0) + with_tones(6, [4]), RATE)
    out = tmp_path / "out"
    assert scan("--recordings", tmp_path / "r.wav", "--classifier", two_tone_bundle, "--output", out) == 0
    assert {r["label"]: r["calls"] for r in rows(out, "counts")} == {"low": 1, "high": 1}
    window = {r["label"]: r["score"] for r in rows(out, "predictions") if r["start_s"] == 1.0}
    assert list(window) == ["low", "high"] and window["high"] > 0.5 > window["low"]
    assert len(rows(out, "predictions")) == 2 * 11


def test_two_patterns_that_name_a_file_scan_it_once(corpus, tone_bundle, tmp_path):
    out = tmp_path / "out"
    patterns = [corpus / "a.wav", corpus / "*.wav", f"{corpus}/sub/../a.wav"]
    assert scan("--recordings", *patterns, "--classifier", tone_bundle, "--output", out) == 0
    names = [r["recording"] for r in rows(out, "recordings")]
    assert len(names) == len(set(names))


def one_line(capsys):
    """What was said on stderr: one line of an error, whatever progress came before."""
    lines = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(lines) == 1, lines
    return lines[0]


def test_what_matches_nothing_or_only_failures_exits_1_with_one_line(corpus, tone_bundle, tmp_path, capsys):
    (tmp_path / "none").mkdir()
    base = ["--classifier", tone_bundle, "--output", tmp_path / "out"]
    assert scan("--recordings", f"{corpus}/*.mp3", tmp_path / "none", *base) == 1
    assert "no audio file matches" in one_line(capsys)
    assert not (tmp_path / "out" / "runs").exists()
    assert scan("--recordings", corpus / "text.wav", *base) == 1
    assert "not one of 1 files could be scanned" in one_line(capsys)
    assert [r["status"] for r in rows(tmp_path / "out", "recordings")] == ["failed"]


def test_another_classifier_on_the_same_output_is_kept_apart(corpus, tone_bundle, tmp_path):
    other, out = save_tone_bundle(tmp_path / "other", seed=1), tmp_path / "out"
    for bundle, name in ((tone_bundle, "a.wav"), (other.url, "b.flac")):
        assert scan("--recordings", corpus / name, "--classifier", bundle, "--output", out) == 0
    assert [Path(r["recording"]).name for r in rows(out, "recordings")] == ["b.flac"]
    first = read(str(out), "recordings", classifier=load_bundle(tone_bundle).fingerprint).to_pylist()
    assert [Path(r["recording"]).name for r in first] == ["a.wav"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--treshold", "0.5"], "did you mean --threshold"),
        (["--hop", "2"], "hop"),
        (["--hop", "0"], "above zero"),
        (["--threshold", "1.5"], "above 0 and below 1"),
        (["--classifier", "/nowhere"], "no classifier there"),
        (["--output", __file__], "is a file"),
    ],
    ids=lambda v: v[0] if isinstance(v, list) else "",
)
def test_a_wrong_option_is_one_line(corpus, tone_bundle, tmp_path, capsys, options, words):
    base = {"--recordings": corpus, "--classifier": tone_bundle, "--output": tmp_path / "out"}
    base.update({options[0]: options[1]})
    arguments = [part for pair in base.items() for part in pair]
    try:
        code = scan(*arguments)
    except SystemExit as e:
        code = e.code
    assert code != 0
    assert words in one_line(capsys)
    assert not (tmp_path / "out" / "runs").exists()
