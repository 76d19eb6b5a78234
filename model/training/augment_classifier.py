"""Training windows for classifiers with few clips: warped, coloured, shifted, noisy, masked, and two clips mixed.

Two clips in one window, with a target that says how much of each is heard, keep a network from memorising clips
(Tokozume, Ushiku and Harada, Learning from Between-class Examples, ICLR 2018, arXiv:1711.10282). Each pair of
clips has one seed for everything random (stateless), so the same seed gives the same windows on any number of threads.
"""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf

from soundbeam.model.architectures.architecture import Architecture, Recipe
from soundbeam.model.frontend import FrontEnd

SHUFFLE = 1024


@dataclasses.dataclass(frozen=True)
class Variation:
    """How much a clip is varied.

    Attributes:
        level_db: Range of the RMS level.
        noise_db: Range of the level of white noise relative to it, in half of the windows; the others get none.
        colour: Standard deviation of the first tap of a random filter; those of the others fall off evenly.
        taps: Taps of that filter.
        masks: How many time masks, and how many frequency masks, lie on each spectrogram.
        masked: Widest mask, as a share of the spectrogram.
    """

    level_db: tuple[float, float] = (-40.0, -12.0)
    noise_db: tuple[float, float] = (-60.0, -15.0)
    colour: float = 0.3
    taps: int = 8
    masks: int = 2
    masked: float = 0.12


def clip_batches(
    clips: tf.data.Dataset,
    row_weights: tf.Tensor,
    architecture: Architecture,
    front_end: FrontEnd,
    seed: int,
    variation: Variation | None = None,
) -> tf.data.Dataset:
    """An endless stream of (features (batch, …), targets (batch, labels), weights (batch,)).

    Features that are slow to compute (``FrontEndConfig.slow``) are computed once for each clip, unvaried, and mixed
    then. All others are computed from varied, mixed sound.

    Args:
        clips: (waveform, row of its label), each clip once.
        row_weights: float32 ``[labels]``: the weight of each label's windows.
        architecture: Gives the recipe and the window.
        front_end: Waveform → features.
        seed: Decides everything random.
        variation: How much clips are varied.
    """
    v, recipe, config = variation or Variation(), architecture.recipe, front_end.config
    share, warp = recipe.mixup, recipe.warp
    samples, labels = architecture.window_samples, row_weights.shape[0]

    def computed(waveform, row):
        return front_end(_padded(waveform[:samples], samples)[None])[0], row

    def mixed_features(index, features, rows):
        targets, parts = _parts(rows, labels, share, [seed, 3 * index])
        parts = tf.reshape(parts, [2, 1, 1, 1])
        return parts * features + (1 - parts) * features[::-1], targets, tf.linalg.matvec(targets, row_weights)

    def mixed_sounds(index, waveforms, rows):
        targets, parts = _parts(rows, labels, share, [seed, 3 * index])
        sounds = tf.stack([vary(waveforms[i], samples, [seed, 3 * index + 1 + i], warp, v) for i in range(2)])
        # The clips are about equally loud, so each is heard by its part, and the sum is as loud as one clip.
        sounds = (parts * sounds + (1 - parts) * sounds[::-1]) / tf.sqrt(parts**2 + (1 - parts) ** 2)
        features = front_end(sounds)
        if config.has_picture:
            features = masked(features, [seed, 3 * index + 1], v)
        return features, targets, tf.linalg.matvec(targets, row_weights)

    if config.slow:
        pairs = clips.map(computed, num_parallel_calls=2).cache().shuffle(SHUFFLE, seed=seed).repeat().batch(2)
        mixed = mixed_features
    else:
        pairs, mixed = clips.shuffle(SHUFFLE, seed=seed).repeat().ragged_batch(2), mixed_sounds
    numbered = tf.data.Dataset.zip(tf.data.Dataset.counter(), pairs)
    groups = numbered.map(lambda i, pair: mixed(i, *pair), num_parallel_calls=2, deterministic=True)
    return groups.rebatch(recipe.batch, drop_remainder=True).prefetch(4)


