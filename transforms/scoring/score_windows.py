"""Segments → scores of their windows. All threads of a process share a model, and score while later segments arrive."""

from __future__ import annotations

import atexit
import collections
import contextlib
import dataclasses
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Union

import apache_beam as beam
import numpy as np
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.shared import Shared

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.counters import count
from soundbeam.transforms.kept_scores import Keeping, KeptScores
from soundbeam.transforms.records import Decoded, Scored, Segment, SegmentScores

# How many segments a batch holds for each thread, and at least.
_SEGMENTS_PER_THREAD, _SEGMENTS_PER_BATCH = 4, 8
# How many batches are being scored while the next one arrives; with none, threads would wait for each other and for
# decoding.
_PENDING_BATCHES = 1
# A segment with fewer windows than this share of a batch is scored together with others, because each call has a cost.
_OWN_CALL_SHARE = 1 / 4


def score_segments(
    segments: Sequence[Segment], scorer: Any, pool: Executor, keeping: Keeping | None = None, embeds: bool = False
) -> Iterator[SegmentScores]:
    """Scores segments, each window once, however they are batched.

    A segment of many windows is scored on its own, since its windows share spectrogram frames. Shorter ones are
    combined, across recordings.

    Args:
        segments: Any number of segments, from any recordings.
        scorer: A `model.classifier.scorer.Scorer`.
        pool: Runs the calls of the network; all are submitted before this function returns. Several calls of one
            thread each are faster than one call that several threads share, because the layers are small.
        keeping: Which scores are kept; None: all.
        embeds: Whether to take the windows' embeddings too, from the same pass.

    Returns:
        The scores of each segment, in order. The iterator waits for each when it is requested.
    """
    parts: dict[int, list[tuple[Future[tuple[_Scores, float]], int]]] = collections.defaultdict(list)
    for call in _calls(segments, scorer.batch):
        future = pool.submit(_timed_call, call, scorer, keeping or Keeping(), embeds)
        for i, (segment, _) in enumerate(call):
            parts[id(segment)].append((future, i))
    return (_wait_for_scores(segment, parts.pop(id(segment))) for segment in segments)


# What one call scores: segments, or a part of one, each with the offsets of its windows.
_Call = list[tuple[Segment, np.ndarray]]
# Of some windows: the scores, and the embeddings if those are taken.
_Found = tuple[np.ndarray, Union[np.ndarray, None]]  # noqa: UP007
_Kept = tuple[KeptScores, Union[np.ndarray, None]]  # noqa: UP007
# The result for each part of a call: what is kept, or why there is nothing.
_Scores = Sequence[Union[_Kept, Exception]]  # noqa: UP007


def _calls(segments: Sequence[Segment], batch: int) -> Iterator[_Call]:
    small: _Call = []
    windows = 0
    for segment in segments:
        n = len(segment.offsets)
        if n >= _OWN_CALL_SHARE * batch:
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
    """The windows of a segment, float32 ``[windows, samples]``."""
    length = len(segment.samples) - int(segment.offsets[-1])  # the last window ends where the samples end
    return np.stack([segment.samples[o : o + length] for o in segment.offsets.tolist()])


def _found_in(segment: Segment, offsets: np.ndarray, scorer: Any, embeds: bool) -> _Found | Exception:
    try:
        if embeds:
            return scorer.embed_segment(segment.samples, offsets)
        return scorer.score_segment(segment.samples, offsets), None
    except Exception as e:  # One segment that cannot be scored must not affect the others.
        return e


def _kept(found: _Found | Exception, windows: int, keeping: Keeping) -> _Kept | Exception:
    """What is kept of a part: the scores of thousands of labels take a hundred times the memory until then."""
    if isinstance(found, Exception):
        return found
    scores, embeddings = found
    if scores.shape[0] != windows or not np.all(np.isfinite(scores)):
        return SoundbeamError("the model returned a score that is not a number")
    if embeddings is not None and not np.all(np.isfinite(embeddings)):
        return SoundbeamError("the model returned an embedding that is not a number")
    return keeping.of(scores), embeddings


def _found_in_call(call: _Call, scorer: Any, embeds: bool) -> Sequence[_Found | Exception]:
    if len(call) > 1:
        # After an exception they are scored one by one, to find the segment that causes it.
        with contextlib.suppress(Exception):
            windows = np.concatenate([windows_of(segment) for segment, _ in call])
            ends = np.cumsum([len(offsets) for _, offsets in call])[:-1]
            if not embeds:
                return [(scores, None) for scores in np.split(scorer.score_windows(windows), ends)]
            scores, embeddings = scorer.embed_windows(windows)
            return list(zip(np.split(scores, ends), np.split(embeddings, ends), strict=True))
    return [_found_in(segment, offsets, scorer, embeds) for segment, offsets in call]


def _timed_call(call: _Call, scorer: Any, keeping: Keeping, embeds: bool) -> tuple[_Scores, float]:
    """What is kept, and how many milliseconds it took."""
    start = time.perf_counter()
    found = _found_in_call(call, scorer, embeds)
    kept = [_kept(of_part, len(offsets), keeping) for of_part, (_, offsets) in zip(found, call, strict=True)]
    return kept, 1000 * (time.perf_counter() - start)


def _wait_for_scores(segment: Segment, parts: Sequence[tuple[Future[tuple[_Scores, float]], int]]) -> SegmentScores:
    """Waits for the calls that score a segment; each number is the position of its part in a call."""
    part_scores, spent = list[Union[_Kept, Exception]](), 0.0  # noqa: UP007
    for future, i in parts:
        scores, ms = future.result()
        part_scores.append(scores[i])
        spent += ms if i == 0 else 0  # each call once
    count("score_ms", round(spent))
    return _with_scores(segment, part_scores)


