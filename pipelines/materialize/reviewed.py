"""The windows that people judged → clips of their recordings."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines import results
from soundbeam.pipelines.materialize.annotated import label_of_not
from soundbeam.pipelines.review.store import ReviewStore
from soundbeam.transforms.clip_records import Clip

_Key = tuple[str, int | None, str, float]  # recording, channel, label, start


def reviewed_clips(outputs: Sequence[str], say: Callable[[str], None]) -> list[Clip]:
    """The windows on which their reviewers agree.

    A window with the label, or with another one, is a clip of it. One without is a clip of ``not LABEL``, unless it
    overlaps a window in which a label was confirmed: of that, it may hold a part. Those over the detector's threshold
    are false alarms.

    Args:
        outputs: Output folders of scans.
        say: Gets a line for what is left out.

    Raises:
        SoundbeamError: There are no verdicts of use.
    """
    by_window: dict[_Key, list[dict[str, Any]]] = collections.defaultdict(list)
    for output in outputs:
        thresholds = {
            info.run: info.parameters.thresholds for info in results.open_output(output).runs()
        }  # fmt: skip
        for row in ReviewStore(output).consensus().to_pylist():
            threshold = thresholds.get(row["run"], {}).get(row["label"], 0.0)
            row["over"] = row["score"] is None or row["score"] >= threshold
            by_window[row["recording"], row["channel"], row["label"], round(row["start_s"], 3)].append(row)
    if not by_window:
        raise SoundbeamError(
            f"--reviews {' '.join(outputs)}: no verdicts in it; judge windows with 'soundbeam review' first"
        )
    left_out: collections.Counter[str] = collections.Counter()
    there, absent = list[Clip](), list[Clip]()
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
    without = [clip for clip, near in zip(absent, _overlaps(absent, there), strict=True) if not near]
    left_out["have no call but overlap one with a call"] = len(absent) - len(without)
    for why, n in left_out.items():
        if n:
            say(f"--reviews: {n} windows {why}, and are left out")
    if not there and not without:
        raise SoundbeamError(f"--reviews {' '.join(outputs)}: no window is judged clearly; judge more of them")
    return sorted([*there, *without], key=lambda c: (c.recording, c.start_s, c.label))


def _clip(row: dict[str, Any], label: str, false_alarm: bool = False) -> Clip:
    return Clip(row["recording"], label, row["recording"], row["start_s"], row["end_s"], false_alarm)


def _overlaps(clips: Sequence[Clip], others: Iterable[Clip]) -> list[bool]:
    """Whether each of some clips overlaps one of others."""
    by_recording: dict[str, list[Clip]] = collections.defaultdict(list)
    for clip in others:
        by_recording[clip.recording].append(clip)
    return [
        any(_ends(one) > clip.start_s and one.start_s < _ends(clip) for one in by_recording[clip.recording])
        for clip in clips
    ]


def _ends(clip: Clip) -> float:
    return float("inf") if clip.end_s is None else clip.end_s
