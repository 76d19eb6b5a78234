"""Scores windows with a bundle's network; overlapping windows of one segment share their spectrogram frames."""

from __future__ import annotations

import abc
from collections.abc import Callable

import numpy as np

from soundbeam.model.classifier.calibration import Calibration
from soundbeam.model.errors import BundleError

# The network's scores, float32 ``[n, labels]``, and behind them, where they were asked for, its embeddings.
Outputs = tuple[np.ndarray, ...]


class Scorer(abc.ABC):
    """What all scorers do alike, whichever engine runs the network; safe to share between threads.

    Args:
        window_samples: Samples of a window.
        labels: How many scores a window has.
        batch: How many windows are scored at once.
        calibration: Turns the scores into probabilities; None: the network's scores are returned as they are.
        embedding_size: How many values a window's embedding has; 0: there is none.
    """

    def __init__(
        self, window_samples: int, labels: int, batch: int, calibration: Calibration | None, embedding_size: int
    ):
        self.window_samples, self.batch, self.calibration = window_samples, batch, calibration
        self.labels, self.embedding_size = labels, embedding_size

    @abc.abstractmethod
    def _of_windows(self, windows: np.ndarray, embed: bool) -> Outputs:
        """float32 ``[n, window samples]``, n from 1 to a batch → what the network gives."""

    def score_windows(self, windows: np.ndarray) -> np.ndarray:
        """float32 ``[n, window samples]`` → float32 ``[n, labels]``; n may be 0."""
        return self._in_batches(self._of_windows, windows, False)[0]

    def embed_windows(self, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float32 ``[n, window samples]`` → scores float32 ``[n, labels]`` and embeddings float32 ``[n, size]``.

        Raises:
            BundleError: The network gives no embedding.
        """
        self._check_embedding()
        scores, embeddings = self._in_batches(self._of_windows, windows, True)
        return scores, embeddings

    def score_segment(self, samples: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Scores the windows of one segment; equal to ``score_windows`` of them to 1e-5.

        Args:
            samples: float32 ``[m]``, m at least a window.
            offsets: int64 ``[n]``, ascending: first sample of each window.

        Returns:
            float32 ``[n, labels]``.
        """
        return self._of_segment(samples, offsets, False)[0]

    def embed_segment(self, samples: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Like ``score_segment``, with the windows' embeddings, float32 ``[n, size]``, from the same pass.

        Raises:
            BundleError: The network gives no embedding.
        """
        self._check_embedding()
        scores, embeddings = self._of_segment(samples, offsets, True)
        return scores, embeddings

    def _of_segment(self, samples: np.ndarray, offsets: np.ndarray, embed: bool) -> Outputs:
        results = self._empty(len(offsets), embed)
        self._fill_alone(results, np.arange(len(offsets)), samples, offsets, embed)
        return self._calibrated(results)

    def _fill_alone(
        self, results: Outputs, indices: np.ndarray, samples: np.ndarray, offsets: np.ndarray, embed: bool
    ) -> None:
        """Fills in the results of some windows of a segment, which are cut out."""
        for i in range(0, len(indices), self.batch):
            part = indices[i : i + self.batch]
            windows = np.lib.stride_tricks.sliding_window_view(samples, self.window_samples)[offsets[part]]
            _fill(results, part, self._of_windows(windows, embed))

    def _in_batches(self, score: Callable[[np.ndarray, bool], Outputs], items: np.ndarray, embed: bool) -> Outputs:
        parts = [score(items[i : i + self.batch], embed) for i in range(0, len(items), self.batch)]
        if not parts:
            return self._empty(0, embed)
        return self._calibrated(tuple(np.concatenate(each) for each in zip(*parts, strict=True)))

    def _empty(self, n: int, embed: bool) -> Outputs:
        widths = (self.labels, self.embedding_size) if embed else (self.labels,)
        return tuple(np.empty((n, width), np.float32) for width in widths)

    def _calibrated(self, results: Outputs) -> Outputs:
        scores, *embeddings = results
        return (self.calibration.apply(scores) if self.calibration else scores, *embeddings)

    def _check_embedding(self) -> None:
        if not self.embedding_size:
            raise BundleError(
                "this classifier gives no embeddings: import its model again with --embedding NAME, "
                "or ask its bundle for a scorer with embeddings"
            )


class FrontEndScorer(Scorer):
    """A scorer of a network over a front end's spectrograms.

    Args:
        window_samples, labels, batch, calibration, embedding_size: As for ``Scorer``.
        step: Samples between the starts of two frames.
        shares: Whether overlapping windows may share frames (``FrontEndConfig.frame_local``).
    """

    def __init__(
        self,
        window_samples: int,
        labels: int,
        batch: int,
        calibration: Calibration | None,
        embedding_size: int,
        step: int,
        shares: bool,
    ):
        super().__init__(window_samples, labels, batch, calibration, embedding_size)
        self._step, self._share = step, shares

    @abc.abstractmethod
    def _of_spectrograms(self, spectrograms: np.ndarray, embed: bool) -> Outputs:
        """float32 ``[n, frames, bins, channels]``, n from 1 to a batch → what the network gives."""

    @abc.abstractmethod
    def _of_stretch(self, samples: np.ndarray, first_frames: np.ndarray, embed: bool) -> Outputs:
        """float32 ``[m]`` and the int32 ``[n]`` first frames of the windows there → what the network gives."""

    def score_spectrograms(self, spectrograms: np.ndarray) -> np.ndarray:
        """float32 ``[n, frames, bins, channels]``, as the front end makes them → float32 ``[n, labels]``."""
        return self._in_batches(self._of_spectrograms, spectrograms, False)[0]

    def _of_segment(self, samples: np.ndarray, offsets: np.ndarray, embed: bool) -> Outputs:
        """What the network gives of a segment's windows.

        Windows that overlap and start at a multiple of the front end's step share their frames; the others (a last
        one that was moved back, and all where the front end is not frame by frame) are cut out.
        """
        results = self._empty(len(offsets), embed)
        aligned = offsets % self._step == 0
        if not self._share or len(offsets) < 2 or np.median(np.diff(offsets)) >= self.window_samples:
            aligned[:] = False
        together = np.flatnonzero(aligned)
        for i in range(0, len(together), self.batch):
            part = together[i : i + self.batch]
            first, last = int(offsets[part[0]]), int(offsets[part[-1]])
            frames = ((offsets[part] - first) // self._step).astype(np.int32)
            _fill(results, part, self._of_stretch(samples[first : last + self.window_samples], frames, embed))
        self._fill_alone(results, np.flatnonzero(~aligned), samples, offsets, embed)
        return self._calibrated(results)


def _fill(results: Outputs, indices: np.ndarray, values: Outputs) -> None:
    for result, value in zip(results, values, strict=True):
        result[indices] = value
