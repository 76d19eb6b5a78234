"""Segments → scores of their windows: Beam RunInference over a classifier bundle, one shared model a process."""

from __future__ import annotations

import atexit
import dataclasses
import gc
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.ml.inference.base import ModelHandler, RunInference

from model.errors import SoundbeamError
from transforms.counters import count, milliseconds
from transforms.records import DecodeReport, Segment, SegmentScores

SEGMENTS_A_BATCH = 16
# A segment with fewer windows than this share of a batch is scored together with others: a call has its price.
_ENOUGH = 1 / 4


def score_segments(segments: Sequence[Segment], scorer: Any) -> list[SegmentScores]:
    """Scores segments, each window once, whatever stands together in a batch.

    A segment of many windows is scored by itself, since its windows share spectrogram frames; shorter ones are put
    together, across recordings.

    Args:
        segments: Any number of segments, of any recordings.
        scorer: A `model.scorer.Scorer`.

    Returns:
        One for each segment, in order.
    """
    batch = scorer.batch
    whole = [s for s in segments if len(s.offsets) >= _ENOUGH * batch]
    small = [s for s in segments if len(s.offsets) < _ENOUGH * batch]
    scores: dict[int, np.ndarray | Exception] = {id(s): _scores_of(s, scorer) for s in whole}
    while small:
        some: list[Segment] = []
        windows = 0
        while small and (not some or windows + len(small[0].offsets) <= batch):
            windows += len(small[0].offsets)
            some.append(small.pop(0))
        scores.update(_scores_together(some, scorer))
    return [_with_scores(s, scores[id(s)]) for s in segments]


def windows_of(segment: Segment) -> np.ndarray:
    """float32 ``[windows, samples]``: a segment's windows, gathered."""
    length = len(segment.samples) - int(segment.offsets[-1])  # the last window ends where the samples end
    return np.stack([segment.samples[o : o + length] for o in segment.offsets.tolist()])


def _scores_of(segment: Segment, scorer: Any) -> np.ndarray | Exception:
    try:
        return scorer.score_segment(segment.samples, segment.offsets)
    except Exception as e:  # One segment that cannot be scored must not cost the others their scores.
        return e


def _scores_together(segments: Sequence[Segment], scorer: Any) -> dict[int, np.ndarray | Exception]:
    if len(segments) == 1:
        return {id(segments[0]): _scores_of(segments[0], scorer)}
    try:
        together = scorer.score_windows(np.concatenate([windows_of(s) for s in segments]))
    except Exception:  # Find out which one it is.
        return {id(s): _scores_of(s, scorer) for s in segments}
    ends = np.cumsum([len(s.offsets) for s in segments])
    return {id(s): part for s, part in zip(segments, np.split(together, ends[:-1]), strict=True)}


def _with_scores(segment: Segment, scores: np.ndarray | Exception) -> SegmentScores:
    error = ""
    if isinstance(scores, Exception):
        error = f"scoring failed: {' '.join(str(scores).split())[:300] or type(scores).__name__}"
    elif scores.shape[0] != len(segment.offsets) or not np.all(np.isfinite(scores)):
        error = "the model gave a score that is no number"
    count("segments_scored" if not error else "segments_not_scored")
    count("windows_scored", 0 if error else len(segment.offsets))
    kept = None if error else np.asarray(scores)
    return SegmentScores(segment.uri, segment.index, segment.start_s, segment.end_s, kept, error, segment.cut)


class LoadedWhenNeeded:
    """A model that is loaded when the first segment comes, once: a night with nothing new loads no TensorFlow."""

    def __init__(self, load: Callable[[], Any]):
        self._load, self._lock, self._model = load, threading.Lock(), None

    def get(self) -> Any:
        """The model."""
        with self._lock:
            if self._model is None:
                self._model = self._load()
                # Else it would outlive TensorFlow at the interpreter's end, and complain on stderr.
                atexit.register(self._forget)
            return self._model

    def _forget(self) -> None:
        self._model = None
        gc.collect()


class BundleHandler(ModelHandler[Any, Any, Any]):
    """Beam's handler for a classifier bundle.

    It drops the sound at once and keeps our own keys, which a `PredictionResult` would not. Reports pass through, so
    that a recording's scores and its report stay together.

    Args:
        bundle: URL of the bundle.
        fingerprint: The bundle's fingerprint when the scan began: a worker that finds another one refuses to score.
        batch: How many windows are scored at once; None: as the bundle says.
    """

    def __init__(self, bundle: str, fingerprint: str, batch: int | None = None):
        self._bundle, self._fingerprint, self._batch = bundle, fingerprint, batch

    def load_model(self) -> LoadedWhenNeeded:
        """The bundle's scorer; Beam asks for it once a process."""
        return LoadedWhenNeeded(self._load)

    def _load(self) -> Any:
        from model.bundle import load_bundle

        bundle = load_bundle(self._bundle)
        if bundle.fingerprint != self._fingerprint:
            raise SoundbeamError(f"{self._bundle}: the classifier bundle was changed while the scan ran; scan again")
        return bundle.scorer(self._batch)

    def run_inference(
        self,
        batch: Sequence[Segment | DecodeReport],
        model: LoadedWhenNeeded,
        inference_args: dict[str, Any] | None = None,
    ) -> Iterable[SegmentScores | DecodeReport]:
        """Scores a batch of segments."""
        segments = [item for item in batch if isinstance(item, Segment)]
        with milliseconds("score"):
            scored = iter(score_segments(segments, model.get()) if segments else ())
        return [next(scored) if isinstance(item, Segment) else item for item in batch]

    def batch_elements_kwargs(self) -> dict[str, Any]:
        """How many segments Beam puts together."""
        return {"min_batch_size": 1, "max_batch_size": SEGMENTS_A_BATCH}


@dataclasses.dataclass
class ScoreWindows(beam.PTransform):
    """Scores every window of the segments: `Segment` → `SegmentScores`; `DecodeReport` passes through.

    Args:
        bundle: URL of the classifier bundle.
        fingerprint: Its fingerprint.
        batch: How many windows are scored at once; None: as the bundle says.
    """

    bundle: str
    fingerprint: str
    batch: int | None = None

    def expand(self, decoded: beam.PCollection) -> beam.PCollection:
        """Adds the step to the graph."""
        return decoded | "RunInference" >> RunInference(BundleHandler(self.bundle, self.fingerprint, self.batch))
