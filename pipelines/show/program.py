"""Draws one scanned recording: its spectrogram with the calls on it, and the scores of its windows.

    soundbeam show siteA/20240101_060000.wav --output results/ --png recording.png
    soundbeam show s3://bucket/night.flac --output results/ --png dawn.png --start 4:30 --end 6:00

The recording is a URI, a path, or an unambiguous tail of one that was scanned. Only the part between
--start and --end is read and drawn; without them all of the recording, up to five minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

import numpy as np

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.numbers import seconds_of
from soundbeam.pipelines.console.arguments import Parser
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import plain, say, tell_missing
from soundbeam.pipelines.recording_names import RecordingNames, short_names
from soundbeam.pipelines.show.recording_picture import LabelTrack, draw, minutes

LONGEST_S = 300.0
_LABELS = 6
_NAME = 60  # characters of a recording's name in the title
_TENTHS_BELOW_S = 10.0  # shorter pictures say their times to a tenth of a second


@program("show")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    parser = Parser(
        "show",
        "Draws one scanned recording: spectrogram, calls and scores.",
        "soundbeam show siteA/20240101_060000.wav --output results/ --png recording.png",
    )
    parser.add_argument("recording", metavar="RECORDING", help="its URI, its path, or an unambiguous end of either")
    parser.add_argument("--output", required=True, metavar="DIR", help="the scan's output folder")
    parser.add_argument("--png", required=True, metavar="FILE", help="the picture to write; path or fsspec URL")
    parser.add_argument("--start", type=_time, metavar="S", help="from here, seconds or m:ss (default: the start)")
    parser.add_argument("--end", type=_time, metavar="S", help="up to here (default: the end, 5 minutes at most)")
    options = parser.parse_args(argv)

    from soundbeam.model.storage.files import open_to_write

    row, parameters, recordings = _find(options.output, options.recording)
    uri = row["recording"]
    start_s, end_s, shortened = _interval(row, options.start, options.end)
    samples = _read(uri, parameters["rate"], start_s, end_s)
    end_s = start_s + len(samples) / parameters["rate"]
    tracks, calls, shown = _tracks(options.output, uri, parameters, (start_s, end_s))
    short = short_names(recordings)[uri] if len(recordings) > 1 else uri.rpartition("/")[2]
    counts = ", ".join(f"{label}: {n} {'call' if n == 1 else 'calls'}" for label, n in calls.items())
    counts += f" ({shown} in this stretch)" if shown != sum(calls.values()) else ""
    step = 0.1 if end_s - start_s < _TENTHS_BELOW_S else 1.0
    where = f"{minutes(start_s, step)} to {minutes(end_s, step)} of {minutes(row['duration_s'], step)}"
    state = "scanned whole" if row["status"] == "ok" else f"{row['status']}: {row['error']}"
    with open_to_write(options.png) as f:
        missing = draw(
            f, samples, parameters["rate"], start_s, tracks, title=plain(f"{_short(short)}   {counts}"),
            subtitle=f"{where}   ·   {state}   ·   classifier {row['classifier'][:12]}",
        )  # fmt: skip
    if shortened:
        whole = minutes(row["duration_s"])
        say(f"drawn: {LONGEST_S / 60:g} minutes of {whole}, from {minutes(start_s)}; choose with --start and --end")
    say(f"{uri}: {counts}")
    if not shown and (nearest := _nearest_call(options.output, uri, (start_s, end_s))):
        start, end = (minutes(second) for second in nearest)
        say(f"no call in the picture; the nearest is from {start} to {end}: choose with --start and --end")
    tell_missing(missing)
    say(f"picture: {options.png}")
    return 0


def _time(text: str) -> float:
    """An argparse type: seconds, or ``m:ss``, or ``h:mm:ss``."""
    try:
        seconds = seconds_of(text)
    except ValueError as e:
        raise argparse.ArgumentTypeError(str(e)) from None
    if seconds < 0:
        raise argparse.ArgumentTypeError(f"{text} is before the start")
    return seconds


def _short(name: str) -> str:
    """A long name's start and its end, where the counts beside it need room."""
    return name if len(name) <= _NAME else f"{name[: _NAME // 2]}…{name[-_NAME // 2 :]}"


