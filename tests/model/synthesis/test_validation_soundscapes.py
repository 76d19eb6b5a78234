"""Validation soundscapes hold what they say they hold."""

import itertools

import numpy as np
import pytest

from soundbeam.model.synthesis.mixing import DecodedClip
from soundbeam.model.synthesis.validation_soundscapes import mix_soundscape

RATE = 8000


def clips():
    rng = np.random.default_rng(0)
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    calls = [DecodedClip(tone[: 4000 + 1000 * i], "low", f"bird{i % 2}") for i in range(4)]
    others = [DecodedClip(rng.standard_normal(9000).astype(np.float32), "rest", f"wind{i}") for i in range(3)]
    return calls, others


@pytest.mark.parametrize("seed", range(8))
def test_calls_lie_where_it_says_and_stand_out(seed):
    calls, others = clips()
    scape = mix_soundscape(np.random.default_rng(seed), calls, others, RATE, 20.0, (20.0, 20.0))
    assert scape.samples.dtype == np.float32 and len(scape.samples) == 20 * RATE and np.abs(scape.samples).max() <= 1
    assert all(0 <= start < end <= 20 and label == "low" for start, end, label in scape.events)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(scape.events))
    for start, end, _ in scape.events:
        part = scape.samples[round(start * RATE) : round(end * RATE)]
        spectrum = np.abs(np.fft.rfft(part)) ** 2
        at = round(1000 * len(part) / RATE)
        assert spectrum[at - 20 : at + 21].sum() > 0.8 * spectrum.sum()


def test_some_are_empty_and_some_a_chorus():
    calls, others = clips()
    counts = [len(mix_soundscape(np.random.default_rng(s), calls, others, RATE, 20.0).events) for s in range(30)]
    assert 0 in counts and max(counts) >= 5 and any(0 < n < 4 for n in counts)


def test_a_bird_of_each_label_calls():
    calls, others = clips()
    calls += [DecodedClip(calls[0].waveform, "high", f"lark{i}") for i in range(3)]
    scapes = [mix_soundscape(np.random.default_rng(seed), calls, others, RATE, 60.0) for seed in range(20)]
    labels = [{label for *_, label in scape.events} for scape in scapes]
    assert {"low", "high"} in labels and set() in labels and set().union(*labels) == {"low", "high"}
    for scape in scapes:
        assert all(a[1] < b[0] for a, b in itertools.pairwise(scape.events))


def test_the_seed_decides_and_no_background_is_needed():
    calls, _ = clips()
    one, two = (mix_soundscape(np.random.default_rng(1), calls, [], RATE, 5.0) for _ in range(2))
    np.testing.assert_array_equal(one.samples, two.samples)
    assert np.isfinite(one.samples).all() and one.samples.std() > 0
