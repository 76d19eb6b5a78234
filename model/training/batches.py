"""Reads examples: as batches of spectrograms to train on, and as clips to mix soundscapes of."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from soundbeam.model.architectures.architecture import Architecture
from soundbeam.model.frontend import FrontEnd, FrontEndConfig
from soundbeam.model.storage.files import is_local, local_path, place_of
from soundbeam.model.synthesis.mixing import DecodedClip
from soundbeam.model.tasks import CLASSIFIER, DETECTOR
from soundbeam.model.training.augment_classifier import clip_batches, ready_batches
from soundbeam.model.training.augment_detector import WindowMixer, mask
from soundbeam.model.training.examples import SPLITS, TRAIN, parse, shard_urls
from soundbeam.model.training.plan import TrainingTask

SHUFFLE = 1024  # clips held at once by each of two streams; of 5 s at 16 kHz they are 330 MB
VALIDATION_CLIPS = 2000  # clips at most that are kept in memory for soundscapes and thresholds
# Of the distractors at most this share are false alarms; half of it if there are only so many of them.
MOST_FALSE_ALARMS, ENOUGH_FALSE_ALARMS = 0.6, 20
_MASKED = 0.1  # widest masks, as a share of the spectrogram


class Examples:
    """A folder of examples, for one task. Shards on a store that is not local are copied first, into ``cache``.

    Args:
        folder: Its URL.
        manifest: As ``read_manifest`` gives it.
        task: What is to be told apart.
        cache: A local folder for copies.
        splits: source → its split, instead of the splits that the clips were materialized with. The names are free.
            Clips of other sources are left out.
    """

    def __init__(
        self,
        folder: str,
        manifest: dict[str, Any],
        task: TrainingTask,
        cache: str,
        splits: Mapping[str, str] | None = None,
    ):
        self.vector_size = 0
        self.false_alarms = sum(manifest.get("false_alarms", {}).values())
        self.task, self._rest = task, (manifest, task, os.path.join(cache, "elsewhere"), splits)
        self.paths = {split: [_local(url, cache) for url in shard_urls(folder, manifest, split)] for split in SPLITS}
        self._split_of = None
        if splits is not None:
            keys, values = tf.constant(list(splits)), tf.constant(list(splits.values()))
            self._split_of = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), "")
        self._row = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(tf.constant(task.labels), tf.range(len(task.labels), dtype=tf.int64)),
            -1,
        )

    def embedded(self, folder: str, size: int) -> Examples:
        """A frozen base's vectors of the same examples, from shards of the same names in another folder.

        In a clip those of its crops lie one behind the other; in a stream each is an element.

        Args:
            folder: Its URL.
            size: Of a vector.
        """
        os.makedirs(self._rest[2], exist_ok=True)
        examples = Examples(folder, *self._rest)
        examples.vector_size = size
        return examples

    def stream(self, split: str, *, targets: bool) -> tf.data.Dataset:
        """(waveform, row of its label) of a split's clips, of those with one of the task's labels or of the others.

        The row of the others is −1.
        """
        clips = self._parsed(split).map(lambda e: (e["waveform"], self._row.lookup(e["label"])))
        chosen = clips.filter(lambda waveform, row: (row >= 0) == targets)
        if not self.vector_size:
            return chosen

        def crops(vectors: tf.Tensor, row: tf.Tensor) -> tf.data.Dataset:
            each = tf.reshape(vectors, (-1, self.vector_size))
            return tf.data.Dataset.from_tensor_slices((each, tf.fill([tf.shape(each)[0]], row)))

        return chosen.flat_map(crops)

    def false_alarm_stream(self, split: str) -> tf.data.Dataset:
        """The waveforms of a split's false alarms: what a detector took for one of the task's labels."""
        alarms = self._parsed(split).filter(lambda e: (e["false_alarm"] == 1) & (self._row.lookup(e["label"]) < 0))
        return alarms.map(lambda e: e["waveform"])

    def clips(self, split: str) -> list[DecodedClip]:
        """The clips of a split, in memory; of more than ``VALIDATION_CLIPS``, evenly spread ones."""
        total = sum(n[split] for n in self.task.counts.values())
        return list(self.each_clip(split, max(1, -(-total // VALIDATION_CLIPS))))

    def each_clip(self, split: str, every: int = 1) -> Iterator[DecodedClip]:
        """The clips of a split one by one, or only every ``every``-th."""
        for e in self._parsed(split).shard(every, 0):
            yield DecodedClip(e["waveform"].numpy(), e["label"].numpy().decode(), e["source"].numpy().decode())

    def _parsed(self, split: str) -> tf.data.Dataset:
        split_of = self._split_of
        if split_of is None:
            return tf.data.TFRecordDataset(self.paths[split], buffer_size=1 << 20).map(parse)
        paths = [path for of_split in self.paths.values() for path in of_split]
        clips = tf.data.TFRecordDataset(paths, buffer_size=1 << 20).map(parse)
        return clips.filter(lambda e: split_of.lookup(e["source"]) == split)


def _local(url: str, cache: str) -> str:
    if is_local(url):
        return local_path(url)
    place, path = place_of(url)
    copy = os.path.join(cache, os.path.basename(path))
    if not os.path.exists(copy):
        place.fs.get_file(path, copy)
    return copy


def batches(
    examples: Examples, architecture: Architecture, front_end: FrontEnd, seed: int, *, split: str = TRAIN
) -> tf.data.Dataset:
    """An endless stream of (spectrograms (batch, frames, bins, channels), targets (batch, labels), weights (batch,)).

    The same seed gives the same stream. In training, time and frequency masks lie on the spectrograms. The weights
    make up for labels that have more clips than others. A classifier whose recipe has ``mixup`` gets those of
    ``clip_batches``.
    """
    recipe, labels, row_weights = architecture.recipe, len(examples.task.labels), _row_weights(examples.task, split)
    if examples.vector_size:
        return ready_batches(examples.stream(split, targets=True), row_weights, recipe, seed, split == TRAIN)
    if recipe.mixup and examples.task.kind == CLASSIFIER and split == TRAIN:
        return clip_batches(examples.stream(split, targets=True), row_weights, architecture, front_end, seed)
    mixer = WindowMixer(architecture.window_samples, architecture.rate)
    key = 2 * seed + (split == TRAIN)
    # Held-out clips of a recipe with mixup are not distorted: they stay as a scan hears them.
    placed = recipe.mix and not (recipe.mixup and examples.task.kind == CLASSIFIER)
    targets = _endless(examples.stream(split, targets=True), seed)
    others = None
    if examples.task.of(split, targets=False):
        others = _endless(examples.stream(split, targets=False), seed + 1)

    def mixed(index, calls, others, alarm=None):
        (waveforms, rows), (grounds, _) = calls, others
        grounds = [grounds[0], grounds[1]], grounds[2]
        windows, first, second = mixer.mix(waveforms[0], waveforms[1], *grounds, _key(key, index), alarm)
        target = tf.maximum(first * tf.one_hot(rows[0], labels), second * tf.one_hot(rows[1], labels))
        weight = tf.where(first > 0, tf.gather(row_weights, rows[0]), 1.0)
        return front_end(windows), tf.stack([target, tf.zeros_like(target)]), tf.stack([weight, 1.0])

    def alone(index, clip):
        waveform, row = clip
        window = mixer.place(waveform, _key(key, index)) if placed else mixer.crop(waveform)
        weight = tf.where(row >= 0, tf.gather(row_weights, tf.maximum(row, 0)), 1.0)
        return front_end(window[None]), tf.one_hot(row, labels)[None], weight[None]

    counter = tf.data.Dataset.counter()
    if recipe.mix and examples.task.kind == DETECTOR:
        if others is None:  # nothing but targets: they are told from noise
            others = tf.data.Dataset.from_tensors((tf.zeros([architecture.rate]), tf.constant(-1, tf.int64))).repeat()
        # Two calls and three others for each pair of windows: neighbours in shuffled streams.
        streams = [counter, targets.ragged_batch(2), others.ragged_batch(3)]
        if examples.false_alarms and split == TRAIN:
            streams.append(
                _with_none(_endless(examples.false_alarm_stream(split), seed + 2), examples.false_alarms, seed)
            )
        groups = tf.data.Dataset.zip(*streams).map(mixed, num_parallel_calls=2, deterministic=True)
    else:
        if others is not None:
            targets = tf.data.Dataset.sample_from_datasets([targets, others], [0.5, 0.5], seed=seed)
        groups = tf.data.Dataset.zip(counter, targets).map(alone, num_parallel_calls=2, deterministic=True)
    if recipe.mix and split == TRAIN and front_end.config.has_picture:
        groups = groups.map(_masked(front_end.config, architecture.window_samples))
    return groups.rebatch(recipe.batch, drop_remainder=True).prefetch(4)


def _endless(clips: tf.data.Dataset, seed: int) -> tf.data.Dataset:
    return clips.shuffle(SHUFFLE, seed=seed).repeat()


def _with_none(alarms: tf.data.Dataset, n: int, seed: int) -> tf.data.Dataset:
    """False alarms, and between them empty sounds: the fewer there are, the more seldom each is heard."""
    none = tf.data.Dataset.from_tensors(tf.zeros([0])).repeat()
    share = MOST_FALSE_ALARMS * n / (n + ENOUGH_FALSE_ALARMS)
    return tf.data.Dataset.sample_from_datasets([alarms, none], [share, 1 - share], seed, stop_on_empty_dataset=False)


def _key(key: int, index: tf.Tensor) -> tf.Tensor:
    return tf.stack([tf.constant(key, tf.int64), 2 * index])


def _row_weights(task: TrainingTask, split: str) -> tf.Tensor:
    """float32 ``[labels]``: rare labels weigh more, within a factor of 5."""
    clips = np.array([max(1, task.counts[label][split]) for label in task.labels], np.float64)
    return tf.constant(np.clip(clips.mean() / clips, 0.2, 5.0), tf.float32)


def _masked(config: FrontEndConfig, samples: int) -> Callable[..., tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    frames, bins, _ = config.shape(samples)

    def masked(spectrograms, targets, weights):
        # One mask for all channels of a spectrogram.
        seen = [
            mask(tf.ones((frames, bins)), max(1, int(frames * _MASKED)), max(1, int(bins * _MASKED)))
            for _ in tf.unstack(spectrograms)
        ]
        seen = tf.ensure_shape(tf.stack(seen), (len(seen), frames, bins))
        return spectrograms * seen[..., None], targets, weights

    return masked
