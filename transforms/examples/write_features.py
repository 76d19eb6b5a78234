"""Labelled clips → a row of numbers for each, or pictures of their spectrograms."""

from __future__ import annotations

import collections
import csv
import dataclasses
import hashlib
import json
import logging
import posixpath
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.pictures.spectrogram_png import spectrogram_png
from soundbeam.model.storage.files import open_to_write
from soundbeam.model.storage.stores import one_line
from soundbeam.transforms.clip_records import Clip, Reject
from soundbeam.transforms.counters import count, milliseconds
from soundbeam.transforms.examples.conditioning import Conditioning

SUMMARY, TABLE, INDEX = "features.json", "features", "images.csv"

# The programs show this logger on stderr; a cluster puts it among its workers' logs.
LOGGER = logging.getLogger("soundbeam.progress")
EVERY_S = 10.0
SHORTEST_S = 0.05
LONGEST_S = 600.0  # the longest clip that can become a row, because its numbers are computed from all of it at once
TABLE_COLUMNS = ("path", "label", "source", "start_s", "duration_s")


class Row(NamedTuple):
    """One clip's row of the feature table; ``numbers`` in the order of ``SUMMARY_NAMES``."""

    path: str
    label: str
    source: str
    start_s: float
    duration_s: float
    numbers: tuple[float, ...]


class PictureFile(NamedTuple):
    """One picture that was written; ``file`` is its path within the folder."""

    file: str
    label: str
    recording: str
    start_s: float
    end_s: float


def row_of(clip: Clip, waveform: np.ndarray, rate: int) -> Row:
    """Computes the numbers of a clip.

    Args:
        clip: The clip.
        waveform: Its sound, float32 ``[samples]``.
        rate: Hz.

    Raises:
        SoundbeamError: The clip is too short or too long.
    """
    seconds = len(waveform) / rate
    if seconds < SHORTEST_S:
        raise SoundbeamError(f"only {1000 * seconds:.0f} ms long; a clip needs {1000 * SHORTEST_S:.0f} ms")
    if seconds > LONGEST_S:
        raise SoundbeamError(f"{seconds:.0f} s long; a row is of {LONGEST_S:.0f} s at most, cut it into clips")
    from soundbeam.model.frontend import summary

    numbers = np.asarray(summary(waveform[None], rate))[0].tolist()
    return Row(clip.recording, clip.label, clip.source, clip.start_s, seconds, tuple(numbers))


