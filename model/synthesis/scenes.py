"""Artificial soundscapes and clips: sounds laid over backgrounds at chosen signal-to-noise ratios."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from soundbeam.model.synthesis.mixing import equal_power_ramp, mix_at_snr
from soundbeam.model.synthesis.sounds import BACKGROUNDS, Caller, Chirper

BLOCK_S = 30.0  # a recording is made in blocks of at most this, so that memory does not grow with its length
_FADE_S = 0.25  # cross-fade between the backgrounds of two blocks
_LEVEL = 10 ** (-38 / 20)  # RMS of the background; a call at +18 dB still stays clear of full scale


@dataclasses.dataclass(frozen=True)
class Event:
    """A call in a soundscape: seconds from the start of the recording, and its level.

    ``snr_db`` is relative to wind, rain and insects, not to chirps that overlap the call.
    """

    start_s: float
    end_s: float
    snr_db: float


@dataclasses.dataclass(frozen=True)
class Scene:
    """What is to be heard in one recording.

    Attributes:
        place: Which wind, rain and insects: any number, the same one for the same place.
        levels: RMS of those BACKGROUNDS that are heard, relative to each other.
        chirpers: Birds of other kinds.
        chirps_per_minute: Series of chirps, of all of them together.
        callers: Birds of the counted kind; none for a recording without a call.
        calls_per_minute: Roughly; the time between calls is at random.
        snr_db: Lowest and highest signal-to-noise ratio of a call.
        closest_s: From a call's end to the next one's start at least. Mostly it is more by some seconds, now and then
            by less than one.
    """

    place: int
    levels: dict[str, float]
    chirpers: tuple[Chirper, ...]
    chirps_per_minute: float
    callers: tuple[Caller, ...]
    calls_per_minute: float = 3.0
    snr_db: tuple[float, float] = (0.0, 18.0)
    closest_s: float = 2.2

    @classmethod
    def draw(cls, rng: np.random.Generator, callers: int) -> Scene:
        """Draws a scene with that many callers."""
        return cls(
            place=int(rng.integers(2**31)),
            levels=_levels(rng),
            chirpers=tuple(Chirper.draw(rng) for _ in range(2)),
            chirps_per_minute=float(rng.uniform(4, 14)),
            callers=tuple(Caller.draw(rng) for _ in range(callers)),
        )


def soundscape(
    rng: np.random.Generator, scene: Scene, rate: int, seconds: float
) -> Iterator[tuple[np.ndarray, list[Event]]]:
    """Makes one recording, block by block.

    Calls never overlap each other.

    Args:
        rng: Decides everything random.
        scene: What is to be heard.
        rate: Hz.
        seconds: Length of the recording.

    Yields:
        (float32 ``[samples]`` within −1 to 1, the calls that lie in it); the blocks together are
        ``round(seconds × rate)`` samples long.
    """
    total, block, fade = round(seconds * rate), round(BLOCK_S * rate), round(_FADE_S * rate)
    ramp = equal_power_ramp(fade)
    tail = np.zeros(0, dtype=np.float32)
    for first in range(0, total, block):
        n = min(block, total - first)
        sound = _background(rng, scene, n + fade, rate)
        if len(tail):
            k = min(n, fade)
            sound[:k] = sound[:k] * ramp[:k] + tail[:k] * ramp[::-1][:k]
        tail, sound = sound[n:], sound[:n]
        chirps = _with_chirps(rng, scene, sound, rate) - sound
        sound, events = _with_calls(rng, scene, sound, rate)
        yield (
            np.clip(sound + chirps, -1, 1),
            [Event(first / rate + e.start_s, first / rate + e.end_s, e.snr_db) for e in events],
        )


def _levels(rng: np.random.Generator, loudest: str | None = None) -> dict[str, float]:
    """One background, and another that is weaker."""
    kinds = [loudest] if loudest else [str(rng.choice(list(BACKGROUNDS)))]
    kinds.append(str(rng.choice([kind for kind in BACKGROUNDS if kind not in kinds])))
    return dict(zip(kinds, (1.0, float(rng.uniform(0.05, 0.5))), strict=True))


def _background(rng: np.random.Generator, scene: Scene, samples: int, rate: int) -> np.ndarray:
    sound = np.zeros(samples, dtype=np.float32)
    for kind, level in scene.levels.items():
        sound += np.float32(level) * BACKGROUNDS[kind](rng, scene.place, samples, rate)
    loudness = np.sqrt(sum(level**2 for level in scene.levels.values()))
    return sound * np.float32(_LEVEL / max(loudness, 1e-6))


def _with_chirps(rng: np.random.Generator, scene: Scene, sound: np.ndarray, rate: int) -> np.ndarray:
    for _ in range(rng.poisson(scene.chirps_per_minute * len(sound) / rate / 60) if scene.chirpers else 0):
        song = scene.chirpers[rng.integers(len(scene.chirpers))].sing(rng, rate)
        if len(song) < len(sound):
            sound = mix_at_snr(sound, song, int(rng.integers(len(sound) - len(song))), rng.uniform(0, 15))
    return sound


def _with_calls(rng: np.random.Generator, scene: Scene, sound: np.ndarray, rate: int) -> tuple[np.ndarray, list[Event]]:
    events: list[Event] = []
    if not scene.callers:
        return sound, events
    margin = round(scene.closest_s / 2 * rate)  # at both ends of a block: calls of two blocks stay apart as well
    free_s = 60 / scene.calls_per_minute - 2.0
    at = margin + round(rng.uniform(0, free_s) * rate)
    while True:
        call = scene.callers[rng.integers(len(scene.callers))].call(rng, rate)
        if at + len(call) > len(sound) - margin:
            return sound, events
        snr_db = round(float(rng.uniform(*scene.snr_db)), 1)
        sound = mix_at_snr(sound, call, at, snr_db)
        events.append(Event(at / rate, (at + len(call)) / rate, snr_db))
        close = rng.random() < 0.15
        more_s = rng.uniform(0.0, 0.8) if close else 0.8 + rng.exponential(max(0.1, free_s - scene.closest_s - 0.8))
        at += len(call) + round((scene.closest_s + more_s) * rate)


def call_clip(rng: np.random.Generator, caller: Caller, rate: int) -> np.ndarray:
    """One call, mostly clear, with a little of its surroundings at both ends: float32 ``[samples]``, 1.4 to 4.4 s."""
    call = caller.call(rng, rate)
    before, behind = (round(rng.uniform(0.2, 0.7) * rate) for _ in range(2))
    background = _background(rng, Scene.draw(rng, 0), before + len(call) + behind, rate)
    return np.clip(mix_at_snr(background, call, before, rng.uniform(6, 24)), -1, 1)


def background_clip(rng: np.random.Generator, kind: str, place: int, rate: int) -> np.ndarray:
    """3 to 5 s of one of BACKGROUNDS at a place, another one behind it: float32 ``[samples]``."""
    scene = Scene(place, _levels(rng, kind), (), 0, ())
    return np.clip(_background(rng, scene, round(rng.uniform(3.0, 5.0) * rate), rate), -1, 1)


def chirp_clip(rng: np.random.Generator, chirper: Chirper, rate: int) -> np.ndarray:
    """3 to 5 s in which a bird of another kind sings twice: float32 ``[samples]``."""
    half = round(rng.uniform(1.5, 2.5) * rate)
    sound = _background(rng, Scene.draw(rng, 0), 2 * half, rate)
    for start in (0, half):
        song = chirper.sing(rng, rate)[:half]
        sound = mix_at_snr(sound, song, start + int(rng.integers(half - len(song) + 1)), rng.uniform(3, 20))
    return np.clip(sound, -1, 1)
