"""Shards of examples → shards of the same names that hold a frozen base's vectors instead of sound."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import apache_beam as beam
import numpy as np
from apache_beam.utils.shared import Shared

from soundbeam.model.storage.files import open_file
from soundbeam.model.training.bases import BundleBase, Embed, NetworkBase
from soundbeam.model.training.examples import Example, parse, serialize, shard_writer
from soundbeam.transforms.counters import count, milliseconds

_TOGETHER = 32  # examples that are in memory at once


def embed_clips(
    waveforms: Iterable[np.ndarray], base: BundleBase | NetworkBase, embed: Embed, pool: Executor
) -> Iterator[np.ndarray]:
    """The vectors of clips' crops, float32 ``[crops, size]`` each, in their order.

    Args:
        waveforms: float32 ``[samples]`` each.
        base: Says which crops a clip has.
        embed: What it has loaded: float32 ``[n, window samples]`` → float32 ``[n, size]``.
        pool: Each of its threads embeds a clip at a time.
    """
    return pool.map(lambda waveform: embed(base.crops(waveform)), waveforms)


@dataclasses.dataclass
class EmbedExamples(beam.PTransform):
    """Computes the vectors of every example's crops once.

    Args:
        examples: URL of a folder of examples.
        folder: URL of the folder to write to.
        base: What embeds them.
        threads: How many windows are embedded at the same time in a worker.

    Returns:
        A PCollection of (name of a shard, number of examples in it).
    """

    examples: str
    folder: str
    base: BundleBase | NetworkBase
    threads: int = 1

    def expand(self, names: beam.PCollection[str]) -> beam.PCollection[tuple[str, int]]:
        """Adds the steps to the graph."""
        return (
            names
            | "SpreadShards" >> beam.Reshuffle()
            | "Embed" >> beam.ParDo(_Embed(self.examples, self.folder, self.base, self.threads))
        )


class _Embed(beam.DoFn):
    def __init__(self, examples: str, folder: str, base: BundleBase | NetworkBase, threads: int):
        self._examples, self._folder, self._base, self._threads = examples, folder, base, threads
        self._shared = Shared()

    def setup(self) -> None:
        self._embed = self._shared.acquire(self._base.load)

    def process(self, shard: str) -> Iterator[tuple[str, int]]:
        """Reads one shard, writes one."""
        import tensorflow as tf

        n = 0
        with tempfile.TemporaryDirectory() as scratch, shard_writer(f"{self._folder}/{shard}") as write:
            sounds = os.path.join(scratch, "sounds")
            with open_file(f"{self._examples}/{shard}") as file, open(sounds, "wb") as copy:
                copy.write(file.read())
            with ThreadPoolExecutor(self._threads) as pool:
                for records in tf.data.TFRecordDataset(sounds).map(parse).ragged_batch(_TOGETHER):
                    waveforms = [waveform.numpy() for waveform in records.pop("waveform")]
                    with milliseconds("embed"):
                        vectors = list(embed_clips(waveforms, self._base, self._embed, pool))
                    names = ("label", "source", "recording", "split")
                    texts = zip(*(records[name].numpy() for name in names), strict=True)
                    rest = zip(records["start_s"].numpy().tolist(), records["false_alarm"].numpy() == 1, strict=True)
                    for found, text, (start_s, alarm) in zip(vectors, texts, rest, strict=True):
                        label, source, recording, split = (of.decode() for of in text)
                        flat = found.astype(np.float32).reshape(-1)
                        write(serialize(Example(flat, label, source, recording, start_s, split, bool(alarm))))
                    n += len(vectors)
        count("embedded_examples", n)
        yield shard, n
