"""The scores of a whole clip from those of its windows."""

from __future__ import annotations

import numpy as np

from soundbeam.model.tasks import CLASSIFIER


def clip_scores(scores: np.ndarray, task: str) -> np.ndarray:
    """A clip's scores from those of its windows.

    A classifier's are the mean: all windows are of the same thing. A detector's are the highest: a call is somewhere in
    the clip.

    Args:
        scores: ``[windows, labels]``, at least one window.
        task: ``detector`` or ``classifier``.

    Returns:
        float64 ``[labels]``.
    """
    scores = np.asarray(scores, np.float64)
    return scores.mean(axis=0) if task == CLASSIFIER else scores.max(axis=0)
