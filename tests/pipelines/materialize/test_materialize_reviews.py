"""Verdicts → examples: confirmed windows and false alarms, cut straight out of the recordings."""

import numpy as np
import pytest
import soundfile

from soundbeam.model.training.examples import read_manifest
from soundbeam.pipelines.materialize.program import main
from soundbeam.pipelines.review.store import ReviewStore
from tests.pipelines.materialize.test_materialize import examples
from tests.pipelines.review.drawn import add_sample, judge, window
from tests.pipelines.written_scan import result, write_scan

RATE = 16000


def reviewed(folder, verdicts, name="results", threshold=0.5):
    """A scan's output in which windows were judged: (recording, start, score, verdict, reviewer, more)."""
    recordings = sorted({name for name, *_ in verdicts})
    for i, recording in enumerate(recordings):
        if not (folder / recording).exists():
            sound = 0.1 * np.random.default_rng(i).standard_normal(20 * RATE)
            soundfile.write(folder / recording, sound, RATE, subtype="FLOAT")
    uris = [f"file://{folder}/{recording}" for recording in recordings]
    output = folder / name
    write_scan(output, [result(uri) for uri in uris], thresholds={"call": threshold})
    rows = [window(f"file://{folder}/{r}", start, score=score) for r, start, score, *_ in verdicts]
    add_sample(output, list({row["review_id"]: row for row in rows}.values()))
    store = ReviewStore(str(output))
    for row, (_, _, _, verdict, reviewer, more) in zip(rows, verdicts, strict=True):
        judge(store, row, verdict, reviewer, **more)
    return str(output)


def made(folder, outputs, *more, expect=0):
    argv = ["--reviews", *outputs, "--examples", f"{folder}/e", "--rate", str(RATE), *more]
    assert main(argv) == expect
    return sorted(
        (r["recording"].rpartition("/")[2], round(r["start_s"], 3), r["label"]) for r in examples(folder / "e")
    ) if expect == 0 else None  # fmt: skip


def row(name, start, verdict, score=0.9, reviewer="ann", **more):
    return name, start, score, verdict, reviewer, more


def test_confirmed_windows_and_false_alarms_are_clips_of_their_recordings(tmp_path, capsys):
    output = reviewed(
        tmp_path,
        [
            row("a.wav", 1.0, "yes"),
            row("a.wav", 2.0, "no"),  # overlaps the one above: it may hold the end of the call
            row("a.wav", 8.0, "no"),
            row("b.wav", 1.0, "no", score=0.1),
            row("b.wav", 5.0, "other", other_label="owl"),
            row("b.wav", 9.0, "unsure"),
            row("b.wav", 12.0, "yes"),
            row("b.wav", 12.0, "no", reviewer="bob"),
        ],
    )
    assert made(tmp_path, [output]) == [
        ("a.wav", 1.0, "call"),
        ("a.wav", 8.0, "not call"),
        ("b.wav", 1.0, "not call"),
        ("b.wav", 5.0, "owl"),
    ]
    rows = examples(tmp_path / "e")
    for found in rows:
        sound, _ = soundfile.read(found["recording"].removeprefix("file://"), dtype="float32")
        first = round(found["start_s"] * RATE)
        np.testing.assert_array_equal(found["waveform"], sound[first : first + 2 * RATE])
        assert found["source"] == found["recording"]
    manifest = read_manifest(f"{tmp_path}/e")
    # What scored below the threshold is no false alarm, only something without the call.
    assert sum(manifest["false_alarms"].values()) == 2 and manifest["reviews_from"] == [output]
    err = capsys.readouterr().err
    for line in ("1 windows are judged differently", "1 windows are unsure", "1 windows have no call but overlap"):
        assert line in err


def test_of_several_results_the_verdicts_must_agree(tmp_path, capsys):
    one = reviewed(tmp_path, [row("a.wav", 1.0, "yes"), row("a.wav", 8.0, "no", score=0.4)], "one")
    two = reviewed(tmp_path, [row("a.wav", 1.0, "no"), row("a.wav", 8.0, "no"), row("b.wav", 3.0, "yes")], "two")
    assert made(tmp_path, [one, two]) == [("a.wav", 8.0, "not call"), ("b.wav", 3.0, "call")]
    assert "1 windows are judged differently" in capsys.readouterr().err
    assert sum(read_manifest(f"{tmp_path}/e")["false_alarms"].values()) == 1  # the second took it for a call


