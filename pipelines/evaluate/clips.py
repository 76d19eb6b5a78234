"""Compares a scan of labelled clips with their labels, for ``soundbeam evaluate --clips``."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from soundbeam.model.classifier.clip_scores import clip_scores
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.evaluation.classification import Classification, classify
from soundbeam.model.pictures.confusion import draw_confusion
from soundbeam.model.storage.files import open_to_write, place_of
from soundbeam.model.storage.place import below
from soundbeam.model.tasks import CLASSIFIER
from soundbeam.pipelines import results
from soundbeam.pipelines.console.label_tables import print_classification
from soundbeam.pipelines.console.output import say, tell_missing
from soundbeam.pipelines.window_scores import WindowScores, read_window_scores
from soundbeam.transforms.clip_records import Clip, Reject
from soundbeam.transforms.listing.list_clips import clip_of_file, read_clips_table
from soundbeam.transforms.records import Recording

_ClipKey = tuple[str, float, float | None]  # URI of the recording, start and end of the clip in it


@dataclasses.dataclass(frozen=True, eq=False)
class ClipEvaluation:
    """How well a scan tells clips apart.

    Attributes:
        figures: How well, by label and in all.
        task: ``detector`` or ``classifier``.
        clips: The clips compared: URI, start, end.
        truth: bool ``[clips, labels]``.
        scores: float64 ``[clips, labels]``.
        notes: What was left out, a line each.
    """

    figures: Classification
    task: str
    clips: list[_ClipKey]
    truth: np.ndarray
    scores: np.ndarray
    notes: list[str]

    @property
    def labels(self) -> list[str]:
        """Their names, in the order of the scores."""
        return [label_figures.label for label_figures in self.figures.labels]


def evaluate_clips(clips: str, output: str) -> ClipEvaluation:
    """Compares the scores of a scan with the labels of the clips that it scanned.

    A clip's scores are those of its windows: their mean where one of many labels is true, the highest where several may
    be. Of a clip that is part of a longer recording, the windows count of which at least half lies in the clip.

    Args:
        clips: A folder with a folder a label, or a CSV ``path,label[,start_s,end_s]``; a clip with several rows has
            several labels.
        output: The scan's output folder.

    Raises:
        SoundbeamError: Nothing can be compared.
    """
    recordings = results.read(output, "recordings")
    parameters = results.parameters(recordings)
    results.check_one_channel(parameters, output)
    labels, rows = list(parameters["labels"]), {row["recording"]: row for row in recordings.to_pylist()}
    labels_by_clip, notes = _labels_by_clip(clips, rows)
    windows = read_window_scores(output, {uri for uri, *_ in labels_by_clip if uri in rows}, labels)
    task = parameters.get("task") or _task_of(windows)
    truths, scores, compared = [], [], []
    left_out: Counter[str] = Counter()
    for clip_key, clip_labels in labels_by_clip.items():
        true = [label in clip_labels for label in labels]
        if clip_key[0] not in rows:
            left_out["were not scanned"] += 1
        elif (window_scores := _scores_inside(windows.get(clip_key[0]), clip_key)) is None:
            left_out["have no scores (their rows in the table 'recordings' say why)"] += 1
        elif task == CLASSIFIER and sum(true) != 1:
            left_out["have a label that the classifier does not know, or several"] += 1
        else:
            truths.append(true)
            scores.append(clip_scores(window_scores, task))
            compared.append(clip_key)
    notes += [f"{n} clips {why}" for why, n in left_out.items()]
    if not compared:
        raise SoundbeamError(
            f"{clips}: none of {len(labels_by_clip)} clips can be compared with {output}; {'; '.join(notes)}"
        )
    truth, by_clip = np.array(truths), np.stack(scores)
    thresholds = [parameters["thresholds"][label] for label in labels]
    figures = classify(truth, by_clip, labels, task, thresholds)
    return ClipEvaluation(figures, task, compared, truth, by_clip, notes)


def _labels_by_clip(clips: str, rows: dict[str, Any]) -> tuple[dict[_ClipKey, set[str]], list[str]]:
    """(URI, start, end) → the labels of each clip."""
    labels_by_clip: dict[_ClipKey, set[str]] = {}
    place, path = place_of(clips)
    if place.fs.isdir(path):
        root = place.uri(path.rstrip("/"))
        under = [uri for uri in rows if below(uri, root)]
        clip_rows = [clip_of_file(Recording(uri, 0, ""), root) for uri in sorted(under)]
    elif place.fs.exists(path):
        clip_rows = list(read_clips_table(clips, exists=rows.__contains__))
    else:
        raise SoundbeamError(f"{clips}: no such folder or CSV of clips")
    for clip in clip_rows:
        if isinstance(clip, Clip):
            labels_by_clip.setdefault((clip.recording, clip.start_s, clip.end_s), set()).add(clip.label)
    rejects = [clip for clip in clip_rows if isinstance(clip, Reject)]
    first = f", the first: {rejects[0].recording}: {rejects[0].reason}" if rejects else ""
    if not labels_by_clip:
        raise SoundbeamError(f"{clips}: no clip of it is in the scan; scan that folder first{first}")
    return labels_by_clip, [f"{len(rejects)} files or rows are no clips{first}"] if rejects else []


def _scores_inside(windows: WindowScores | None, clip_key: _ClipKey) -> np.ndarray | None:
    """The scores of the windows of which at least half lies in a clip; if there is none, of the nearest window."""
    if windows is None or not len(windows.scores):
        return None
    start_s, end_s, scores = windows
    _, first, last = clip_key
    shared = np.minimum(end_s, np.inf if last is None else last) - np.maximum(start_s, first)
    inside = shared >= (end_s - start_s) / 2 - 1e-6
    return scores[inside] if inside.any() else scores[[int(np.argmax(shared))]] if shared.max() > 0 else None


def _task_of(windows: dict[str, WindowScores]) -> str:
    """The task of a run that did not record it: a classifier's scores sum to 1."""
    sums = np.concatenate([of_recording.scores.sum(axis=1) for of_recording in windows.values()] or [np.zeros(1)])
    several = any(of_recording.scores.shape[1] > 1 for of_recording in windows.values())
    return CLASSIFIER if several and np.allclose(sums, 1, atol=1e-3) else "detector"


