"""What a user chose of a scan: the recordings that were listened to, and their calls, in order."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.model.errors import OptionError, ResultsError
from soundbeam.pipelines import results
from soundbeam.pipelines.export.contents.band import heard_band
from soundbeam.pipelines.export.contents.call_rows import FoundCall, ListenedRecording
from soundbeam.pipelines.export.contents.confirmed import Verdicts
from soundbeam.pipelines.export.contents.ordered_calls import IN_MEMORY, OrderedCalls
from soundbeam.pipelines.export.contents.request import Exporting
from soundbeam.pipelines.label_names import LabelNames
from soundbeam.pipelines.local_time import Clocks
from soundbeam.pipelines.output.run_info import RunInfo
from soundbeam.pipelines.places import deployments_of
from soundbeam.transforms.records import LISTENED

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

_RECORDINGS = [
    "recording", "site", "status", "stage", "duration_s", "listened_s", "sample_rate", "channels", "recorded_at", "run",
    "bytes", "version", "content",
]  # fmt: skip
_SLICE = 20_000


class Selection:
    """The recordings and calls that a request is about. Recordings are in the order of their URIs.

    Args:
        request: What is asked for.
        beam: Beam's options, for a format that a pipeline writes.
        in_memory: How many calls are sorted without the disk.

    Attributes:
        request, beam: The same.
        runs: The runs that hold current rows, by their names.
        newest: The newest of them.
        deployments: Where and when recorders were; None: unknown.
        clocks: The sites' clocks.
        verdicts: What people said of windows.
        recordings: The table of the chosen recordings.
        labels: The chosen labels, in the classifier's order; of a classifier of more than 100, only those with a call
            unless they were chosen.
        failed: How many of the scan's recordings could not be listened to, of the chosen sites.
        undated: How many recordings were left out because they have no time and days were chosen.

    Raises:
        ResultsError: There is no scan in the output, or no verdict where only reviewed calls are asked for.
        OptionError: A label or site is unknown.
    """

    def __init__(self, request: Exporting, beam: PipelineOptions | None = None, in_memory: int = IN_MEMORY):
        self.request, self.beam = request, beam
        runs = results.select_runs(results.open_output(request.output), table="calls")
        self.runs: dict[str, RunInfo] = {info.run: info for info in runs}
        self.newest = runs[-1]
        self.deployments = deployments_of(request.output, request.deployments)
        self.clocks = Clocks.of(request.output, self.deployments)
        self.verdicts = Verdicts(request.output)
        if request.reviewed_only and not self.verdicts:
            raise ResultsError(
                f"{request.output}: no verdicts in it; judge windows with 'soundbeam review', or leave out "
                "--reviewed-only"
            )
        self._labels = self._chosen_labels()
        self.recordings = self._read_recordings()
        self._calls = OrderedCalls(len(self.recordings), in_memory)
        self._with_calls: set[str] = set()

    def __enter__(self) -> Selection:
        self._calls.__enter__()
        self._calls.fill(self._read_calls())
        return self

    def __exit__(self, *exc: object) -> None:
        self._calls.__exit__(*exc)

    @property
    def calls(self) -> int:
        """How many calls were chosen."""
        return self._calls.calls

    @property
    def labels(self) -> tuple[str, ...]:
        """See the class."""
        if self.request.label or not self.newest.parameters.sparse_counts:
            return self._labels
        return tuple(label for label in self._labels if label in self._with_calls)

    @functools.cached_property
    def band(self) -> tuple[float, float]:
        """The lowest and the highest frequency that the classifier hears, Hz."""
        return heard_band(self.newest.parameters, self.request.classifier)

    def frequencies(self, recording: ListenedRecording) -> tuple[float, float]:
        """The band of the calls in a recording, Hz: what the classifier hears, up to half of the file's rate."""
        low, high = self.band
        high = min(high, (recording.rate or self.newest.parameters.rate) / 2)
        return min(low, high), high

    def names(self, label: str) -> tuple[str, str]:
        """The scientific and the common name of a label, as the user or the classifier tells them; else the label."""
        told = self.newest.names.get(label, {})
        scientific, separator, common = label.partition("_")
        scientific = self.request.names.get(label) or told.get("scientific") or scientific
        return scientific, told.get("common") or (common if separator else label)

    def known_scientific_name(self, label: str) -> str | None:
        """The scientific name, if the user or the classifier tells one."""
        return self.request.names.get(label) or self.newest.names.get(label, {}).get("scientific")

    def short(self, uri: str) -> str:
        """The path of a recording below the folder that holds all recordings of the scan."""
        return uri[self._root :]

    def audio_path(self, recording: ListenedRecording) -> str:
        """Where a reader finds a recording: below ``audio_root`` if one is given, else its local path or its URI."""
        root = self.request.audio_root
        if root:
            back = "\\" in root
            path = recording.short.replace("/", "\\") if back else recording.short
            return root.rstrip("/\\") + ("\\" if back else "/") + path
        return recording.uri[7:] if recording.uri.startswith("file:///") else recording.uri

    def listened(self) -> Iterator[ListenedRecording]:
        """The recordings with their calls. It may be read several times."""
        waiting = itertools.groupby(self._call_rows(), key=lambda row: row[0])
        rank, calls = next(waiting, (None, iter(())))
        for number, row in enumerate(self._recording_rows()):
            found: list[FoundCall] = []
            if rank == number:
                found = [call for _, call in calls]
                rank, calls = next(waiting, (None, iter(())))
            yield ListenedRecording(**row, calls=found)

    def _recording_rows(self) -> Iterator[dict[str, Any]]:
        for first in range(0, len(self.recordings), _SLICE):
            for row in self.recordings.slice(first, _SLICE).to_pylist():
                row["uri"], row["rate"] = row.pop("recording"), row.pop("sample_rate")
                row["short"] = self.short(row["uri"])
                yield row

    def _call_rows(self) -> Iterator[tuple[int, FoundCall]]:
        runs = list(self.runs)
        for part in self._calls:
            uris = (
                self.recordings["recording"].take(part["rank"]).to_pylist() if self.verdicts else itertools.repeat("")
            )
            for row, uri in zip(part.to_pylist(), uris, strict=False):
                rank, label = row.pop("rank"), self._labels[row.pop("label")]
                place = uri, label, row["channel"], row["start_s"], row["end_s"]
                verdict = self.verdicts.on(*place) if self.verdicts else None
                yield rank, FoundCall(**{**row, "label": label, "run": runs[row["run"]], "verdict": verdict})

    def _chosen_labels(self) -> tuple[str, ...]:
        labels = tuple(dict.fromkeys(label for info in reversed(self.runs.values()) for label in info.labels))
        known = LabelNames(labels, self.newest.names)
        chosen = {known.one(name) for name in self.request.label}
        unknown = [label for label in self.request.names if label not in labels]
        if unknown:
            raise OptionError(f"scientific_name {unknown[0]!r} is none of the scan's labels")
        return tuple(label for label in labels if label in chosen) if chosen else labels

    def _read_recordings(self) -> pa.Table:
        parts = [
            part.select(_RECORDINGS).replace_schema_metadata(None)
            for part in results.stream(self.request.output, "recordings", columns=_RECORDINGS)
        ]
        rows = pa.concat_tables(parts)
        rows = rows.filter(pc.not_equal(pc.fill_null(rows["stage"], ""), "deleted")).drop_columns("stage")
        self._root = _root_of(rows["recording"])
        if self.request.site:
            sites = pc.unique(rows["site"]).to_pylist()
            for site in self.request.site:
                if site not in sites:
                    known = ", ".join(sorted(filter(None, sites))[:5]) or "none: scan with --site PATTERN"
                    raise OptionError(f"no recording is of the site {site!r}; the scan's sites are {known}")
            rows = rows.filter(pc.is_in(rows["site"], value_set=pa.array(self.request.site, pa.string())))
        listened = pc.is_in(rows["status"], value_set=pa.array(LISTENED))
        self.failed = pc.sum(pc.equal(rows["status"], "failed")).as_py() or 0
        rows = rows.filter(listened)
        rows = rows.append_column("local", self.clocks.local(rows["recorded_at"], rows["site"]))
        self.undated = 0
        if self.request.from_ or self.request.until:
            self.undated = rows["local"].null_count
            end = pc.add(rows["local"], _duration(rows["duration_s"]))
            rows = rows.filter(self._within(rows["local"], end))
        return rows.sort_by("recording").combine_chunks()

    def _within(self, start: pa.ChunkedArray, end: pa.ChunkedArray) -> pa.ChunkedArray:
        """Whether a time from ``start`` to ``end``, local, touches the chosen days; null where it is unknown."""
        first = datetime.combine(self.request.from_, time()) if self.request.from_ else datetime.min.replace(year=1000)
        last = self.request.until and datetime.combine(self.request.until, time()) + timedelta(days=1)
        kind = pa.timestamp("us")
        late = pc.greater_equal(end, pa.scalar(first, kind))
        return pc.and_(late, pc.less(start, pa.scalar(last, kind))) if last else late

    def _read_calls(self) -> Iterator[pa.Table]:
        """The chosen calls, with the ranks of their recordings, in parts."""
        uris = self.recordings["recording"].combine_chunks()
        labels, runs = pa.array(self._labels, pa.string()), pa.array(list(self.runs), pa.string())
        reviewed = self.verdicts.of_recordings() if self.request.reviewed_only else None
        for part in results.stream(self.request.output, "calls"):
            rank = pc.index_in(part["recording"], value_set=uris)
            label = pc.index_in(part["label"], value_set=labels)
            chosen = pc.and_(pc.is_valid(rank), pc.is_valid(label))
            if self.request.min_score is not None:
                chosen = pc.and_(chosen, pc.greater_equal(part["score"], self.request.min_score))
            if reviewed is not None:
                chosen = pc.and_(chosen, pc.is_in(part["recording"], value_set=reviewed))
            channel = part["channel"] if "channel" in part.column_names else pa.nulls(len(part), pa.int64())
            calls = pa.table(
                {
                    "rank": rank,
                    "label": label,
                    "start_s": part["start_s"],
                    "end_s": part["end_s"],
                    "score": part["score"],
                    "channel": channel,
                    "started_at": part["started_at"],
                    "local": self.clocks.local(part["started_at"], part["site"]),
                    "run": pc.index_in(part["run"], value_set=runs),
                }
            ).filter(chosen)
            if self.request.from_ or self.request.until:
                calls = calls.filter(self._within(calls["local"], calls["local"]))
            if reviewed is not None:
                calls = calls.filter(self._confirmed(calls))
            self._with_calls.update(labels.take(pc.unique(calls["label"])).to_pylist())
            if len(calls):
                yield calls

    def _confirmed(self, calls: pa.Table) -> pa.Array:
        columns = [self.recordings["recording"].take(calls["rank"]), labels_of(calls["label"], self._labels)]
        columns += [calls[name] for name in ("channel", "start_s", "end_s")]
        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        verdicts = (self.verdicts.on(*row) for row in rows)
        return pa.array([verdict is not None and verdict.verdict == "yes" for verdict in verdicts], pa.bool_())


def labels_of(codes: pa.ChunkedArray, labels: tuple[str, ...]) -> pa.ChunkedArray:
    """Labels by their numbers."""
    return pa.chunked_array([pa.array(labels, pa.string()).take(chunk) for chunk in codes.chunks], pa.string())


def _duration(seconds: pa.ChunkedArray) -> pa.ChunkedArray:
    micros = pc.cast(pc.round(pc.multiply(pc.fill_null(seconds, 0.0), 1e6)), pa.int64())
    return micros.cast(pa.duration("us"))


def _root_of(uris: pa.ChunkedArray) -> int:
    """The length of the folder that all URIs share, with its slash."""
    if not len(uris):
        return 0
    bounds = pc.min_max(uris).as_py()
    low, high = bounds["min"], bounds["max"]
    shared = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(low, high, strict=False))))
    return low[:shared].rfind("/") + 1
