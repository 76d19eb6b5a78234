"""Mixes for measuring: held-out calls and distractors laid over a background that someone recorded.

How many calls, where, and how loud is drawn here; the sound is mixed block by block, so that its length costs no
memory. For the quick mixes that thresholds are chosen on while training see `model.training.soundscapes`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from soundbeam.model.synthesis.levels import mix_at_snr

NONE, FEW, CHORUS = "none", "few", "chorus"
KINDS = (FEW, FEW, NONE, NONE, CHORUS)  # of any five soundscapes in a row, in an order of its own
_CLOSEST_S = 0.4  # from a call's end to the next one's start at least
_CHORUS_GAP_S = 5.0  # at most, in a chorus
_CALLS_A_MINUTE, _DISTRACTORS_A_MINUTE = 4.0, 8.0  # at most
_NEAR_DB = 3.0  # one bird's calls differ in level by twice this at most
_FADE_S = 0.05


@dataclasses.dataclass(frozen=True, eq=False)
class Laid:
    """A sound in a mix: its first sample there, the clip that it is, and its level above the background alone."""

    start: int
    clip: Clip
    snr_db: float

    @property
    def end(self) -> int:
        """The sample behind its last one."""
        return self.start + len(self.clip.waveform)


def kind_of(seed: int, index: int) -> str:
    """Whether soundscape ``index`` holds no call, a few or a chorus: two, two and one of each five."""
    block = np.random.default_rng([seed, index // len(KINDS)])
    return KINDS[int(block.permutation(len(KINDS))[index % len(KINDS)])]


def draw_calls(
    rng: np.random.Generator, kind: str, bird: Sequence[Clip], samples: int, rate: int, snr_db: tuple[float, float]
) -> list[Laid]:
    """Places the calls of one bird, or of several in any order: whole, never overlapping, all at about one level.

    Args:
        rng: Decides everything.
        kind: ``none``, ``few`` (one at least, anywhere) or ``chorus`` (one soon after the other until the end).
        bird: Its calls, or theirs; at least one is no longer than the soundscape.
        samples: Of the soundscape.
        rate: Samples a second.
        snr_db: Lowest and highest level above the background.
    """
    if kind == NONE:
        return []
    bird = [clip for clip in bird if len(clip.waveform) <= samples]
    low, high = snr_db
    level = rng.uniform(low, high)
    near = (max(low, level - _NEAR_DB), min(high, level + _NEAR_DB))
    minutes, closest = samples / rate / 60, round(_CLOSEST_S * rate)
    most = int(rng.integers(1, max(1, round(_CALLS_A_MINUTE * minutes)) + 1)) if kind == FEW else None
    clips, gaps, free = list[Clip](), list[int](), samples + closest
    while most is None or len(clips) < most:
        clip = bird[int(rng.integers(len(bird)))]
        gap = closest if kind == FEW or not clips else round(rng.uniform(_CLOSEST_S, _CHORUS_GAP_S) * rate)
        if len(clip.waveform) + gap > free:
            break
        clips.append(clip)
        gaps.append(gap)
        free -= len(clip.waveform) + gap
    # What is left over goes between the few calls, at random; before a chorus at most a gap of it.
    share = np.sort(rng.integers(0, free + 1, len(clips))) if kind == FEW else np.full(len(clips), 0)
    if kind == CHORUS:
        share += int(rng.integers(0, min(free, round(_CHORUS_GAP_S * rate)) + 1))
    lengths = np.array([len(clip.waveform) for clip in clips])
    starts = np.cumsum([0, *lengths[:-1]]) + np.cumsum([0, *gaps[1:]]) + share
    return [Laid(int(at), clip, _level(rng, near)) for at, clip in zip(starts, clips, strict=True)]


def draw_distractors(
    rng: np.random.Generator, others: Sequence[Clip], samples: int, rate: int, snr_db: tuple[float, float]
) -> list[Laid]:
    """Places other sounds anywhere, over each other and over calls too; arguments as for `draw_calls`."""
    others = [clip for clip in others if len(clip.waveform) <= samples]
    if not others:
        return []
    many = int(rng.integers(1, max(1, round(_DISTRACTORS_A_MINUTE * samples / rate / 60)) + 1))
    clips = [others[int(i)] for i in rng.integers(len(others), size=many)]
    return [Laid(int(rng.integers(samples - len(c.waveform) + 1)), c, _level(rng, snr_db)) for c in clips]


def _level(rng: np.random.Generator, snr_db: tuple[float, float]) -> float:
    return float(np.clip(round(rng.uniform(*snr_db), 1), *snr_db))


def lay(background: Iterable[np.ndarray], sounds: Iterable[Laid]) -> Iterator[np.ndarray]:
    """Mixes sounds into a background; the level of each is against the background alone (see `mix_at_snr`).

    Args:
        background: Blocks of float32 ``[n]``, of any lengths.
        sounds: In any order; all lie within the background.

    Yields:
        Blocks of float32 ``[m]``, together as long as the background. Nothing is clipped: samples may be beyond ±1.

    Raises:
        ValueError: A sound lies behind the end of the background.
    """
    blocks = iter(background)
    ground = mixed = np.zeros(0, np.float32)  # from sample ``first`` on: what a sound may still fall into
    first = 0
    for sound in sorted(sounds, key=lambda s: (s.start, s.end)):
        while first + len(ground) < sound.end:
            done = min(len(ground), max(0, sound.start - first))
            if done:
                yield mixed[:done]
                ground, mixed, first = ground[done:], mixed[done:], first + done
            block = next(blocks, None)
            if block is None:
                raise ValueError(f"a sound ends at sample {sound.end} of a background of {first + len(ground)}")
            ground, mixed = np.concatenate([ground, block]), np.concatenate([mixed, block])
        stretch = ground[sound.start - first : sound.end - first]
        added = mix_at_snr(stretch, sound.clip.waveform, 0, sound.snr_db) - stretch
        mixed[sound.start - first : sound.end - first] += added
    if len(mixed):
        yield mixed
    yield from blocks


def looped(laps: Iterable[Iterable[np.ndarray]], fade: int) -> Iterator[np.ndarray]:
    """Joins laps, each of them blocks of float32 ``[n]``, by cross-fades of equal power over ``fade`` samples.

    The end of one lap and the start of the next are taken for independent of each other, so that their powers add up.
    """
    held = np.zeros(0, np.float32)  # the end of what there is, not given yet: the next lap fades into it
    for lap in laps:
        seam = True
        for block in lap:
            k = min(fade, len(held), len(block)) if seam else 0
            if k:
                ramp = np.sqrt((np.arange(k) + 0.5) / k).astype(np.float32)
                joint = held[len(held) - k :] * ramp[::-1] + block[:k] * ramp
                block = np.concatenate([joint, block[k:]])
            whole = np.concatenate([held[: len(held) - k], block])
            seam = False
            keep = max(0, len(whole) - fade)
            if keep:
                yield whole[:keep]
            held = whole[keep:]
    if len(held):
        yield held


def first_samples(blocks: Iterable[np.ndarray], samples: int) -> Iterator[np.ndarray]:
    """The blocks up to so many samples, and not one more is asked for."""
    left = samples
    for block in blocks:
        yield block[:left]
        left -= len(block)
        if left <= 0:
            return


def faded(sound: np.ndarray, rate: int) -> np.ndarray:
    """float32 ``[n]``: the sound with linear fades of 50 ms, or of a quarter of it where that is less, at both ends."""
    at = np.arange(len(sound), dtype=np.float32) + 0.5
    fade = max(1.0, min(_FADE_S * rate, len(sound) / 4))
    return (sound * np.minimum(1.0, np.minimum(at, at[::-1]) / fade)).astype(np.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """A labelled sound: float32 ``[samples]``, its label, and the recording that it was cut from."""

    waveform: np.ndarray
    label: str
    source: str
