"""Segments → scores of their windows: Beam RunInference over a classifier bundle, one shared model a process."""

from __future__ import annotations

import atexit
import collections
import contextlib
import dataclasses
import gc
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.ml.inference.base import ModelHandler, RunInference

from model.errors import SoundbeamError
from transforms.counters import count, milliseconds
from transforms.records import DecodeReport, RangeReport, Segment, SegmentScores

# Segments that are scored at once for each thread, and at least.
_FOR_A_THREAD, _SEGMENTS_A_BATCH = 4, 16
# A segment with fewer windows than this share of a batch is scored together with others: a call has its price.
_ENOUGH = 1 / 4


def score_segments(segments: Sequence[Segment], scorer: Any, threads: int = 1) -> list[SegmentScores]:
    """Scores segments, each window once, whatever stands together in a batch.

    A segment of many windows is scored by itself, since its windows share spectrogram frames; shorter ones are put
    together, across recordings.

    Args:
        segments: Any number of segments, of any recordings.
        scorer: A `model.scorer.Scorer`.
        threads: How many calls of the network run side by side. Several of one thread each are faster than one that
            several threads share: its layers are small.

    Returns:
        One for each segment, in order.
    """
    calls = list(_calls(segments, scorer.batch))
    parts: dict[int, list[np.ndarray | Exception]] = collections.defaultdict(list)
    with ThreadPoolExecutor(threads) as pool:
        each = pool.map if threads > 1 and len(calls) > 1 else map
        for call, scores in zip(calls, each(lambda call: _scores_of_call(call, scorer), calls), strict=True):
            for (segment, _), part in zip(call, scores, strict=True):
                parts[id(segment)].append(part)
    return [_with_scores(s, parts[id(s)]) for s in segments]


# What one call scores: segments, or a part of one, each with the offsets of the windows.
_Call = list[tuple[Segment, np.ndarray]]


def _calls(segments: Sequence[Segment], batch: int) -> Iterator[_Call]:
    small: _Call = []
    windows = 0
    for segment in segments:
        n = len(segment.offsets)
        if n >= _ENOUGH * batch:
            for i in range(0, n, batch):
                yield [(segment, segment.offsets[i : i + batch])]
            continue
        if windows + n > batch:
            yield small
            small, windows = [], 0
        small.append((segment, segment.offsets))
        windows += n
    if small:
        yield small


def windows_of(segment: Segment) -> np.ndarray:
    """float32 ``[windows, samples]``: a segment's windows, gathered."""
    length = len(segment.samples) - int(segment.offsets[-1])  # the last window ends where the samples end
    return np.stack([segment.samples[o : o + length] for o in segment.offsets.tolist()])


def _scores_of(segment: Segment, offsets: np.ndarray, scorer: Any) -> np.ndarray | Exception:
    try:
        return scorer.score_segment(segment.samples, offsets)
    except Exception as e:  # One segment that cannot be scored must not cost the others their scores.
        return e


def _scores_of_call(call: _Call, scorer: Any) -> Sequence[np.ndarray | Exception]:
    if len(call) > 1:
        # In case of an exception: one by one, to find out which segment it is.
        with contextlib.suppress(Exception):
            together = scorer.score_windows(np.concatenate([windows_of(segment) for segment, _ in call]))
            ends = np.cumsum([len(offsets) for _, offsets in call])
            return np.split(together, ends[:-1])
    return [_scores_of(segment, offsets, scorer) for segment, offsets in call]


def _with_scores(segment: Segment, parts: Sequence[np.ndarray | Exception]) -> SegmentScores:
    error = ""
    kept: np.ndarray | None = None
    failed = [e for e in parts if isinstance(e, Exception)]
    if failed:
        error = f"scoring failed: {' '.join(str(failed[0]).split())[:300] or type(failed[0]).__name__}"
    else:
        kept = np.concatenate([part for part in parts if not isinstance(part, Exception)])
        if kept.shape[0] != len(segment.offsets) or not np.all(np.isfinite(kept)):
            error, kept = "the model gave a score that is no number", None
    count("segments_scored" if not error else "segments_not_scored")
    count("windows_scored", 0 if error else len(segment.offsets))
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
        batch: How many windows are scored in one call; None: as the bundle says.
        threads: How many calls run side by side.
        segment_samples: How long a segment may be.
    """

    def __init__(
        self, bundle: str, fingerprint: str, batch: int | None = None, threads: int = 1, segment_samples: int = 1
    ):
        self._bundle, self._fingerprint, self._batch, self._threads = bundle, fingerprint, batch, threads
        self._most_samples = segment_samples * max(_SEGMENTS_A_BATCH, _FOR_A_THREAD * threads)

    def load_model(self) -> LoadedWhenNeeded:
        """The bundle's scorer; Beam asks for it once a process."""
        return LoadedWhenNeeded(self._load)

    def _load(self) -> Any:
        from model.bundle import load_bundle

        _one_thread_a_call()
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
            scored = iter(score_segments(segments, model.get(), self._threads) if segments else ())
        return [next(scored) if isinstance(item, Segment) else item for item in batch]

    def get_num_bytes(self, batch: Sequence[Segment | DecodeReport]) -> int:
        """How much sound is in a batch, for Beam's metrics, which would pickle it all to find out."""
        return sum(item.samples.nbytes for item in batch if isinstance(item, Segment))

    def batch_elements_kwargs(self) -> dict[str, Any]:
        """How many segments Beam puts together: by their length, so that short recordings fill a call too.

        Always as many: left to itself Beam would find that single ones cost no more, and one keeps one thread busy.
        """
        most = self._most_samples
        return {"min_batch_size": most, "max_batch_size": most, "element_size_fn": _size}


def _size(item: Segment | DecodeReport | RangeReport) -> int:
    return len(item.samples) if isinstance(item, Segment) else 1


def _one_thread_a_call() -> None:
    import tensorflow as tf

    # Where this process has used TensorFlow before it is too late, and only slower.
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)


@dataclasses.dataclass
class ScoreWindows(beam.PTransform):
    """Scores every window of the segments: `Segment` → `SegmentScores`; `DecodeReport` passes through.

    Args:
        bundle: URL of the classifier bundle.
        fingerprint: Its fingerprint.
        batch: How many windows are scored in one call; None: as the bundle says.
        threads: How many calls run side by side in a worker.
        segment_samples: How long a segment may be.
    """

    bundle: str
    fingerprint: str
    batch: int | None = None
    threads: int = 1
    segment_samples: int = 1

    def expand(self, decoded: beam.PCollection) -> beam.PCollection:
        """Adds the step to the graph."""
        handler = BundleHandler(self.bundle, self.fingerprint, self.batch, self.threads, self.segment_samples)
        return decoded | "RunInference" >> RunInference(handler)
