"""The windows that people judged → clips of their recordings."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines import results
from soundbeam.pipelines.materialize.annotated import label_of_not
from soundbeam.pipelines.review.store import ReviewStore
from soundbeam.pipelines.scanned_files import files_of_windows
from soundbeam.transforms.clip_records import Clip
from soundbeam.transforms.scanned_file import ScannedFile

_Judged = tuple[ScannedFile, Clip]
_Key = tuple[str, int | None, str, float]  # recording, channel, label, start


def reviewed_clips(outputs: Sequence[str], say: Callable[[str], None]) -> list[tuple[ScannedFile, tuple[Clip, ...]]]:
    """The windows on which their reviewers agree.

    A window with the label, or with another one, is a clip of it. One without is a clip of ``not LABEL``, unless it
    overlaps a window in which a label was confirmed: of that, it may hold a part. Those over the detector's threshold
    are false alarms.

    Args:
        outputs: Output folders of scans.
        say: Gets a line for what is left out.

    Returns:
        Each recording, as a scan saw it in which windows were judged, with the clips of it.

    Raises:
        SoundbeamError: There are no verdicts of use.
    """
    by_window: dict[_Key, list[dict[str, Any]]] = collections.defaultdict(list)
    for output in outputs:
        runs = {info.run: info.parameters for info in results.open_output(output).runs()}
        rows = ReviewStore(output).consensus().to_pylist()
        files = files_of_windows(output, rows)
        for row in rows:
            run = runs.get(row["run"])
            threshold = run.thresholds.get(row["label"], 0.0) if run else 0.0
            row["over"] = row["score"] is None or row["score"] >= threshold
            row["channel"] = run.heard_channel(row["channel"]) if run else row["channel"]
            row["file"] = files.get((row["run"], row["recording"]), ScannedFile(row["recording"], None))
            by_window[row["recording"], row["channel"], row["label"], round(row["start_s"], 3)].append(row)
    if not by_window:
        raise SoundbeamError(
            f"--reviews {' '.join(outputs)}: no verdicts in it; judge windows with 'soundbeam review' first"
        )
    left_out: collections.Counter[str] = collections.Counter()
    there, absent = list[_Judged](), list[_Judged]()
    for rows in by_window.values():
        row, verdicts = rows[-1], {(row["verdict"], row["other_label"]) for row in rows}
        verdict, other = verdicts.pop() if len(verdicts) == 1 else (None, None)
        over = any(row["over"] for row in rows)
        if verdict is None:
            left_out["are judged differently"] += 1
        elif verdict == "unsure":
            left_out["are unsure"] += 1
        elif verdict == "yes":
            there.append(_clip(row, row["label"]))
        elif verdict == "other" and other:
            there.append(_clip(row, other, over))
        else:
            absent.append(_clip(row, label_of_not(row["label"]), over))
    without = [one for one, near in zip(absent, _overlaps(absent, there), strict=True) if not near]
    left_out["have no call but overlap one with a call"] = len(absent) - len(without)
    for why, n in left_out.items():
        if n:
            say(f"--reviews: {n} windows {why}, and are left out")
    if not there and not without:
        raise SoundbeamError(f"--reviews {' '.join(outputs)}: no window is judged clearly; judge more of them")
    judged = sorted([*there, *without], key=lambda one: (one[0].uri, str(one[0]), one[1].start_s, one[1].label))
    return [(file, tuple(clip for _, clip in of)) for file, of in itertools.groupby(judged, key=lambda one: one[0])]


def _clip(row: dict[str, Any], label: str, false_alarm: bool = False) -> _Judged:
    uri = row["recording"]
    return row["file"], Clip(uri, label, uri, row["start_s"], row["end_s"], false_alarm, row["channel"])


def _overlaps(clips: Sequence[_Judged], others: Iterable[_Judged]) -> list[bool]:
    """Whether each of some clips overlaps one of others in its channel."""
    by_channel: dict[tuple[str, int | None], list[Clip]] = collections.defaultdict(list)
    for _, clip in others:
        by_channel[clip.recording, clip.channel].append(clip)
    return [
        any(_ends(one) > clip.start_s and one.start_s < _ends(clip) for one in by_channel[clip.recording, clip.channel])
        for _, clip in clips
    ]


def _ends(clip: Clip) -> float:
    return float("inf") if clip.end_s is None else clip.end_s