def test_together_with_clips(tmp_path):
    output = reviewed(tmp_path, [row("a.wav", 1.0, "yes"), row("b.wav", 8.0, "no")])
    (tmp_path / "clips" / "call").mkdir(parents=True)
    soundfile.write(tmp_path / "clips" / "call" / "x-0.wav", np.full(RATE, 0.5), RATE)
    found = made(tmp_path, [output], "--clips", f"{tmp_path}/clips")
    assert found == [("a.wav", 1.0, "call"), ("b.wav", 8.0, "not call"), ("x-0.wav", 0.0, "call")]


def test_a_recording_that_is_gone_is_told(tmp_path, capsys):
    output = reviewed(tmp_path, [row("a.wav", 1.0, "yes"), row("b.wav", 8.0, "no")])
    (tmp_path / "b.wav").unlink()
    assert made(tmp_path, [output]) == [("a.wav", 1.0, "call")]
    assert "rejected file://" in (out := capsys.readouterr().out) and "b.wav" in out


def test_of_a_recording_that_has_changed_nothing_is_learned(tmp_path, capsys):
    output = reviewed(tmp_path, [row("a.wav", 1.0, "yes"), row("b.wav", 8.0, "no"), row("b.wav", 12.0, "yes")])
    soundfile.write(tmp_path / "b.wav", soundfile.read(tmp_path / "b.wav")[0][RATE:], RATE, subtype="FLOAT")
    assert made(tmp_path, [output]) == [("a.wav", 1.0, "call")]
    assert f"rejected file://{tmp_path}/b.wav: has changed since the scan" in capsys.readouterr().out
    (reject,) = read_manifest(f"{tmp_path}/e")["rejects"]
    assert reject["recording"].endswith("b.wav")
    # A scan of what it is now, and a verdict on that.
    newer = reviewed(tmp_path, [row("b.wav", 3.0, "yes")], "newer")
    assert made(tmp_path, [output, newer]) == [("a.wav", 1.0, "call"), ("b.wav", 3.0, "call")]


@pytest.mark.parametrize("scanned", ["each", 2])
def test_clips_are_of_the_channel_that_was_judged(tmp_path, scanned):
    sound = 0.1 * np.random.default_rng(0).standard_normal((20 * RATE, 2))
    soundfile.write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    uri = f"file://{tmp_path}/a.wav"
    write_scan(tmp_path / "results", [result(uri)], channel=scanned)
    of_each = {"channel": 1} if scanned == "each" else {}, {"channel": 2} if scanned == "each" else {}
    rows = [window(uri, 1.0, **of_each[0]), window(uri, 1.0 if of_each[1] else 6.0, **of_each[1])]
    add_sample(tmp_path / "results", rows)
    store = ReviewStore(f"{tmp_path}/results")
    judge(store, rows[0], "yes")
    judge(store, rows[1], "no")
    made(tmp_path, [f"{tmp_path}/results"])
    found = {example["label"]: example for example in examples(tmp_path / "e")}
    for label, start, channel in (("call", 1.0, rows[0]["channel"] or 2), ("not call", rows[1]["start_s"], 2)):
        first = round(start * RATE)
        expected = sound[first : first + 2 * RATE, channel - 1].astype(np.float32)
        np.testing.assert_array_equal(found[label]["waveform"], expected)


def test_pictures_of_two_channels_at_one_time_are_two(tmp_path):
    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal((20 * RATE, 2)), RATE)
    uri = f"file://{tmp_path}/a.wav"
    write_scan(tmp_path / "results", [result(uri)], channel="each")
    rows = [window(uri, 1.0, channel=1), window(uri, 1.0, channel=2)]
    add_sample(tmp_path / "results", rows)
    for one in rows:
        judge(ReviewStore(f"{tmp_path}/results"), one, "yes")
    assert main(["--reviews", f"{tmp_path}/results", "--features", "images", "--output", f"{tmp_path}/e"]) == 0
    one, other = sorted((tmp_path / "e" / "call").glob("*.png"))
    assert "-channel1-" in one.name and "-channel2-" in other.name and one.read_bytes() != other.read_bytes()


def test_without_verdicts_there_is_one_line(tmp_path, capsys):
    write_scan(tmp_path / "none", [result("file:///a.wav")])
    made(tmp_path, [f"{tmp_path}/none"], expect=1)
    assert "no verdicts in it; judge windows with 'soundbeam review' first" in capsys.readouterr().err
    unsure = reviewed(tmp_path, [row("a.wav", 1.0, "unsure")], "unsure")
    made(tmp_path, [unsure], expect=1)
    assert "no window is judged clearly" in capsys.readouterr().err


@pytest.mark.parametrize("output", ["nowhere"])
def test_a_folder_that_is_no_output_is_one_line(tmp_path, capsys, output):
    made(tmp_path, [f"{tmp_path}/{output}"], expect=1)
    err = capsys.readouterr().err
    assert output in err and err.count("\n") == 1
