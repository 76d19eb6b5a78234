"""A classifier for a few recordings; many are scanned with `soundbeam.scan`."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from soundbeam.model.errors import DecodeError, OptionError, SoundbeamError

if TYPE_CHECKING:
    from soundbeam.model.classifier.bundle import ClassifierBundle

    Decoded = Iterator[Any]
    Recordings = str | os.PathLike[str] | Sequence[str] | Sequence[float] | np.ndarray

_TIMES = [("start_s", pa.float64()), ("end_s", pa.float64())]
_WINDOWS = pa.schema([("recording", pa.string()), *_TIMES, ("label", pa.string()), ("score", pa.float32())])
_CALLS = pa.schema([("recording", pa.string()), ("label", pa.string()), *_TIMES, ("score", pa.float32())])


class Classifier:
    """Scores windows and finds calls, with the decoder, network and rules of a scan.

    Attributes:
        bundle: What it consists of: window, hop, front end, thresholds, report, fingerprint.

    Example:
        >>> import soundbeam
        >>> soundbeam.load_classifier("bundle/")
        Classifier('bundle', labels=('low',))
    """

    def __init__(self, bundle: ClassifierBundle):
        self.bundle = bundle

    def __repr__(self) -> str:
        return f"Classifier({self.bundle.url!r}, labels={self.labels!r})"

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the scores."""
        return self.bundle.labels

    def predict(self, recordings: Recordings, rate: int | None = None, hop: float | None = None) -> pa.Table:
        """The scores of all windows.

        Args:
            recordings: A file, glob or folder, or several; or, with ``rate``, samples ``[n]`` or ``[n, channels]``.
            rate: The sample rate of the samples, Hz.
            hop: Seconds between the starts of windows; None for the bundle's.

        Returns:
            recording, start_s, end_s, label, score: one row per window and label. The recording is the URI of the
            file, and null for samples.

        Raises:
            DecodeError: A file cannot be read. If one breaks off, the windows before the break are returned, with a
                warning.

        Example:
            >>> import soundbeam
            >>> classifier = soundbeam.load_classifier("bundle/")
            >>> classifier.predict("recording.wav").column_names
            ['recording', 'start_s', 'end_s', 'label', 'score']
        """
        parts = [_WINDOWS.empty_table()]
        labels = self.labels
        for name, result in self._results(recordings, rate, hop, None):
            n = len(result.start_s)
            columns = [
                pa.array([name] * (n * len(labels)), pa.string()),
                np.repeat(result.start_s, len(labels)),
                np.repeat(result.end_s, len(labels)),
                pa.array([*labels] * n, pa.string()),
                result.scores.reshape(-1).astype(np.float32),
            ]
            parts.append(pa.table(columns, schema=_WINDOWS))
        return pa.concat_tables(parts)

    def calls(
        self,
        recordings: Recordings,
        rate: int | None = None,
        hop: float | None = None,
        threshold: float | None = None,
    ) -> pa.Table:
        """The calls, as a scan finds them.

        Times are a scan's exactly. Scores may differ from it in the seventh digit where a scan scores several short
        recordings in one batch, as those of two scans may.

        Args:
            recordings, rate, hop: As for `predict`.
            threshold: The threshold of every label; None for the bundle's.

        Returns:
            recording, label, start_s, end_s, score: one row per call.

        Raises:
            DecodeError: As `predict`.

        Example:
            >>> import soundbeam
            >>> calls = soundbeam.load_classifier("bundle/").calls("recording.wav")
            >>> calls["label"].to_pylist()
            ['low', 'low']
        """
        rows = [
            {"recording": name, "label": label, "start_s": call.start_s, "end_s": call.end_s, "score": call.score}
            for name, result in self._results(recordings, rate, hop, threshold)
            for label in self.labels
            for call in result.calls.get(label, ())
        ]
        return pa.Table.from_pylist(rows, schema=_CALLS)

    def embed(self, recordings: Recordings, rate: int | None = None, hop: float | None = None) -> pa.Table:
        """The embeddings of all windows: what the network makes of a sound before it names it.

        Args:
            recordings, rate, hop: As for `predict`.

        Returns:
            recording, start_s, end_s, embedding (a fixed-size list of float32): one row per window.

        Raises:
            BundleError: The classifier gives no embeddings.
            DecodeError: As `predict`.

        Example:
            >>> import soundbeam
            >>> embeddings = soundbeam.load_classifier("bundle/").embed("recording.wav")
            >>> embeddings.column_names
            ['recording', 'start_s', 'end_s', 'embedding']
        """
        scorer = self._embedder
        schema = pa.schema(
            [("recording", pa.string()), *_TIMES, ("embedding", pa.list_(pa.float32(), scorer.embedding_size))]
        )
        parts = [schema.empty_table()]
        for name, decoded in self._decoded(recordings, rate, self._spec(hop)):
            for part in _segments(name or "samples", decoded):
                _, values = scorer.embed_segment(part.samples, part.offsets)
                columns = [
                    pa.array([name] * len(values), pa.string()),
                    part.start_s,
                    part.end_s,
                    pa.FixedSizeListArray.from_arrays(values.reshape(-1), scorer.embedding_size),
                ]
                parts.append(pa.table(columns, schema=schema))
        return pa.concat_tables(parts)

    @functools.cached_property
    def _embedder(self) -> Any:
        return self.bundle.scorer(embeddings=True)

    @functools.cached_property
    def _scorer(self) -> Any:
        from soundbeam.transforms.scoring.score_windows import load_scorer

        return load_scorer(self.bundle.url, self.bundle.fingerprint)

    def _results(
        self, recordings: Any, rate: int | None, hop: float | None, threshold: float | None
    ) -> Iterator[tuple[str | None, Any]]:
        """Yields the URI and the RecordingResult of each recording."""
        from soundbeam.transforms.scoring.count_calls import Counting

        if threshold is not None and not 0 < threshold < 1:
            raise OptionError(f"threshold {threshold} does not lie between 0 and 1")
        bundle, spec = self.bundle, self._spec(hop)
        thresholds = tuple(threshold or bundle.thresholds[label] for label in self.labels)
        counting = Counting(self.labels, thresholds, bundle.call_rules, bundle.counting)
        for name, decoded in self._decoded(recordings, rate, spec):
            yield name, self._result(name or "samples", decoded, counting)

    def _spec(self, hop: float | None) -> Any:
        from soundbeam.model.windows import WindowSpec

        return WindowSpec(self.bundle.rate, self.bundle.window_s, self.bundle.hop_s if hop is None else hop)

    def _decoded(self, recordings: Any, rate: int | None, spec: Any) -> Iterator[tuple[str | None, Decoded]]:
        """Yields the URI of each recording, and its segments with the report that ends them."""
        from soundbeam.transforms.decoding.decode_recordings import decode_recording

        if rate is not None:
            from soundbeam.sound import decode_samples

            yield None, decode_samples(np.asarray(recordings), rate, spec)
            return
        for listed in _listed(recordings):
            yield listed.uri, decode_recording(listed, spec)

    def _result(self, name: str, decoded: Decoded, counting: Any) -> Any:
        from soundbeam.transforms.records import DecodeReport
        from soundbeam.transforms.scoring.count_calls import count_calls
        from soundbeam.transforms.scoring.score_windows import score_segments

        scored: list[Any] = []
        report: Any = None
        with ThreadPoolExecutor(
            1
        ) as pool:  # one segment at a time, so memory does not grow with the length of the sound
            for part in decoded:
                if isinstance(part, DecodeReport):
                    report = part
                else:
                    scored += score_segments([part], self._scorer, pool)
        if report.status == "failed":
            raise DecodeError(f"{name}: {report.error}")
        result = count_calls(report, scored, counting)
        if result.report.stage == "score":
            raise SoundbeamError(f"{name}: {result.report.error}")
        if report.status == "partial":
            warnings.warn(f"{name}: {report.error}", stacklevel=4)
        return result


