"""Mixes: what is asked for is what is heard, measured with NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from soundbeam.model.training.augment_detector import Mixing, WindowMixer, mask

RATE, SAMPLES = 8000, 8000
PLAIN = Mixing(
    near_share=1.0, near_inside=1.0, second_share=0.0, event_share=0.0, snr_db=(12.0, 12.0), warp=(1.0, 1.0),
    curve_db=0.0, noise_db=(-60.0, -60.0),
)  # fmt: skip


def tone(hz, seconds):
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE).astype(np.float32)


def noise(seconds, seed=0):
    return np.random.default_rng(seed).standard_normal(round(seconds * RATE)).astype(np.float32)


def mix(mixing=None, seed=0, call=None, ground=None):
    call = tone(1000, 0.5) if call is None else call
    ground = noise(0.7) if ground is None else ground
    windows, first, second = WindowMixer(SAMPLES, RATE, mixing).mix(
        call, call, [ground, noise(1.3, 1)], noise(0.4, 2), tf.constant([seed, 2 * seed], tf.int64)
    )
    return windows.numpy(), float(first), float(second)


def power_at(window, hz):
    spectrum = np.abs(np.fft.rfft(window)) ** 2
    at = round(hz * len(window) / RATE)
    return spectrum[at - 8 : at + 9].sum(), spectrum.sum()


@pytest.mark.parametrize("seed", range(12))
def test_windows_are_finite_recordings_and_labels_are_shares(seed):
    windows, first, second = mix(seed=seed)
    assert windows.shape == (2, SAMPLES) and windows.dtype == np.float32
    assert np.isfinite(windows).all() and np.abs(windows).max() <= 1 and (windows.std(axis=1) > 0).all()
    assert 0 <= first <= 1 and 0 <= second <= 1


def test_the_same_seed_is_the_same_mix_and_another_is_not():
    np.testing.assert_array_equal(mix(seed=3)[0], mix(seed=3)[0])
    assert not np.allclose(mix(seed=3)[0], mix(seed=4)[0])


@pytest.mark.parametrize("seed", range(6))
def test_the_first_window_holds_the_call_at_its_level_the_second_does_not(seed):
    (with_call, without), first, _ = mix(PLAIN, seed)
    assert first == 1.0
    of_call, everything = power_at(with_call, 1000)
    # +12 dB over half of the window: 10^1.2 / 2 times the background's energy.
    assert of_call / (everything - of_call) == pytest.approx(10**1.2 / 2, rel=0.25)
    part, everything = power_at(without, 1000)
    assert part / everything < 0.05


def test_a_call_longer_than_the_window_fills_it():
    _, first, _ = mix(PLAIN, call=tone(1000, 2.5))
    assert first == 1.0


def test_a_call_partly_outside_counts_by_its_share():
    shares = [mix(Mixing(near_share=0.0, inside=(0.0, 1.0)), seed)[1] for seed in range(40)]
    assert min(shares) < 0.3 and any(0.2 < share < 0.9 for share in shares) and max(shares) == 1.0


def test_silence_and_a_single_sample_do_no_harm():
    for call in (np.zeros(4000, np.float32), np.ones(1, np.float32)):
        windows, _, _ = mix(call=call, ground=np.zeros(5, np.float32))
        assert np.isfinite(windows).all()


def test_a_clip_alone_lies_wholly_in_the_window():
    mixer = WindowMixer(SAMPLES, RATE, Mixing(curve_db=0.0, warp=(1.0, 1.0)))
    window = mixer.place(tone(1000, 0.5), tf.constant([0, 0], tf.int64)).numpy()
    loud = np.flatnonzero(np.abs(window) > 0.5 * np.abs(window).max())
    assert window.shape == (SAMPLES,) and 0.4 * RATE < loud[-1] - loud[0] < 0.55 * RATE


def test_cut_is_the_first_window_padded_on_the_right():
    mixer, clip = WindowMixer(SAMPLES, RATE), noise(0.5)
    np.testing.assert_array_equal(mixer.crop(clip).numpy(), np.concatenate([clip, np.zeros(SAMPLES - len(clip))]))
    np.testing.assert_array_equal(mixer.crop(noise(2.0)).numpy(), noise(2.0)[:SAMPLES])


def test_masks_are_stripes_no_wider_than_asked():
    keep = mask(tf.ones((100, 40)), 10, 4).numpy()
    rows, columns = (keep == 0).all(axis=1), (keep == 0).all(axis=0)
    assert rows.sum() <= 10 and columns.sum() <= 4
    np.testing.assert_array_equal(keep == 0, rows[:, None] | columns[None, :])
