"""Shards of examples → shards of the same names that hold the output of a frozen network instead of sound."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterator

import apache_beam as beam

from soundbeam.model.storage.files import open_file
from soundbeam.model.training.examples import Example, parse, serialize, shard_writer
from soundbeam.transforms.counters import count, milliseconds


@dataclasses.dataclass
class WriteBottlenecks(beam.PTransform):
    """Computes the features of every example once.

    Args:
        examples: URL of a folder of examples.
        folder: URL of the folder to write to, which holds the network already
            (``model.architectures.transfer.BASE_FILE``).

    Returns:
        A PCollection of (name of a shard, number of examples in it).
    """

    examples: str
    folder: str

    def expand(self, names: beam.PCollection[str]) -> beam.PCollection[tuple[str, int]]:
        """Adds the steps to the graph."""
        return (
            names
            | "SpreadShards" >> beam.Reshuffle()
            | "ComputeFeatures" >> beam.ParDo(_ComputeFeatures(self.examples, self.folder))
        )


class _ComputeFeatures(beam.DoFn):
    def __init__(self, examples: str, folder: str):
        self._examples, self._folder = examples, folder

    def setup(self) -> None:
        from soundbeam.model.architectures.transfer import load_base

        self._model = load_base(self._folder)

    def process(self, name: str) -> Iterator[tuple[str, int]]:
        """Reads one shard, writes one."""
        import tensorflow as tf

        from soundbeam.model.architectures.transfer import features

        with tempfile.TemporaryDirectory() as scratch, shard_writer(f"{self._folder}/{name}") as write:
            sounds = os.path.join(scratch, "sounds")
            with open_file(f"{self._examples}/{name}") as file, open(sounds, "wb") as copy:
                copy.write(file.read())
            n = 0
            for record in tf.data.TFRecordDataset(sounds).map(parse):
                with milliseconds("features"):
                    vector = features(self._model, record["waveform"].numpy())
                label, source, recording, split = (
                    record[key].numpy().decode() for key in ("label", "source", "recording", "split")
                )
                example = Example(vector, label, source, recording, float(record["start_s"].numpy()), split)
                write(serialize(example))
                n += 1
                count("features")
        yield name, n