def _segments(name: str, decoded: Decoded) -> Iterator[Any]:
    """The segments of a recording; that it is partial is warned of when they have ended.

    Raises:
        DecodeError: It cannot be read.
    """
    from soundbeam.transforms.records import DecodeReport

    for part in decoded:
        if not isinstance(part, DecodeReport):
            yield part
        elif part.status == "failed":
            raise DecodeError(f"{name}: {part.error}")
        elif part.status == "partial":
            warnings.warn(f"{name}: {part.error}", stacklevel=4)


def _listed(recordings: Any) -> list[Any]:
    """The recordings that patterns name, each once.

    Raises:
        DecodeError: One is missing, empty or cannot be read.
    """
    from soundbeam.model.storage.files import path_text
    from soundbeam.transforms.listing.list_recordings import list_recordings
    from soundbeam.transforms.records import Recording

    if isinstance(recordings, np.ndarray):
        raise OptionError("samples need their rate: predict(samples, rate=16000)")
    patterns: Iterable[Any] = [recordings] if isinstance(recordings, (str, bytes, os.PathLike)) else recordings
    by_uri: dict[str, Any] = {}
    for pattern in patterns:
        if not isinstance(pattern, (str, bytes, os.PathLike)):
            raise OptionError(f"{type(pattern).__name__} is not the name of a file; samples need their rate")
        name = path_text(pattern, "recordings")
        rows = list(list_recordings(name))
        if not rows:
            raise DecodeError(f"{name}: no audio file there", "storage")
        for row in rows:
            if isinstance(row, Recording):
                by_uri[row.uri] = row
            elif row.status != "skipped":
                raise DecodeError(f"{row.recording.uri}: {row.error}", "storage")
    return list(by_uri.values())
