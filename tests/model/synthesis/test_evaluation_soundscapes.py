"""Mixes: levels against the background alone, places, seams; compared with plain NumPy over the whole sound."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundbeam.model.synthesis.evaluation_soundscapes import (
    CHORUS,
    FEW,
    NONE,
    PlacedClip,
    density_of,
    fade_length,
    join_laps,
    mix_blocks,
    place_calls,
    place_distractors,
    take_samples,
)
from soundbeam.model.synthesis.mixing import DecodedClip, fade_ends

RATE = 1000


def noise(samples, seed=0):
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def clip(samples, seed=0, source="a"):
    return DecodedClip(noise(samples, seed), "call", source)


def split(sound, lengths):
    """The sound in blocks of these lengths, the last one as long as is left."""
    return np.split(sound, np.cumsum(lengths)[: np.searchsorted(np.cumsum(lengths), len(sound))])


def db(signal, ground):
    return 10 * np.log10(np.mean(np.square(signal, dtype=float)) / np.mean(np.square(ground, dtype=float)))


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 170), st.integers(1, 30), st.integers(-9, 20)), max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_blocks_do_not_matter_and_overlaps_add_up(lengths, sounds):
    ground = noise(200)
    laid = [PlacedClip(start, clip(n, start), snr) for start, n, snr in sounds]
    whole = ground.astype(np.float64)
    for sound in laid:
        wave, under = sound.clip.waveform.astype(float), ground[sound.start : sound.end].astype(float)
        gain = np.sqrt(np.mean(under**2) / np.mean(wave**2)) * 10 ** (sound.snr_db / 20)
        whole[sound.start : sound.end] += gain * wave
    got = np.concatenate(list(mix_blocks(split(ground, [*lengths, 200]), laid)))
    np.testing.assert_allclose(got, whole, atol=2e-4 * np.abs(whole).max())


def test_a_sound_is_mixed_before_all_of_the_background_is_there():
    asked = []

    def background():
        for i in range(100):
            asked.append(i)
            yield noise(100, i)

    blocks = mix_blocks(background(), [PlacedClip(150, clip(30), 0.0), PlacedClip(9000, clip(30), 0.0)])
    held = max(len(asked) - sum(map(len, given)) / 100 for given in _growing(blocks))
    assert held <= 3 and len(asked) == 100


def _growing(blocks):
    seen = []
    for block in blocks:
        seen.append(block)
        yield seen


def test_a_sound_behind_the_end_is_an_error():
    with pytest.raises(ValueError, match="sample 230"):
        list(mix_blocks([noise(100), noise(100)], [PlacedClip(200, clip(30), 0.0)]))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("density", [FEW, CHORUS])
def test_calls_are_whole_apart_and_at_about_one_level(density, seed):
    samples = 60 * RATE
    bird = [clip(n, n) for n in (700, 2500, 5000, samples + 1)]
    calls = place_calls(np.random.default_rng(seed), density, bird, samples, RATE, (-5, 18))
    assert calls and calls[0].start >= 0 and calls[-1].end <= samples
    gaps = [after.start - before.end for before, after in itertools.pairwise(calls)]
    assert min(gaps, default=400) >= 400
    levels = [call.snr_db for call in calls]
    assert max(levels) - min(levels) <= 6 and min(levels) >= -5 and max(levels) <= 18
    if density == FEW:
        assert len(calls) <= 4
    else:  # one soon after the other until the end
        assert max(gaps) <= 5000 and calls[0].start <= 5000 and samples - calls[-1].end <= 5000 + 5000


def test_a_call_as_long_as_the_soundscape_fits_once():
    for density in (FEW, CHORUS):
        calls = place_calls(np.random.default_rng(0), density, [clip(4000)], 4000, RATE, (3, 3))
        assert [(c.start, c.end, c.snr_db) for c in calls] == [(0, 4000, 3)]
    assert place_calls(np.random.default_rng(0), NONE, [], 4000, RATE, (3, 3)) == []


def test_few_calls_are_anywhere():
    starts = [
        place_calls(np.random.default_rng(seed), FEW, [clip(1000)], 60 * RATE, RATE, (0, 0))[0].start / 59000
        for seed in range(400)
    ]
    # The first of k places that are uniform over what is free, k from 1 to 4: the mean over k of 1 / (k + 1).
    assert np.mean(starts) == pytest.approx(np.mean([1 / 2, 1 / 3, 1 / 4, 1 / 5]), abs=0.04)


def test_distractors_lie_within_the_soundscape():
    others = [clip(900), clip(3000), clip(70 * RATE)]
    for seed in range(20):
        laid = place_distractors(np.random.default_rng(seed), others, 60 * RATE, RATE, (-5, 18))
        assert 1 <= len(laid) <= 8 and all(s.start >= 0 and s.end <= 60 * RATE for s in laid)
    assert place_distractors(np.random.default_rng(0), [], 60 * RATE, RATE, (-5, 18)) == []


def test_of_five_soundscapes_two_hold_no_call_two_a_few_one_a_chorus():
    densities = [density_of(7, i) for i in range(50)]
    for block in range(0, 50, 5):
        assert sorted(densities[block : block + 5]) == sorted([FEW, FEW, NONE, NONE, CHORUS])
    assert len({tuple(densities[b : b + 5]) for b in range(0, 50, 5)}) > 2


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.integers(1, 40), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_a_seam_loses_one_fade_and_nothing_else_changes(lengths, fade, laps):
    sound = np.arange(1, 101, dtype=np.float32)
    blocks = split(sound, [*lengths, 100])
    fade = min(fade, len(blocks[0]))
    got = np.concatenate(list(join_laps([blocks] * laps, fade)))
    assert len(got) == 100 * laps - fade * (laps - 1)
    ramp = (np.arange(fade) + 0.5) / fade
    expected = sound.astype(float)
    for _ in range(laps - 1):
        seam = expected[-fade:] * np.sqrt(1 - ramp) + sound[:fade] * np.sqrt(ramp)
        expected = np.concatenate([expected[:-fade], seam, sound[fade:]])
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_a_seam_keeps_the_level_of_noise():
    got = np.concatenate(list(join_laps([[noise(20000, 1)], [noise(20000, 2)]], 5000)))
    assert db(got[15000:20000], noise(5000, 3)) == pytest.approx(0, abs=0.3)


def test_no_more_of_a_background_is_read_than_needed():
    endless = (noise(100, i) for i in range(10**9))
    blocks = list(take_samples(endless, 250))
    assert [len(b) for b in blocks] == [100, 100, 50]
    assert len(next(endless)) == 100  # it was not run to its end


def test_fades_at_both_ends():
    got = fade_ends(np.ones(1000, np.float32), fade_length(1000, RATE))
    assert got[0] == pytest.approx(0.01) and got[-1] == pytest.approx(0.01) and np.all(got[60:-60] == 1)
    short = fade_ends(np.ones(8, np.float32), fade_length(8, RATE))
    np.testing.assert_allclose(short, [0.25, 0.75, 1, 1, 1, 1, 0.75, 0.25])