def ready_batches(
    features: tf.data.Dataset, row_weights: tf.Tensor, recipe: Recipe, seed: int, training: bool
) -> tf.data.Dataset:
    """The same from features that are computed already, (values, row of the label) each; unmixed unless training."""
    labels, share = row_weights.shape[0], recipe.mixup if training else 0.0

    def mixed(index, vectors, rows):
        targets, parts = _parts(rows, labels, share, [seed, 3 * index])
        return parts * vectors + (1 - parts) * vectors[::-1], targets, tf.linalg.matvec(targets, row_weights)

    pairs = features.cache().shuffle(SHUFFLE, seed=seed).repeat().batch(2)
    numbered = tf.data.Dataset.zip(tf.data.Dataset.counter(), pairs)
    groups = numbered.map(lambda i, pair: mixed(i, *pair), num_parallel_calls=2, deterministic=True)
    return groups.rebatch(recipe.batch, drop_remainder=True).prefetch(4)


def _parts(rows: tf.Tensor, labels: int, share: float, seed) -> tuple[tf.Tensor, tf.Tensor]:
    """The targets (2, labels) of two windows mixed of two clips, and the part (2, 1) of each window's main clip."""
    draws = tf.random.stateless_uniform([2, 2], seed)
    parts = tf.where(draws[:, :1] < share, 0.5 + 0.5 * draws[:, 1:], 1.0)
    own = tf.one_hot(rows, labels)
    return parts * own + (1 - parts) * own[::-1], parts


def vary(clip: tf.Tensor, samples: int, seed, warp: float, v: Variation) -> tf.Tensor:
    """float32 ``[n]`` → ``[samples]``: the clip, or a part of it, varied.

    A clip shorter than the window lies anywhere in silence; half of the time at the start, as in a scan. A clip of at
    least about the window's length is rotated: it begins anywhere and continues with its own beginning.
    """
    u = tf.unstack(tf.random.stateless_uniform([8], seed))
    stretched = tf.cast(tf.size(clip), tf.float32) * tf.exp(_between(u[0], -math.log1p(warp), math.log1p(warp)))
    extent = tf.maximum(tf.cast(stretched, tf.int32), 1)
    sound = tf.image.resize(clip[None, :, None, None], [extent, 1])[0, :, 0, 0]
    fills = extent > int(0.85 * samples)
    turned = tf.roll(sound, tf.cast(u[1] * tf.cast(extent, tf.float32), tf.int32), 0)
    sound = tf.where(fills, turned, sound)[:samples]
    room = samples - tf.size(sound)
    before = tf.where(fills | (u[2] < 0.5), 0, tf.cast(u[3] * tf.cast(room, tf.float32), tf.int32))
    sound = tf.ensure_shape(tf.pad(sound, [[before, room - before]]), [samples])
    noise_seed = tf.convert_to_tensor(seed) + 1_000_003
    taps = v.colour * tf.linspace(1.0, 0.2, v.taps) * tf.random.stateless_normal([v.taps], noise_seed)
    taps = tf.concat([[1.0], taps], 0)[:, None, None]
    sound = tf.nn.conv1d(sound[None, :, None], taps, 1, "SAME")[0, :, 0]
    loud = tf.sqrt(tf.reduce_mean(tf.square(sound)) + 1e-10)
    noise = tf.random.stateless_normal([samples], noise_seed) * loud * _decibels(_between(u[4], *v.noise_db))
    sound += tf.where(u[5] < 0.5, 1.0, 0.0) * noise
    return sound / loud * _decibels(_between(u[6], *v.level_db))


def masked(pictures: tf.Tensor, seed, v: Variation) -> tf.Tensor:
    """(n, frames, bins, channels) with bands of zeros across time and frequency (Park et al., SpecAugment, 2019)."""
    n, frames, bins, _ = pictures.shape
    draws = tf.random.stateless_uniform([2, n, v.masks, 2, 1], seed)
    keep = []
    for of_axis, size in zip(tf.unstack(draws), (frames, bins), strict=True):
        width = of_axis[:, :, 0] * v.masked * size
        start = of_axis[:, :, 1] * (size - width)
        at = tf.range(size, dtype=tf.float32)
        keep.append(1 - tf.reduce_max(tf.cast((at >= start) & (at < start + width), tf.float32), axis=1))
    return pictures * keep[0][:, :, None, None] * keep[1][:, None, :, None]


def _padded(sound: tf.Tensor, samples: int) -> tf.Tensor:
    return tf.ensure_shape(tf.pad(sound, [[0, samples - tf.size(sound)]]), [samples])


def _between(u: tf.Tensor, low: float, high: float) -> tf.Tensor:
    return low + (high - low) * u


def _decibels(level: tf.Tensor) -> tf.Tensor:
    return tf.exp(level * (math.log(10) / 20))