def _with_scores(segment: Segment, parts: _Scores) -> SegmentScores:
    error = ""
    scores: KeptScores | None = None
    embeddings: np.ndarray | None = None
    failed = next((e for e in parts if isinstance(e, Exception)), None)
    if isinstance(failed, SoundbeamError):
        error = str(failed)
    elif failed:
        error = f"scoring failed: {' '.join(str(failed).split())[:300] or type(failed).__name__}"
    else:
        kept = [part for part in parts if not isinstance(part, Exception)]
        scores = KeptScores.joined([of_part for of_part, _ in kept])
        of_parts = [of_part for _, of_part in kept if of_part is not None]
        embeddings = np.concatenate(of_parts) if of_parts else None
    count("segments_scored" if not error else "segments_not_scored")
    count("windows_scored", 0 if error else len(segment.offsets))
    times = segment.start_s, segment.end_s
    return SegmentScores(
        segment.uri, segment.index, *times, scores, error, segment.of_range, segment.channel, embeddings
    )


class LazyModel:
    """A model that is loaded when it is first needed, so a scan with nothing new loads no network."""

    def __init__(self, load: Callable[[], Any]):
        self._load, self._lock, self._model = load, threading.Lock(), None

    def get(self) -> Any:
        """The model."""
        with self._lock:
            if self._model is None:
                self._model = self._load()
                if "tensorflow" in sys.modules:
                    # It would outlive TensorFlow when the interpreter exits, and print errors on stderr.
                    atexit.register(self._forget)
            return self._model

    def _forget(self) -> None:
        self._model = None
        gc.collect()


def load_scorer(bundle: str, fingerprint: str, batch: int | None = None, embeds: bool = False) -> Any:
    """A classifier bundle's scorer.

    Args:
        bundle: URL of the bundle.
        fingerprint: The fingerprint of the bundle when the scan started.
        batch: How many windows are scored in one call; None for the number in the bundle.
        embeds: Whether it will be asked for embeddings.

    Raises:
        SoundbeamError: The bundle has been changed since, so a worker must not score with it.
    """
    from soundbeam.model.classifier.bundle import load_bundle

    loaded = load_bundle(bundle)
    if loaded.fingerprint != fingerprint:
        raise SoundbeamError(f"{bundle}: the classifier bundle was changed while the scan ran; scan again")
    return loaded.scorer(batch, embeds)


@dataclasses.dataclass
class ScoreWindows(beam.PTransform):
    """Scores every window of the segments: `Segment` → `SegmentScores`. Reports pass through and keep their place.

    Args:
        bundle: URL of the classifier bundle.
        fingerprint: Its fingerprint.
        batch: How many windows are scored in one call; None for the number in the bundle.
        threads: How many calls run at the same time in a worker.
        segment_samples: The greatest length of a segment, samples.
        keeping: Which scores are kept.
        embeds: Whether to take the windows' embeddings too.
    """

    bundle: str
    fingerprint: str
    batch: int | None = None
    threads: int = 1
    segment_samples: int = 1
    keeping: Keeping = Keeping()  # noqa: RUF009  # it is frozen
    embeds: bool = False

    def expand(self, decoded: beam.PCollection) -> beam.PCollection:
        """Adds the steps to the graph."""
        model = self.bundle, self.fingerprint, self.batch, self.embeds
        return decoded | "Batch" >> self.batches() | "Score" >> beam.ParDo(_Score(model, self.threads, self.keeping))

    def batches(self) -> beam.PTransform:
        """Batches segments by their length, so that short recordings fill a call too.

        The size is fixed: Beam would otherwise choose batches of one segment, which keep only one thread busy.
        """
        most = self.segment_samples * max(_SEGMENTS_PER_BATCH, _SEGMENTS_PER_THREAD * self.threads)
        return beam.BatchElements(min_batch_size=most, max_batch_size=most, element_size_fn=_size)


def _size(item: Decoded) -> int:
    return len(item.samples) if isinstance(item, Segment) else 1


@beam.typehints.with_input_types(list[Decoded])
@beam.typehints.with_output_types(Scored)
class _Score(beam.DoFn):
    """Scores batches with the model that all threads of a process share, and takes the next batch meanwhile."""

    def __init__(self, model: tuple[str, str, int | None, bool], threads: int, keeping: Keeping):
        self._arguments, self._threads, self._keeping, self._shared = model, threads, keeping, Shared()

    def setup(self) -> None:
        self._model = self._shared.acquire(lambda: LazyModel(lambda: load_scorer(*self._arguments)))
        # It is not shut down, because Beam tears a worker down in the middle of a bundle when another worker dies. Its
        # threads end when nothing refers to the pool any more.
        self._pool = ThreadPoolExecutor(self._threads, "soundbeam-scoring")

    def start_bundle(self) -> None:
        self._pending: collections.deque[Iterator[Scored]] = collections.deque()

    def process(self, batch: Sequence[Decoded]) -> Iterator[Any]:
        segments = [item for item in batch if isinstance(item, Segment)]
        how = self._pool, self._keeping, self._arguments[-1]
        scored = score_segments(segments, self._model.get(), *how) if segments else iter(())
        self._pending.append(next(scored) if isinstance(item, Segment) else item for item in batch)
        while len(self._pending) > _PENDING_BATCHES:
            yield from self._pending.popleft()

    def finish_bundle(self) -> Iterator[Any]:
        while self._pending:
            for item in self._pending.popleft():
                yield GlobalWindows.windowed_value(item)
