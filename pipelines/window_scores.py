"""The scores of a scan's windows as matrices, from the table of predictions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines import results

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("recording", "start_s", "end_s", "label", "score")


class WindowScores(NamedTuple):
    """The windows of one recording, in order of time.

    Attributes:
        start_s: float64 ``[windows]``.
        end_s: float64 ``[windows]``.
        scores: float32 ``[windows, labels]``; 0 where the scan did not keep a score.
    """

    start_s: np.ndarray
    end_s: np.ndarray
    scores: np.ndarray


def read_window_scores(output: str, recordings: Collection[str], labels: Sequence[str]) -> dict[str, WindowScores]:
    """The windows of some recordings and their scores of some labels, by the recording's URI.

    Args:
        output: The scan's output folder.
        recordings: Their URIs; of one without windows there is nothing.
        labels: The labels, in the order of the columns.

    Raises:
        ResultsError: The output cannot be read.
        SoundbeamError: A score is no number.
    """
    return window_scores(results.stream(output, "predictions", columns=COLUMNS, recordings=recordings), labels)


def window_scores(parts: Iterable[pa.Table], labels: Sequence[str]) -> dict[str, WindowScores]:
    """The same of rows with the columns `COLUMNS`; those of one window may be in two parts.

    Every window has a row, at least of its highest label.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from soundbeam.model.storage.parquet import rows_by

    names = pa.array(labels, pa.string())
    rows_of: dict[str, list[tuple[np.ndarray, ...]]] = {}
    for part in parts:
        label = pc.fill_null(pc.index_in(part["label"], value_set=names), -1).to_numpy()
        columns = (part["start_s"].to_numpy(), part["end_s"].to_numpy(), label, part["score"].to_numpy())
        if not np.all(np.isfinite(columns[3])):
            raise SoundbeamError("the scan holds scores that are no numbers; its classifier is broken, train it again")
        for name, of in rows_by(part, "recording"):
            rows_of.setdefault(name, []).append(tuple(column[of] for column in columns))
    return {uri: _matrix(rows, len(labels)) for uri, rows in rows_of.items()}


def _matrix(parts: list[tuple[np.ndarray, ...]], labels: int) -> WindowScores:
    """Of one recording: starts, ends, columns (−1 for none) and scores of its rows, part by part."""
    start_s, end_s, label, score = (np.concatenate(column) for column in zip(*parts, strict=True))
    starts, first, window = np.unique(start_s, return_index=True, return_inverse=True)
    scores = np.zeros((len(starts), labels), np.float32)
    known = label >= 0
    scores[window[known], label[known]] = score[known]
    return WindowScores(starts, end_s[first], scores)
