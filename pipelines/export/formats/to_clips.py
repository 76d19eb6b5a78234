"""The sound of each call: a folder for each label, and a CSV of all clips, which ``soundbeam materialize`` takes."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import heapq
import itertools
import json
import posixpath
import tempfile
from collections.abc import Iterator
from typing import Any

from soundbeam.model.storage.file_names import file_name
from soundbeam.model.storage.files import open_text, open_to_write
from soundbeam.pipelines.export.contents.call_rows import FoundCall, ListenedRecording
from soundbeam.pipelines.export.contents.destination import Destination
from soundbeam.pipelines.export.contents.file_format import Format
from soundbeam.pipelines.export.contents.plain_text import decimal, file_names, iso
from soundbeam.pipelines.export.contents.selection import Selection

LISTED = "clips.csv"
COLUMNS = [
    "path", "label", "start_s", "end_s", "source", "score", "recording", "call_start_s", "call_end_s", "channel",
    "site", "local_time", "verdict",
]  # fmt: skip
_CONTEXT_S = 0.0
_RECORDINGS_A_LIST = 100
_SHOWN = 3  # recordings of which clips are missing
Key = tuple[float, str, float, str, int]


def write(selection: Selection, to: Destination) -> None:
    """Cuts the clips, and writes ``clips.csv``: where in its clip each call is, and where it was in the recording."""
    import apache_beam as beam

    from soundbeam.pipelines.runners.options import beam_options, cores_a_worker
    from soundbeam.pipelines.runners.run import run
    from soundbeam.transforms.cutting.cut_clips import CutClips

    beam_opts = selection.beam or beam_options([])
    clips = _Clips(selection)
    to.begin()
    with _exchange_folder(to, beam_opts) as folder:
        lists = [_write_list(folder, number, each) for number, each in enumerate(_in_lists(clips))]
        missed_url = f"{folder}/missed.json"
        step = CutClips(
            to.place.uri(to.path("")).rstrip("/"),
            selection.request.sound or "flac",
            missed_url,
            cores_a_worker(beam_opts),
        )
        pipeline = beam.Pipeline(options=beam_opts)
        _ = pipeline | "Lists" >> beam.Create(lists) | "CutClips" >> step
        run(pipeline)
        with open_text(missed_url) as file:
            missed = json.load(file)
    absent = {name for _, _, names in missed for name in names}
    with to.table(LISTED, COLUMNS) as write_row:
        for name, recording, call in clips:
            if name not in absent:
                to.keep(name)
                write_row(_row(selection, name, recording, call))
    if missed:
        to.notes.append(f"{len(absent)} clips could not be cut, of {len(missed)} recordings:")
        to.notes += [f"  {uri}: {reason}" for uri, reason, _ in sorted(missed)[:_SHOWN]]


class _Clips:
    """The calls of which clips are wanted, with the names of their files, in order; may be read several times."""

    def __init__(self, selection: Selection):
        self._selection, request = selection, selection.request
        self._ending = request.sound or "flac"
        self._folders = file_names(selection.labels)
        self._most = request.per_recording
        self._best: set[Key] | None = None
        if request.best:
            self._best = self._best_of(request.best)

    def __iter__(self) -> Iterator[tuple[str, ListenedRecording, FoundCall]]:
        for recording in self._selection.listened():
            for call in self._of_recording(recording):
                if self._best is None or _key(recording, call) in self._best:
                    yield self._name(recording, call), recording, call

    def _best_of(self, most: int) -> set[Key]:
        """The highest scores of each label; of equal ones the first recordings."""
        heaps: dict[str, list[tuple[float, _Last, Key]]] = collections.defaultdict(list)
        for recording in self._selection.listened():
            for call in self._of_recording(recording):
                key = _key(recording, call)
                heap = heaps[call.label]
                (heapq.heappush if len(heap) < most else heapq.heappushpop)(heap, (call.score, _Last(key[1:]), key))
        return {key for heap in heaps.values() for *_, key in heap}

    def _of_recording(self, recording: ListenedRecording) -> list[FoundCall]:
        """The calls of a recording, of each label not more than are wanted, in order of time."""
        if self._most is None:
            return recording.calls
        ranked = sorted(range(len(recording.calls)), key=lambda i: (-recording.calls[i].score, i))
        seen: collections.Counter[str] = collections.Counter()
        kept = []
        for i in ranked:
            label = recording.calls[i].label
            seen[label] += 1
            if seen[label] <= self._most:
                kept.append(i)
        return [recording.calls[i] for i in sorted(kept)]

    def _name(self, recording: ListenedRecording, call: FoundCall) -> str:
        """``LABEL/0.930_20240131_053000_1f0c22aa_12.000-14.500.flac``: the hash is of the recording's URI."""
        stem = file_name(posixpath.splitext(recording.base)[0])
        identity = hashlib.blake2b(recording.uri.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
        channel = f"_channel{call.channel}" if call.channel else ""
        times = f"{call.start_s:.3f}-{call.end_s:.3f}"
        return f"{self._folders[call.label]}/{call.score:.3f}_{stem}_{identity}_{times}{channel}.{self._ending}"


class _Last:
    """Compares the other way round: in a heap whose smallest is dropped, of equal scores the last goes."""

    def __init__(self, key: Any):
        self.key = key

    def __lt__(self, other: _Last) -> bool:
        return bool(other.key < self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Last) and self.key == other.key


def _key(recording: ListenedRecording, call: FoundCall) -> Key:
    return call.score, recording.uri, call.start_s, call.label, call.channel or 0


def _bounds(selection: Selection, recording: ListenedRecording, call: FoundCall) -> tuple[float, float]:
    """From where to where a clip goes, seconds from the start of the recording."""
    context_s = _CONTEXT_S if selection.request.context is None else selection.request.context
    end_s = call.end_s + context_s
    return max(0.0, call.start_s - context_s), min(end_s, recording.duration_s or end_s)


def _row(selection: Selection, name: str, recording: ListenedRecording, call: FoundCall) -> list[Any]:
    start_s, _ = _bounds(selection, recording, call)
    return [
        name,
        call.label,
        decimal(call.start_s - start_s),
        decimal(call.end_s - start_s),
        recording.short,
        decimal(call.score),
        recording.uri,
        decimal(call.start_s),
        decimal(call.end_s),
        call.channel or "",
        recording.site or "",
        iso(call.local),
        call.verdict.verdict if call.verdict else "",
    ]


def _in_lists(clips: _Clips) -> Iterator[list[str]]:
    """What is to be cut: lines of `Cutting`, a hundred recordings at a time."""
    from soundbeam.transforms.cutting.cut_clips import Cutting

    selection = clips._selection
    lines = []
    for _, of_recording in itertools.groupby(clips, key=lambda clip: clip[1].uri):
        by_channel: dict[int | None, list[tuple[str, tuple[float, float]]]] = collections.defaultdict(list)
        for name, recording, call in of_recording:
            channel = selection.newest.parameters.heard_channel(call.channel)
            by_channel[channel].append((name, _bounds(selection, recording, call)))
        for channel, wanted in by_channel.items():
            names, spans = zip(*sorted(wanted, key=lambda one: one[1]), strict=True)
            lines.append(Cutting(recording.scanned, channel, names, spans).to_json())
        if len(lines) >= _RECORDINGS_A_LIST:
            yield lines
            lines = []
    if lines:
        yield lines


def _write_list(folder: str, number: int, lines: list[str]) -> str:
    url = f"{folder}/{number:06d}.jsonl"
    with open_to_write(url, "w") as file:
        file.writelines(line + "\n" for line in lines)
    return url


@contextlib.contextmanager
def _exchange_folder(to: Destination, beam_opts: Any) -> Iterator[str]:
    """URL of a folder that workers read and write, too: where they are elsewhere, one in the destination."""
    from soundbeam.pipelines.runners.options import runs_here

    if runs_here(beam_opts):
        with tempfile.TemporaryDirectory(prefix="soundbeam-export-") as folder:
            yield folder
        return
    path = to.path("_cutting")
    try:
        yield to.place.uri(path)
    finally:
        if to.place.fs.exists(path):
            to.place.remove(path)


FORMAT = Format(
    "clips", "the sound of each call, by label", write, ("context", "best", "per_recording", "sound"), by_beam=True
)
