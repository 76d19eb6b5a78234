"""Scores windows with a bundle's network; overlapping windows of one segment share their spectrogram frames."""

from __future__ import annotations

import abc
from collections.abc import Callable

import numpy as np

from soundbeam.model.classifier.calibration import Calibration


class Scorer(abc.ABC):
    """What all scorers do alike, whichever engine runs the network; safe to share between threads.

    Args:
        window_samples: Samples of a window.
        labels: How many scores a window has.
        step: Samples between the starts of two frames.
        shares: Whether overlapping windows may share frames (``FrontEndConfig.frame_local``).
        batch: How many windows are scored at once.
        calibration: Turns the scores into probabilities; None: the network's scores are returned as they are.
    """

    def __init__(
        self, window_samples: int, labels: int, step: int, shares: bool, batch: int, calibration: Calibration | None
    ):
        self.window_samples, self.batch, self.calibration = window_samples, batch, calibration
        self._labels, self._step, self._share = labels, step, shares

    @abc.abstractmethod
    def _of_windows(self, windows: np.ndarray) -> np.ndarray:
        """float32 ``[n, window samples]``, n from 1 to a batch → the network's scores, float32 ``[n, labels]``."""

    @abc.abstractmethod
    def _of_spectrograms(self, spectrograms: np.ndarray) -> np.ndarray:
        """float32 ``[n, frames, bins, channels]``, n from 1 to a batch → the network's scores."""

    @abc.abstractmethod
    def _of_stretch(self, samples: np.ndarray, first_frames: np.ndarray) -> np.ndarray:
        """float32 ``[m]`` and the int32 ``[n]`` first frames of the windows there → the network's scores."""

    def score_windows(self, windows: np.ndarray) -> np.ndarray:
        """float32 ``[n, window samples]`` → float32 ``[n, labels]``; n may be 0."""
        return self._in_batches(self._of_windows, windows)

    def score_spectrograms(self, spectrograms: np.ndarray) -> np.ndarray:
        """float32 ``[n, frames, bins, channels]``, as the front end makes them → float32 ``[n, labels]``."""
        return self._in_batches(self._of_spectrograms, spectrograms)

    def _in_batches(self, score: Callable[[np.ndarray], np.ndarray], items: np.ndarray) -> np.ndarray:
        parts = [score(items[i : i + self.batch]) for i in range(0, len(items), self.batch)]
        return self._calibrated(np.concatenate(parts)) if parts else np.zeros((0, self._labels), np.float32)

    def _calibrated(self, scores: np.ndarray) -> np.ndarray:
        return self.calibration.apply(scores) if self.calibration else scores

    def score_segment(self, samples: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Scores the windows of one segment; equal to ``score_windows`` of them to 1e-5.

        Windows that overlap and start at a multiple of the front end's step share their frames; the others (a last
        one that was moved back, and all where the front end is not frame by frame) are cut out.

        Args:
            samples: float32 ``[m]``, m at least a window.
            offsets: int64 ``[n]``, ascending: first sample of each window.

        Returns:
            float32 ``[n, labels]``.
        """
        scores = np.empty((len(offsets), self._labels), np.float32)
        aligned = offsets % self._step == 0
        if not self._share or len(offsets) < 2 or np.median(np.diff(offsets)) >= self.window_samples:
            aligned[:] = False
        together = np.flatnonzero(aligned)
        for i in range(0, len(together), self.batch):
            part = together[i : i + self.batch]
            first, last = int(offsets[part[0]]), int(offsets[part[-1]])
            frames = ((offsets[part] - first) // self._step).astype(np.int32)
            scores[part] = self._of_stretch(samples[first : last + self.window_samples], frames)
        alone = np.flatnonzero(~aligned)
        for i in range(0, len(alone), self.batch):
            part = alone[i : i + self.batch]
            windows = np.lib.stride_tricks.sliding_window_view(samples, self.window_samples)[offsets[part]]
            scores[part] = self._of_windows(windows)
        return self._calibrated(scores)
