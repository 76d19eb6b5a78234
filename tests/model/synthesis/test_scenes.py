"""Mixing arithmetic to the decibel, and soundscapes that are what they say."""

import itertools

import numpy as np
import pytest

from soundbeam.model.synthesis.mixing import mix_at_snr
from soundbeam.model.synthesis.scenes import Event, Scene, background_clip, call_clip, chirp_clip, soundscape
from soundbeam.model.synthesis.sounds import BACKGROUNDS, Caller, Chirper


def rng(*seed):
    return np.random.default_rng(seed or 0)


def db(x, y):
    return 10 * np.log10(np.mean(np.square(x, dtype=np.float64)) / np.mean(np.square(y, dtype=np.float64)))


@pytest.mark.parametrize("snr_db", [-8.0, 0.0, 18.0])
def test_snr_is_over_the_extent_of_the_event(snr_db):
    background = (rng(1).normal(size=20_000) * np.linspace(0.01, 0.3, 20_000)).astype(np.float32)
    event = np.sin(np.arange(3000) / 5).astype(np.float32)
    before = background.copy()
    mixed = mix_at_snr(background, event, 12_000, snr_db)
    assert np.array_equal(background, before) and mixed.dtype == np.float32
    added = mixed - background
    assert not added[:12_000].any() and not added[15_000:].any()
    assert db(added[12_000:15_000], background[12_000:15_000]) == pytest.approx(snr_db, abs=1e-3)


@pytest.mark.parametrize("start", [-1000, 4500])
def test_an_event_partly_outside_keeps_its_level(start):
    background = np.full(5000, 0.1, np.float32)
    event = np.ones(2000, np.float32)
    added = mix_at_snr(background, event, start, 6.0) - background
    inside = added[max(0, start) : start + 2000]
    assert inside == pytest.approx(np.full(len(inside), 0.1 * 10 ** (6 / 20)), rel=1e-4)
    assert np.count_nonzero(added) == len(inside)


def test_silence_and_outside():
    mixed = mix_at_snr(np.zeros(100, np.float32), np.ones(10, np.float32), 5, 0.0)
    assert db(mixed[5:15], np.ones(1)) == pytest.approx(-90, abs=1e-3)
    assert not mix_at_snr(np.zeros(100, np.float32), np.zeros(10, np.float32), 5, 0.0).any()
    with pytest.raises(ValueError, match="outside"):
        mix_at_snr(np.zeros(100, np.float32), np.ones(10, np.float32), 100, 0.0)


def scene(**changes):
    parts = {
        "place": 3,
        "levels": {"rain": 1.0},
        "chirpers": (),
        "chirps_per_minute": 0.0,
        "callers": (Caller.draw(rng(5)),),
    }
    return Scene(**{**parts, **changes})


def made(which, rate=8000, seconds=100.0, seed=7):
    blocks = list(soundscape(rng(seed), which, rate, seconds))
    return np.concatenate([b for b, _ in blocks]), [e for _, events in blocks for e in events]


def test_calls_are_where_they_are_said_to_be():
    sound, events = made(scene(calls_per_minute=6.0, closest_s=1.0))
    assert len(sound) == 800_000 and len(events) >= 5
    assert all(b.start_s - a.end_s >= 1.0 for a, b in itertools.pairwise(events))
    assert all(0.99 <= e.end_s - e.start_s <= 3.01 and 0 <= e.snr_db <= 18 for e in events)
    rain = np.median(np.square(sound))
    for e in events:
        inside = sound[round(e.start_s * 8000) : round(e.end_s * 8000)]
        assert np.median(np.square(inside)) > rain


def test_a_scene_without_callers_has_no_events():
    assert made(scene(callers=()))[1] == []
    assert made(scene(), seconds=1.0)[1] == []


def test_length_costs_no_memory():
    lengths = {len(block) for block, _ in soundscape(rng(), scene(), 1000, 95.5)}
    assert lengths == {30_000, 5_500}


def test_blocks_join_without_a_step():
    sound, _ = made(scene(levels={"wind": 1.0}, callers=()), seconds=61.0)
    steps = np.abs(np.diff(sound))
    assert steps[[239_999, 479_999]].max() < steps.max()
    loud = np.sqrt(np.mean(sound.reshape(-1, 800) ** 2, axis=1))  # tenths of a second
    assert loud.min() > 0


def test_same_seed_same_sound():
    one, other = made(scene()), made(scene())
    assert np.array_equal(one[0], other[0]) and one[1] == other[1]
    assert not np.array_equal(one[0], made(scene(), seed=8)[0])
    assert isinstance(one[1][0], Event)


@pytest.mark.parametrize("rate", [8000, 11025, 48000])
@pytest.mark.parametrize("kind", BACKGROUNDS)
def test_backgrounds_have_unit_level_and_no_alias(kind, rate):
    sound = BACKGROUNDS[kind](rng(2), 1, 2 * rate, rate)
    assert sound.dtype == np.float32 and np.sqrt(np.mean(sound**2)) == pytest.approx(1, rel=1e-3)
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    top = np.fft.rfftfreq(len(sound), 1 / rate) > 0.48 * rate
    assert power[top].sum() < 0.02 * power.sum()


def pitches(sound, rate):
    """The share of power below 1.6 kHz: calls are low, chirps are high."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    return power[np.fft.rfftfreq(len(sound), 1 / rate) < 1600].sum() / power.sum()


@pytest.mark.parametrize("seed", range(6))
def test_calls_are_long_and_low_chirps_are_high_and_short(seed):
    caller, chirper = Caller.draw(rng(1, seed)), Chirper.draw(rng(2, seed))
    call, song = caller.call(rng(seed), 16000), chirper.sing(rng(seed), 16000)
    assert 1.0 <= len(call) / 16000 <= 3.0 and np.sqrt(np.mean(call**2)) == pytest.approx(1, rel=1e-3)
    assert pitches(call, 16000) > 0.6 and pitches(song, 16000) < 0.2
    assert chirper.note_s < 0.3
    assert max(abs(call[0]), abs(call[-1])) < 0.01  # no click


def test_an_individual_varies_but_keeps_its_pitch():
    caller = Caller.draw(rng(4))
    one, other = caller.call(rng(1), 16000), caller.call(rng(2), 16000)
    assert len(one) != len(other)
    peaks = [np.fft.rfftfreq(len(c), 1 / 16000)[np.abs(np.fft.rfft(c)).argmax()] for c in (one, other)]
    assert all(p > 0.8 * caller.pitch * 2 ** -(caller.rise + caller.fall) for p in peaks)


def test_clips():
    caller, chirper = Caller.draw(rng(4)), Chirper.draw(rng(4))
    for clip, low, high in (
        (call_clip(rng(1), caller, 11025), 1.4, 4.4),
        (background_clip(rng(1), "rain", 5, 11025), 3.0, 5.0),
        (chirp_clip(rng(1), chirper, 11025), 3.0, 5.0),
    ):
        assert clip.dtype == np.float32 and low <= len(clip) / 11025 <= high and 0 < np.abs(clip).max() <= 1
