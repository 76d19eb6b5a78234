"""A scan of labelled clips against their labels: what ``soundbeam evaluate --clips`` tells."""

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
from soundbeam.model.tasks import CLASSIFIER
from soundbeam.pipelines import results
from soundbeam.pipelines.console.label_tables import print_classification
from soundbeam.pipelines.console.output import say
from soundbeam.pipelines.score_matrix import score_matrix
from soundbeam.transforms.listing.clips import clip_of_file, read_clips_table
from soundbeam.transforms.records import Clip, Recording

_Stretch = tuple[str, float, float | None]


@dataclasses.dataclass(frozen=True, eq=False)
class ClipEvaluation:
    """How well the clips of a scan are told apart.

    Attributes:
        figures: All of them.
        task: ``detector`` or ``classifier``.
        clips: The clips compared: URI, start, end.
        truth: bool ``[clips, labels]``.
        scores: float64 ``[clips, labels]``.
        notes: What was left out, a line each.
    """

    figures: Classification
    task: str
    clips: list[_Stretch]
    truth: np.ndarray
    scores: np.ndarray
    notes: list[str]

    @property
    def labels(self) -> list[str]:
        """Their names, in the order of the scores."""
        return [its.label for its in self.figures.labels]


def evaluate_clips(clips: str, output: str) -> ClipEvaluation:
    """Compares the scores of a scan with the labels of the clips that it scanned.

    A clip's scores are those of its windows: their mean where one of many labels is true, the highest where several may
    be. Of a clip that is a stretch of a longer recording, those windows count of which at least half is inside.

    Args:
        clips: A folder with a folder a label, or a CSV ``path,label[,start_s,end_s]``; a clip with several rows has
            several labels.
        output: The scan's output folder.

    Raises:
        SoundbeamError: Nothing can be compared.
    """
    recordings = results.read(output, "recordings")
    parameters = results.parameters(recordings)
    labels, rows = list(parameters["labels"]), {row["recording"]: row for row in recordings.to_pylist()}
    named, notes = _named(clips, rows)
    windows = _windows(output, {uri for uri, *_ in named if uri in rows}, len(labels))
    task = parameters.get("task") or _task_of(windows)
    truths, scores, compared = [], [], []
    left_out: Counter[str] = Counter()
    for stretch, its in named.items():
        known = [label in its for label in labels]
        if stretch[0] not in rows:
            left_out["were not scanned"] += 1
        elif (mine := _inside(windows.get(stretch[0]), stretch)) is None:
            left_out["have no scores (their rows in the table 'recordings' say why)"] += 1
        elif task == CLASSIFIER and sum(known) != 1:
            left_out["have a label that the classifier does not know, or several"] += 1
        else:
            truths.append(known)
            scores.append(clip_scores(mine, task))
            compared.append(stretch)
    notes += [f"{n} clips {why}" for why, n in left_out.items()]
    if not compared:
        raise SoundbeamError(f"{clips}: none of {len(named)} clips can be compared with {output}; {'; '.join(notes)}")
    truth, by_clip = np.array(truths), np.stack(scores)
    thresholds = [parameters["thresholds"][label] for label in labels]
    figures = classify(truth, by_clip, labels, task, thresholds)
    return ClipEvaluation(figures, task, compared, truth, by_clip, notes)


def _named(clips: str, rows: dict[str, Any]) -> tuple[dict[_Stretch, set[str]], list[str]]:
    """(URI, start, end) → the labels of each clip."""
    named: dict[_Stretch, set[str]] = {}
    place, path = place_of(clips)
    if place.fs.isdir(path):
        root = place.uri(path.rstrip("/"))
        under = [uri for uri in rows if uri.startswith(root + "/")]
        found = [clip_of_file(Recording(uri, 0, ""), root) for uri in sorted(under)]
    elif place.fs.exists(path):
        found = list(read_clips_table(clips))
    else:
        raise SoundbeamError(f"{clips}: no such folder or CSV of clips")
    for clip in found:
        if isinstance(clip, Clip):
            named.setdefault((clip.recording, clip.start_s, clip.end_s), set()).add(clip.label)
    rejected = len([clip for clip in found if clip is not None and not isinstance(clip, Clip)])
    if not named:
        raise SoundbeamError(f"{clips}: no clip of it is in the scan; scan that folder first")
    return named, [f"{rejected} files or rows are no clips"] if rejected else []


def _windows(output: str, wanted: set[str], labels: int) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """URI → start_s ``[n]``, end_s ``[n]`` and scores ``[n, labels]`` of its windows."""
    found: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
    for part in results.stream(output, "predictions", recordings=wanted):
        if not len(part):
            continue
        scores = score_matrix(part, labels)
        start_s, end_s = part["start_s"].to_numpy(), part["end_s"].to_numpy()
        encoded = part["recording"].combine_chunks().dictionary_encode()
        order = np.argsort(encoded.indices.to_numpy(), kind="stable")
        ends = np.cumsum(np.bincount(encoded.indices.to_numpy(), minlength=len(encoded.dictionary)))
        for name, of in zip(encoded.dictionary.to_pylist(), np.split(order, ends[:-1]), strict=True):
            found.setdefault(name, []).append((start_s[of], end_s[of], scores[of]))
    return {
        uri: (
            np.concatenate([p[0] for p in parts]),
            np.concatenate([p[1] for p in parts]),
            np.concatenate([p[2] for p in parts]),
        )
        for uri, parts in found.items()
    }


def _inside(windows: tuple[np.ndarray, np.ndarray, np.ndarray] | None, stretch: _Stretch) -> np.ndarray | None:
    """The scores of the windows at least half of which lie in a stretch; where there is none, of the nearest."""
    if windows is None or not len(windows[0]):
        return None
    start_s, end_s, scores = windows
    _, first, last = stretch
    shared = np.minimum(end_s, np.inf if last is None else last) - np.maximum(start_s, first)
    inside = shared >= (end_s - start_s) / 2 - 1e-6
    return scores[inside] if inside.any() else scores[[int(np.argmax(shared))]] if shared.max() > 0 else None


def _task_of(windows: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> str:
    """Of a run that does not say: scores of one of many labels sum to 1."""
    sums = np.concatenate([scores.sum(axis=1) for _, _, scores in windows.values()] or [np.zeros(1)])
    several = any(scores.shape[1] > 1 for _, _, scores in windows.values())
    return CLASSIFIER if several and np.allclose(sums, 1, atol=1e-3) else "detector"


def print_clips(evaluation: ClipEvaluation) -> None:
    """Prints what a person wants to know."""
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
        draw_confusion(file, confusion, labels, f"{evaluation.figures.clips} clips")
    return written


def plain_figures(evaluation: ClipEvaluation) -> dict[str, Any]:
    """The figures as plain values, for JSON."""
    return {**evaluation.figures.plain(), "task": evaluation.task, "notes": evaluation.notes}
