"""``soundbeam scan`` of an AudioMoth's triggered recordings: exact times, no windows where nothing was recorded."""

import datetime

import numpy as np
import pytest

from soundbeam.pipelines.results import read
from soundbeam.pipelines.scan.program import main
from tests.placeholder import HOP_S, RATE, WINDOW_S, expected_score, with_tones
from tests.transforms.decoders.test_audiomoth import encoded, write_audiomoth

SECOND = RATE // 256  # in blocks, rounded


def recording(path, *parts):
    """Writes an AudioMoth's file of blocks that did not trigger and sound; returns it expanded, and the gaps."""
    stored = [encoded(part) if isinstance(part, int) else np.round(32767 * part).astype("<i2") for part in parts]
    lead = write_audiomoth(path, np.concatenate(stored), rate=RATE)
    expanded, gaps, at = [np.zeros(lead)], [], lead
    for part in parts:
        samples = np.zeros(256 * part) if isinstance(part, int) else np.round(32767 * part) / 32768
        if isinstance(part, int):
            gaps.append((at / RATE, (at + len(samples)) / RATE))
        expanded.append(samples)
        at += len(samples)
    return np.concatenate(expanded), gaps


def scan(bundle, recordings, output, *options):
    arguments = ["--recordings", recordings, "--classifier", bundle, "--output", output, *options]
    return main([str(a) for a in arguments])


def rows(output, table):
    return read(str(output), table).sort_by("recording").to_pylist()


def in_blocks(sound):
    return sound[: len(sound) // 256 * 256]


@pytest.mark.parametrize("segment_s", [3, 60, 10_000])
def test_windows_are_those_that_touch_sound(tone_bundle, tmp_path, segment_s, capsys):
    folder = tmp_path / "recordings"
    folder.mkdir()
    first, second = in_blocks(with_tones(9, [2.0])), in_blocks(with_tones(7, [1.5, 5.0], seed=1))
    sound, gaps = recording(folder / "20240101_060000T.WAV", 100 * SECOND, first, 20_000 * SECOND, second, 40)
    assert scan(tone_bundle, folder, tmp_path / "out", "--segment", segment_s) == 0
    windows = sorted(rows(tmp_path / "out", "predictions"), key=lambda row: row["start_s"])
    starts = np.arange(0, len(sound) - RATE + 1, round(HOP_S * RATE)) / RATE
    expected = [s for s in starts if not any(a <= s + 1e-9 and s + WINDOW_S <= b + 1e-9 for a, b in gaps)]
    last = (len(sound) - RATE) / RATE
    if last > starts[-1] and not any(a <= last and last + WINDOW_S <= b for a, b in gaps):
        expected.append(last)
    assert [row["start_s"] for row in windows] == expected
    scores = [expected_score(sound[round(s * RATE) : round(s * RATE) + RATE].astype(np.float32)) for s in expected]
    np.testing.assert_allclose([row["score"] for row in windows], scores, atol=1e-5)
    first_s, second_s = gaps[0][1], gaps[1][1]
    calls = sorted(row["start_s"] for row in rows(tmp_path / "out", "calls"))
    np.testing.assert_allclose(calls, [first_s + 2.0, second_s + 1.5, second_s + 5.0], atol=0.5)
    (row,) = rows(tmp_path / "out", "recordings")
    silent_s = sum(b - a for a, b in gaps)
    assert (row["status"], row["error"]) == ("ok", None)
    assert row["duration_s"] == pytest.approx(len(sound) / RATE)
    assert row["listened_s"] == pytest.approx(len(sound) / RATE - silent_s)
    assert row["notes"] == f"not triggered: {silent_s:.1f} of {len(sound) / RATE:.1f} s were not recorded"
    started = [row["started_at"] for row in rows(tmp_path / "out", "calls")]
    six = datetime.datetime(2024, 1, 1, 6, tzinfo=datetime.timezone.utc)
    assert sorted((when - six).total_seconds() for when in started) == pytest.approx(calls, abs=1e-5)
    assert f"1 recordings (1 ok), {(len(sound) / RATE - silent_s) / 3600:.2f} h" in capsys.readouterr().out


def test_calls_on_two_sides_of_a_gap_are_two(tone_bundle, tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    tone = in_blocks(with_tones(4, [2.6]))[: 256 * (4 * RATE // 256)]  # goes on to the end of what was recorded
    recording(folder / "20240101_060000T.WAV", in_blocks(tone), 3 * SECOND, in_blocks(tone[::-1]))
    assert scan(tone_bundle, folder, tmp_path / "out") == 0
    assert [row["calls"] for row in rows(tmp_path / "out", "counts")] == [2]


def test_a_night_without_a_trigger_has_no_calls_and_no_effort(tone_bundle, tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    recording(folder / "20240101_060000T.WAV", 3600 * SECOND)
    assert scan(tone_bundle, folder, tmp_path / "out") == 0
    (row,) = rows(tmp_path / "out", "recordings")
    assert row["status"] == "ok"
    assert row["listened_s"] < 0.1 and row["duration_s"] > 3500
    (counts,) = rows(tmp_path / "out", "counts")
    assert (counts["calls"], counts["calls_low"], counts["calls_high"]) == (0, 0, 0)
