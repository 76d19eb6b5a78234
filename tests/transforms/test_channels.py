"""Notes on the channels of a recording, from sums over its samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundbeam.transforms import channels
from soundbeam.transforms.channels import ChannelSums, SeparatedBlock, notes_of


def sums_of(block):
    return channels.sums_of(SeparatedBlock.of(block))


def noise(seed, level=0.1, frames=4000):
    return np.random.default_rng(seed).normal(0, level, frames).clip(-0.99, 0.99)


def notes(*channels, channel=None):
    return notes_of(sums_of(np.stack(channels, axis=1).astype(np.float32)), channel)


@pytest.mark.parametrize(
    ("channels", "kinds"),
    [
        ([noise(0)], []),
        ([noise(0), noise(0)], []),
        ([noise(0), noise(1)], []),
        ([noise(i) for i in range(8)], []),
        ([noise(0), -noise(0)], ["channels cancel"]),
        ([noise(0), -noise(0) + noise(1, 0.01)], ["channels cancel"]),
        ([noise(0) + 0.3, -noise(0) + 0.3], ["channels cancel", "offset"]),
        ([noise(0), 0 * noise(0)], ["silent channel"]),
        ([0 * noise(0), 0 * noise(0)], ["silence"]),
        ([0 * noise(0) + 0.5], ["silence", "offset"]),
        ([noise(0), noise(1, 0.005)], ["unlike channels"]),
        ([np.sign(noise(0))], ["clipped"]),
        ([noise(0) + 0.2], ["offset"]),
        ([10 * np.sign(noise(0))], []),  # a float file that goes beyond full scale has lost nothing
    ],
)
def test_kinds_of_notes(channels, kinds):
    assert [note.partition(":")[0] for note in notes(*channels)] == kinds


def test_a_note_names_the_channel_and_what_to_do():
    quiet, loud = noise(1, 0.005), noise(0)
    assert notes(quiet, loud) == [
        "unlike channels: channel 2 is 26 dB louder than channel 1 and hides it in their mean; scan with --channel each"
    ]
    assert notes(loud, 0 * loud, loud, 0 * loud) == ["silent channel: channels 2, 4"]


def test_only_the_channel_that_is_scanned_counts():
    assert notes(noise(0), -noise(0), channel=1) == []
    assert notes(np.sign(noise(0)), noise(1), channel=2) == []
    assert notes(noise(0), 0 * noise(0), channel=2) == ["silence: every sample is the same"]


def test_nothing_was_decoded():
    assert notes_of(ChannelSums()) == []


def test_samples_that_are_not_numbers_count_as_zero():
    block = np.array([[np.nan, 0.5], [1e30, -0.5], [np.inf, 0.5]], np.float32)
    assert sums_of(block) == sums_of(np.array([[0, 0.5], [0, -0.5], [0, 0.5]], np.float32))


@given(st.integers(1, 4), st.lists(st.integers(0, 50), min_size=1, max_size=6), st.integers(0, 9))
def test_sums_of_parts_add_up_and_are_numpys(channels, lengths, seed):
    x = np.random.default_rng(seed).normal(0, 0.5, (sum(lengths), channels)).astype(np.float32).clip(-1, 1)
    parts = np.split(x, np.cumsum(lengths)[:-1])
    total = sum(map(sums_of, parts), ChannelSums())
    exact = x.astype(np.float64)
    assert total.frames == len(x)
    np.testing.assert_allclose(total.samples, exact.sum(axis=0), atol=1e-4)
    np.testing.assert_allclose(total.powers, (exact**2).sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(total.mean_power, (exact.mean(axis=1) ** 2).sum(), rtol=1e-4, atol=1e-5)
    assert total.clipped == tuple((np.abs(x) >= 0.9999).sum(axis=0))


ODD = [0.5, 1e7, 1e14, 1e20, np.inf, np.nan]


@given(st.integers(1, 4), st.integers(0, 50), st.integers(0, 9), st.sampled_from(ODD))
def test_a_separated_block_is_the_block(channels, frames, seed, odd):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 0.5, (frames, channels)).astype(np.float32)
    if frames:
        x[rng.integers(frames), rng.integers(channels)] = -odd
    block = SeparatedBlock.of(x)
    np.testing.assert_array_equal(np.stack(block.channels, axis=1), x)
    np.testing.assert_allclose(block.mean(), x.astype(np.float64).mean(axis=1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(block.peak, np.abs(x).max(initial=0))
    assert all(channel.flags.c_contiguous for channel in block.channels)