def _find(output: str, name: str) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """The recording's row, the scan's parameters, and all recordings of the scan."""
    from soundbeam.model.storage.files import place_of
    from soundbeam.pipelines import results

    recordings = results.read(output, "recordings", columns=["recording"])["recording"].to_pylist()
    uri = None
    if "://" not in name and os.path.exists(name):
        place, path = place_of(name)
        uri = place.uri(path) if place.uri(path) in recordings else None
    uri = uri or RecordingNames(recordings).find(name)
    if uri is None:
        raise SoundbeamError(f"{name}: not among the {len(recordings)} recordings of the scan in {output}")
    table = results.read(output, "recordings", recordings=[uri])
    row = table.to_pylist()[0]
    if row["status"] not in ("ok", "partial"):
        raise SoundbeamError(f"{uri}: {row['status']} in the scan: {row['error']}")
    results.check_one_channel(results.parameters(table), output)
    return row, results.parameters(table), recordings


def _interval(row: dict[str, Any], start_s: float | None, end_s: float | None) -> tuple[float, float, bool]:
    """Start and end of what is drawn, and whether that is less than the user asked for."""
    duration_s = row["duration_s"]
    start_s = start_s or 0.0
    last_s = duration_s if end_s is None else min(end_s, duration_s)
    if start_s >= duration_s:
        raise SoundbeamError(f"--start {start_s:g} lies after the end of {row['recording']}, {duration_s:.1f} s")
    if last_s <= start_s:
        raise SoundbeamError(f"--end {last_s:g} must lie behind --start {start_s:g}")
    shortened = end_s is None and last_s - start_s > LONGEST_S
    if not shortened and last_s - start_s > 12 * LONGEST_S:
        raise SoundbeamError(f"from {start_s:g} to {last_s:g} s is more than an hour; choose less")
    return start_s, (start_s + LONGEST_S if shortened else last_s), shortened


def _read(uri: str, rate: int, start_s: float, end_s: float) -> np.ndarray:
    from soundbeam.transforms.decoding.excerpt import read_recording

    samples = read_recording(uri, rate, start_s, end_s)
    if not len(samples):
        raise SoundbeamError(f"{uri}: no sound between {start_s:g} and {end_s:g} s; it may have changed since the scan")
    return samples


def _tracks(
    output: str, uri: str, parameters: dict[str, Any], interval: tuple[float, float]
) -> tuple[list[LabelTrack], dict[str, int], int]:
    """What to draw of each label in the interval, each label's calls in the whole recording, and all in the interval.

    If there are many labels, only those with the highest scores in the interval are drawn.
    """
    import pyarrow.compute as pc

    from soundbeam.pipelines import results
    from soundbeam.pipelines.window_scores import COLUMNS, window_scores

    rows = results.read(output, "predictions", columns=COLUMNS, recordings=[uri])
    rows = rows.filter(pc.and_(pc.greater(rows["end_s"], interval[0]), pc.less(rows["start_s"], interval[1])))
    calls = results.read(output, "calls", columns=["label", "start_s", "end_s", "score"], recordings=[uri]).to_pylist()
    count = dict.fromkeys(parameters["labels"], 0)
    shown: dict[str, list[tuple[float, float, float]]] = {label: [] for label in count}
    for call in calls:
        count[call["label"]] += 1
        if call["end_s"] > interval[0] and call["start_s"] < interval[1]:
            shown[call["label"]].append((call["start_s"], call["end_s"], call["score"]))
    labels = list(count)
    if len(labels) > _LABELS:
        tops = rows.group_by("label", use_threads=False).aggregate([("score", "max")])
        top = dict(zip(tops["label"].to_pylist(), tops["score_max"].to_pylist(), strict=True))
        labels = sorted(labels, key=lambda label: (-len(shown[label]), -top.get(label, 0.0)))[:_LABELS]
        count = {label: n for label, n in count.items() if n} or {"all labels": 0}
    start_s, end_s, scores = window_scores([rows], labels).get(uri, (np.empty(0),) * 2 + (np.empty((0, len(labels))),))
    tracks = [
        LabelTrack(plain(label), (start_s + end_s) / 2, scores[:, i], parameters["thresholds"].get(label), shown[label])
        for i, label in enumerate(labels)
    ]
    return tracks, count, sum(map(len, shown.values()))


def _nearest_call(output: str, uri: str, interval: tuple[float, float]) -> tuple[float, float] | None:
    """Start and end of the recording's call that is nearest to the interval; None if it has no call."""
    from soundbeam.pipelines import results

    calls = results.read(output, "calls", recordings=[uri]).select(["start_s", "end_s"]).to_pylist()
    times = [(call["start_s"], call["end_s"]) for call in calls]
    return min(times, key=lambda call: max(interval[0] - call[1], call[0] - interval[1]), default=None)


if __name__ == "__main__":
    sys.exit(main())
