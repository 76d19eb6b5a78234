"""Evaluation soundscapes: held-out calls and distractors, placed over a background that someone recorded.

How many calls there are, where, and how loud, is drawn here. The sound is mixed block by block, so that memory does not
grow with its length. `model.synthesis.validation_soundscapes` makes the short ones that thresholds are chosen on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

import numpy as np

from soundbeam.model.synthesis.mixing import DecodedClip, equal_power_ramp, mix_at_snr

CallDensity = Literal["none", "few", "chorus"]
NONE: Final = "none"
FEW: Final = "few"
CHORUS: Final = "chorus"
# Of any five soundscapes in a row, in an order that is drawn for each five.
DENSITIES: tuple[CallDensity, ...] = (FEW, FEW, NONE, NONE, CHORUS)
_CLOSEST_S = 0.4  # from a call's end to the next one's start, at least
_CHORUS_GAP_S = 5.0  # in a chorus, at most
_CALLS_PER_MINUTE, _DISTRACTORS_PER_MINUTE = 4.0, 8.0  # at most
_LEVEL_SPREAD_DB = 3.0  # the calls of one soundscape differ in level by twice this at most
_FADE_S = 0.05


@dataclasses.dataclass(frozen=True, eq=False)
class PlacedClip:
    """A clip at its place in a mix.

    Attributes:
        start: The mix's sample where it starts.
        clip: What is heard.
        snr_db: Its level above the background alone.
    """

    start: int
    clip: DecodedClip
    snr_db: float

    @property
    def end(self) -> int:
        """The sample after its last one."""
        return self.start + len(self.clip.waveform)


def density_of(seed: int, index: int) -> CallDensity:
    """How many calls soundscape ``index`` holds: none in two of each five, a few in two, a chorus in one."""
    rng = np.random.default_rng([seed, index // len(DENSITIES)])
    return DENSITIES[int(rng.permutation(len(DENSITIES))[index % len(DENSITIES)])]


def place_calls(
    rng: np.random.Generator,
    density: CallDensity,
    calls: Sequence[DecodedClip],
    samples: int,
    rate: int,
    snr_db: tuple[float, float],
) -> list[PlacedClip]:
    """Places calls: whole, never overlapping, all at about one level.

    Args:
        rng: Decides everything random.
        density: ``none``, ``few`` (at least one, anywhere) or ``chorus`` (one soon after the other until the end).
        calls: Clips to choose from, of one bird or of several; at least one is no longer than the soundscape.
        samples: Of the soundscape.
        rate: Samples a second.
        snr_db: Lowest and highest level above the background.
    """
    if density == NONE:
        return []
    calls = [clip for clip in calls if len(clip.waveform) <= samples]
    low, high = snr_db
    level = rng.uniform(low, high)
    levels = (max(low, level - _LEVEL_SPREAD_DB), min(high, level + _LEVEL_SPREAD_DB))
    minutes, closest = samples / rate / 60, round(_CLOSEST_S * rate)
    most = int(rng.integers(1, max(1, round(_CALLS_PER_MINUTE * minutes)) + 1)) if density == FEW else None
    clips, gaps, free = list[DecodedClip](), list[int](), samples + closest
    while most is None or len(clips) < most:
        clip = calls[int(rng.integers(len(calls)))]
        gap = closest if density == FEW or not clips else round(rng.uniform(_CLOSEST_S, _CHORUS_GAP_S) * rate)
        if len(clip.waveform) + gap > free:
            break
        clips.append(clip)
        gaps.append(gap)
        free -= len(clip.waveform) + gap
    # What is left over goes between the few calls, at random; before a chorus goes at most one gap of it.
    shifts = np.sort(rng.integers(0, free + 1, len(clips))) if density == FEW else np.full(len(clips), 0)
    if density == CHORUS:
        shifts += int(rng.integers(0, min(free, round(_CHORUS_GAP_S * rate)) + 1))
    lengths = np.array([len(clip.waveform) for clip in clips])
    starts = np.cumsum([0, *lengths[:-1]]) + np.cumsum([0, *gaps[1:]]) + shifts
    return [PlacedClip(int(start), clip, _level(rng, levels)) for start, clip in zip(starts, clips, strict=True)]


def place_distractors(
    rng: np.random.Generator, others: Sequence[DecodedClip], samples: int, rate: int, snr_db: tuple[float, float]
) -> list[PlacedClip]:
    """Places other sounds anywhere, over each other and over calls too; arguments as for `place_calls`."""
    others = [clip for clip in others if len(clip.waveform) <= samples]
    if not others:
        return []
    count = int(rng.integers(1, max(1, round(_DISTRACTORS_PER_MINUTE * samples / rate / 60)) + 1))
    clips = [others[int(i)] for i in rng.integers(len(others), size=count)]
    return [PlacedClip(int(rng.integers(samples - len(c.waveform) + 1)), c, _level(rng, snr_db)) for c in clips]


def _level(rng: np.random.Generator, snr_db: tuple[float, float]) -> float:
    return float(np.clip(round(rng.uniform(*snr_db), 1), *snr_db))


def mix_blocks(background: Iterable[np.ndarray], clips: Iterable[PlacedClip]) -> Iterator[np.ndarray]:
    """Mixes clips into a background; the level of each is against the background alone (see `mix_at_snr`).

    Args:
        background: Blocks of float32 ``[n]``, of any lengths.
        clips: In any order; all lie within the background.

    Yields:
        Blocks of float32 ``[m]``, together as long as the background. Nothing is clipped: samples may be beyond ±1.

    Raises:
        ValueError: A clip lies after the end of the background.
    """
    blocks = iter(background)
    ground = mixed = np.zeros(0, np.float32)  # from sample ``first`` on: where further clips may still lie
    first = 0
    for placed in sorted(clips, key=lambda p: (p.start, p.end)):
        while first + len(ground) < placed.end:
            finished = min(len(ground), max(0, placed.start - first))
            if finished:
                yield mixed[:finished]
                ground, mixed, first = ground[finished:], mixed[finished:], first + finished
            block = next(blocks, None)
            if block is None:
                raise ValueError(f"a sound ends at sample {placed.end} of a background of {first + len(ground)}")
            ground, mixed = np.concatenate([ground, block]), np.concatenate([mixed, block])
        extent = slice(placed.start - first, placed.end - first)
        mixed[extent] += mix_at_snr(ground[extent], placed.clip.waveform, 0, placed.snr_db) - ground[extent]
    if len(mixed):
        yield mixed
    yield from blocks


def join_laps(laps: Iterable[Iterable[np.ndarray]], fade: int) -> Iterator[np.ndarray]:
    """Joins laps, each of them blocks of float32 ``[n]``, by cross-fades of equal power over ``fade`` samples.

    The end of one lap and the start of the next are taken to be independent, so that their powers add up.
    """
    tail = np.zeros(0, np.float32)  # the end of what there is, not yielded yet: the next lap fades into it
    for lap in laps:
        is_first = True
        for block in lap:
            overlap = min(fade, len(tail), len(block)) if is_first else 0
            if overlap:
                ramp = equal_power_ramp(overlap)
                seam = tail[len(tail) - overlap :] * ramp[::-1] + block[:overlap] * ramp
                block = np.concatenate([seam, block[overlap:]])
            sound = np.concatenate([tail[: len(tail) - overlap], block])
            is_first = False
            ready = max(0, len(sound) - fade)
            if ready:
                yield sound[:ready]
            tail = sound[ready:]
    if len(tail):
        yield tail


def take_samples(blocks: Iterable[np.ndarray], samples: int) -> Iterator[np.ndarray]:
    """The blocks up to so many samples; no further block is asked for."""
    remaining = samples
    for block in blocks:
        yield block[:remaining]
        remaining -= len(block)
        if remaining <= 0:
            return


def fade_length(samples: int, rate: int) -> float:
    """Samples of the fade at each end of a clip: 50 ms, or a quarter of the clip where that is less."""
    return max(1.0, min(_FADE_S * rate, samples / 4))
