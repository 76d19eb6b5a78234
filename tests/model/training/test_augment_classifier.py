"""Training windows of classifiers: targets say what is heard, silence stays, the same seed gives the same windows."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from soundbeam.model.architectures import get_architecture
from soundbeam.model.architectures.architecture import Recipe
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.frontend import FrontEnd, FrontEndConfig
from soundbeam.model.frontend.kinds import FeatureSummary, Waveform
from soundbeam.model.training.augment_classifier import Variation, clip_batches, masked, vary
from tests.training_examples import TINY, sound

MIXED = dataclasses.replace(TINY, recipe=Recipe(epochs=1, batch=8, mixup=0.75))
STILL = Variation(level_db=(-20.0, -20.0), noise_db=(-300.0, -300.0), colour=0.0, masks=1, masked=0.0)


def clips():
    sounds = [sound(label, 0.3, i) for i in range(5) for label in ("low", "high", "rest")]
    rows = tf.constant([0, 1, 2] * 5, tf.int64)
    return tf.data.Dataset.zip(tf.data.Dataset.from_generator(
        lambda: iter(sounds), output_signature=tf.TensorSpec((None,), tf.float32)
    ), tf.data.Dataset.from_tensor_slices(rows))  # fmt: skip


def stream(seed, weights=(1.0, 1.0, 1.0), architecture=MIXED, take=4):
    front_end = FrontEnd(architecture.front_end)
    batches = clip_batches(clips(), tf.constant(weights), architecture, front_end, seed).take(take)
    return [np.concatenate(part) for part in zip(*batches.as_numpy_iterator(), strict=True)]


def test_the_same_seed_gives_the_same_windows():
    first, again, other = stream(3), stream(3), stream(4)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])


def test_targets_are_parts_of_one_and_weights_follow_them():
    x, y, w = stream(1, weights=(1.0, 2.0, 4.0))
    assert x.shape == (32, *MIXED.front_end.shape(MIXED.window_samples)) and np.isfinite(x).all()
    np.testing.assert_allclose(y.sum(axis=1), 1, atol=1e-6)
    assert 0.2 < np.mean((y > 0.01).sum(axis=1) == 2) < 0.8  # pairs of one label stay whole
    np.testing.assert_allclose(w, y @ [1.0, 2.0, 4.0], atol=1e-5)


def test_a_mix_holds_each_clip_by_its_part():
    tones = FrontEndConfig((Waveform(),), rate=TINY.rate, normalise="none")
    x, y, _ = stream(2, architecture=dataclasses.replace(MIXED, front_end=tones), take=8)
    power = np.abs(np.fft.rfft(x[:, :, 0, 0], axis=1)) ** 2
    hz = np.fft.rfftfreq(x.shape[1], 1 / TINY.rate)
    low, high = (power[:, np.abs(hz - at) < 0.25 * at].sum(axis=1) for at in (500, 2000))
    both = (y[:, 0] > 0.05) & (y[:, 1] > 0.05)
    assert both.sum() >= 5
    heard = np.log(low[both] / high[both])
    assert np.corrcoef(heard, np.log(y[both, 0] / y[both, 1]))[0, 1] > 0.6


def test_a_clip_keeps_its_samples_and_its_silence():
    clip = sound("low", 0.2)
    for i in range(6):
        window = vary(tf.constant(clip), 4000, tf.constant([1, i]), 0.0, STILL).numpy()
        assert window.shape == (4000,)
        at = np.flatnonzero(np.abs(window) > 1e-6)
        assert at[-1] - at[0] < len(clip) + 1
        np.testing.assert_allclose(
            window[at[0] : at[-1] + 1], clip[: at[-1] - at[0] + 1] * (window[at[0]] / clip[0]), atol=1e-5
        )
        assert np.sqrt(np.mean(window**2)) == pytest.approx(0.1, rel=1e-3)


@pytest.mark.parametrize("samples", [1, 900, 3900, 4000, 9000])
def test_clips_of_any_length_give_a_window(samples):
    clip = tf.constant(sound("rest", samples / 8000, 1)[:samples])
    for i in range(3):
        window = vary(clip, 4000, tf.constant([2, i]), 0.2, Variation()).numpy()
        assert window.shape == (4000,) and np.isfinite(window).all()


def test_masks_are_bands_of_zeros_over_all_channels():
    pictures = masked(tf.ones((5, 40, 30, 2)), tf.constant([3, 3]), Variation(masks=1, masked=0.5)).numpy()
    assert 0 < np.mean(pictures == 0) < 0.6
    np.testing.assert_array_equal(pictures[..., 0], pictures[..., 1])
    for picture in pictures[..., 0]:
        kept = np.outer(picture.max(axis=1), picture.max(axis=0))
        np.testing.assert_array_equal(picture, kept)


def test_slow_features_are_computed_once_a_clip():
    calls = []

    class Counted(FrontEnd):
        def call(self, waveform):
            calls.append(1)
            return tf.numpy_function(lambda x: (calls.append(2), x[:, :40, None, None])[1], [waveform], tf.float32)

    config = FrontEndConfig((FeatureSummary(),), rate=TINY.rate, normalise="none")
    batches = clip_batches(clips(), tf.ones(3), dataclasses.replace(MIXED, front_end=config), Counted(config), 0)
    assert sum(len(y) for _, y, _ in batches.take(10).as_numpy_iterator()) == 80
    assert calls.count(2) == 15


def test_another_front_end_or_window_in_one_line():
    crnn = get_architecture("crnn_attention").varied("mfcc+pcen", 1.0, 3200)
    assert crnn.front_end.kinds == ("mfcc", "pcen") and crnn.window_samples == 16000 and crnn.hop_s == 0.5
    assert crnn.recipe.epochs * crnn.recipe.steps * crnn.recipe.batch == 3200
    assert get_architecture("compact").varied("complex").front_end.normalise == "window"
    assert get_architecture("compact").varied() == get_architecture("compact")
    with pytest.raises(SoundbeamError, match="--front-end sonar: unknown front end"):
        crnn.varied("sonar")
    with pytest.raises(SoundbeamError, match=r"--window 0\.01: shorter than a frame"):
        crnn.varied(None, 0.01)
