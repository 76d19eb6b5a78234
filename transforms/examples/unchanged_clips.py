"""Clips of scanned recordings → those whose recordings are still what was scanned."""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam

from soundbeam.transforms.clip_records import Clip, Reject
from soundbeam.transforms.counters import count
from soundbeam.transforms.scanned_file import ScannedFile, why_not_same


class KeepUnchanged(beam.PTransform):
    """Leaves out the clips of recordings that have changed since the scan, for their times mean other sound now.

    Takes pairs of a `ScannedFile` and the clips of it.

    Returns:
        A dict: ``clips``, a PCollection of `Clip`; ``rejects``, one of `Reject`.
    """

    def expand(self, files: beam.PCollection[tuple[ScannedFile, tuple[Clip, ...]]]) -> dict[str, beam.PCollection]:
        """Adds the steps to the graph."""
        checked = (
            files
            | "SpreadScanned" >> beam.Reshuffle()
            | "Check" >> beam.FlatMapTuple(_clips_of).with_outputs("rejects", main="clips")
        )
        return {"clips": checked["clips"], "rejects": checked["rejects"]}


def _clips_of(file: ScannedFile, clips: tuple[Clip, ...]) -> Iterator[Clip | beam.pvalue.TaggedOutput]:
    if reason := why_not_same(file):
        count("clips_rejected", len(clips))
        yield beam.pvalue.TaggedOutput("rejects", Reject(file.uri, reason))
    else:
        yield from clips