def print_clips(evaluation: ClipEvaluation) -> None:
    """Prints the notes, the figures of each label and a summary."""
    for note in evaluation.notes:
        say(f"note: {note}")
    print_classification(evaluation.figures, evaluation.task)


def write_report(evaluation: ClipEvaluation, folder: str) -> list[str]:
    """Writes ``labels.parquet``, ``confusion.parquet``, ``confusion.png`` and ``clips.parquet``; returns their URLs."""
    folder, labels = folder.rstrip("/"), evaluation.labels
    place, path = place_of(folder)
    place.fs.makedirs(path, exist_ok=True)
    confusion = evaluation.figures.confusion
    rows, columns = np.indices(confusion.shape)
    highest = evaluation.scores.argmax(axis=1)
    tables = {
        "labels": pa.Table.from_pylist([dataclasses.asdict(one) for one in evaluation.figures.labels]),
        "confusion": pa.table(
            {
                "label": pa.array([labels[i] for i in rows.ravel()]),
                "taken_for": pa.array([labels[j] for j in columns.ravel()]),
                "clips": pa.array(confusion.ravel()),
            }
        ),
        "clips": pa.table(
            {
                "recording": [uri for uri, *_ in evaluation.clips],
                "start_s": pa.array([start for _, start, _ in evaluation.clips], pa.float64()),
                "end_s": pa.array([end for *_, end in evaluation.clips], pa.float64()),
                "labels": [[labels[i] for i in np.flatnonzero(true)] for true in evaluation.truth],
                "highest": [labels[i] for i in highest],
                "scores": pa.array(list(evaluation.scores.astype(np.float32)), pa.list_(pa.float32())),
            }
        ).replace_schema_metadata({"labels": "\n".join(labels)}),
    }
    written = []
    for name, table in tables.items():
        written.append(f"{folder}/{name}.parquet")
        with open_to_write(written[-1]) as file:
            pq.write_table(table, file)
    written.append(f"{folder}/confusion.png")
    with open_to_write(written[-1]) as file:
        tell_missing(draw_confusion(file, confusion, labels, f"{evaluation.figures.clips} clips"))
    return written


def plain_figures(evaluation: ClipEvaluation) -> dict[str, Any]:
    """The figures as plain values, for JSON."""
    return {**evaluation.figures.plain(), "task": evaluation.task, "notes": evaluation.notes}