def picture_name(clip: Clip, start_s: float) -> str:
    """The path of a picture, ``LABEL/NAME-START-DIGEST.png``: unique, and the same each time.

    The digest is that of the recording's URI, since two folders may hold files of the same name. A slash in a label is
    written as %2F.
    """
    label = clip.label.replace("%", "%25").replace("/", "%2F").replace("\\", "%5C")
    label = f"%2E{label[1:]}" if label.startswith(".") else label
    stem = posixpath.splitext(posixpath.basename(clip.recording))[0]
    digest = hashlib.sha256(clip.recording.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    channel = f"-channel{clip.channel}" if clip.channel else ""
    return f"{label}/{stem}-{start_s:.3f}s{channel}-{digest}.png"


@dataclasses.dataclass
class MakeRows(beam.PTransform):
    """Clips → a `Row` for each, or a `Reject` if it yields none.

    Args:
        read: ``(clip, rate) → float32 [samples]``; raises an exception whose text says why it cannot be read.
        rate: Hz.

    Returns:
        A dict of ``made`` and ``rejects``.
    """

    read: Callable[[Clip, int], np.ndarray]
    rate: int

    def expand(self, clips: beam.PCollection[Clip]) -> dict[str, beam.PCollection]:
        """Adds the step to the graph."""
        return _from_each_clip(clips, self._row)

    def _row(self, clip: Clip) -> Iterator[Row]:
        yield row_of(clip, self.read(clip, self.rate), self.rate)


@dataclasses.dataclass
class DrawPictures(beam.PTransform):
    """Clips → `PictureFile`, each drawn and written, and `Reject` for what could not be read.

    A recording that breaks off has pictures up to the break, and a reject.

    Args:
        folder: URL of the pictures.
        stream: ``(clip, rate, samples) → (first sample within the recording, float32 [samples])``, chunk by chunk.
        draw: ``float32 [samples] → bytes`` of a PNG.
        rate: Hz.
        chunk_s: How many seconds a picture shows at most.

    Returns:
        A dict of ``made`` and ``rejects``.
    """

    folder: str
    stream: Callable[[Clip, int, int], Iterator[tuple[int, np.ndarray]]]
    draw: Callable[[np.ndarray], bytes]
    rate: int
    chunk_s: float

    def expand(self, clips: beam.PCollection[Clip]) -> dict[str, beam.PCollection]:
        """Adds the steps to the graph."""
        drawn = _from_each_clip(clips, self._pictures)
        # A separate step in the same worker: a full disk must end the run, because it is not the fault of a clip.
        return {**drawn, "made": drawn["made"] | "WritePicture" >> beam.Map(_write, self.folder)}

    def _pictures(self, clip: Clip) -> Iterator[tuple[PictureFile, bytes]]:
        for first, samples in self.stream(clip, self.rate, round(self.chunk_s * self.rate)):
            start_s = first / self.rate
            end_s = start_s + len(samples) / self.rate
            yield (
                PictureFile(picture_name(clip, start_s), clip.label, clip.recording, start_s, end_s),
                self.draw(samples),
            )


def _write(drawn: tuple[PictureFile, bytes], folder: str) -> PictureFile:
    picture, png = drawn
    with open_to_write(f"{folder}/{picture.file}") as file:
        file.write(png)
    return picture


def _from_each_clip(
    clips: beam.PCollection[Clip], of_clip: Callable[[Clip], Iterator[Any]]
) -> dict[str, beam.PCollection]:
    # Distributed over the workers, because one element lists all clips.
    spread = clips | "Spread" >> beam.Reshuffle()
    made = spread | "OfEachClip" >> beam.ParDo(_FromEachClip(of_clip)).with_outputs("rejects", main="made")
    return {"made": made.made, "rejects": made.rejects}


class _FromEachClip(beam.DoFn):
    def __init__(self, of_clip: Callable[[Clip], Iterator[Any]]):
        self._of_clip = of_clip

    def setup(self) -> None:
        self._shown, self._done = time.monotonic(), 0

    def process(self, clip: Clip) -> Iterator[Any]:
        self._done += 1
        if time.monotonic() - self._shown >= EVERY_S:
            self._shown = time.monotonic()
            LOGGER.info("features: %d clips of this worker", self._done)
        made, reason = 0, ""
        results = self._of_clip(clip)
        while True:
            try:
                with milliseconds("features"):
                    result = next(results, None)
            except Exception as e:  # Whatever is wrong with one clip must not affect the others.
                result, reason = None, one_line(e)
            if result is None:
                break
            made += 1
            count("features_made")
            yield result
        if reason or not made:
            count("clips_rejected")
            yield beam.pvalue.TaggedOutput("rejects", Reject(clip.recording, reason or "there is no sound in it"))


def write_table(rows: Iterable[Row], names: tuple[str, ...], folder: str) -> list[Row]:
    """Writes ``features.parquet`` and ``features.csv``, ordered by path and start, and returns the rows in that order.

    Args:
        rows: In any order.
        names: The names of the numbers.
        folder: The URL of the folder.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    ordered = sorted(rows)
    columns = {name: [row[i] for row in ordered] for i, name in enumerate(TABLE_COLUMNS)}
    numbers = np.array([row.numbers for row in ordered], np.float32).reshape(len(ordered), len(names))
    table = pa.table({**columns, **{name: numbers[:, i] for i, name in enumerate(names)}})
    with open_to_write(f"{folder}/features.parquet") as file:
        pyarrow.parquet.write_table(table, file)
    with open_to_write(f"{folder}/features.csv") as file:
        pyarrow.csv.write_csv(table, file)
    return ordered


def write_index(pictures: Iterable[PictureFile], folder: str) -> list[PictureFile]:
    """Writes ``images.csv``, a row per picture ordered by file, and returns the pictures in that order."""
    ordered = sorted(pictures)
    with open_to_write(f"{folder}/images.csv", "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(PictureFile._fields)
        writer.writerows(ordered)
    return ordered


def draw_png(
    conditioning: Conditioning, rate: int, width: int, height: int, colours: str, samples: np.ndarray
) -> bytes:
    """A PNG of the spectrogram of some samples, which are conditioned on their own."""
    return spectrogram_png(conditioning.apply(samples, rate), rate, width, height, colours)


def finish(settings: dict[str, Any], folder: str, made: list[Any], rejects: list[Any]) -> None:
    """Writes the table or the index, then the summary that makes them valid: the last step of the pipeline."""
    from soundbeam.model.frontend.feature_table import SUMMARY_NAMES

    made = write_table(made, SUMMARY_NAMES, folder) if settings["features"] == "table" else write_index(made, folder)
    refused = sorted({(r.recording, r.reason) for r in rejects})
    summary = {
        **settings,
        "made": len(made),
        "labels": dict(sorted(collections.Counter(result.label for result in made).items())),
        "rejects": [{"recording": recording, "reason": reason} for recording, reason in refused],
    }
    with open_to_write(f"{folder}/{SUMMARY}", "w") as file:
        json.dump(summary, file, indent=1, ensure_ascii=False)
