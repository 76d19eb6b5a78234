"""Validation soundscapes: a minute or two each of backgrounds, distractors and calls at known places.

Thresholds and rules for calls are chosen on these, not on single clips: a count is made of long recordings, most of
which hold no call, some a few and some a chorus.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from soundbeam.model.architectures.architecture import Architecture
from soundbeam.model.classifier.scorer import Scorer
from soundbeam.model.synthesis.levels import mix_at_snr
from soundbeam.model.synthesis.mixes import Clip

SOUNDSCAPES, SECONDS = 40, 90.0
_TOGETHER = 3  # labels that call in one soundscape

_FADE_S = 0.1


@dataclasses.dataclass(frozen=True, eq=False)
class Soundscape:
    """A mix.

    Attributes:
        samples: float32 ``[samples]``.
        events: (start, end, label) of each call, seconds.
    """

    samples: np.ndarray
    events: tuple[tuple[float, float, str], ...]


def soundscape(
    rng: np.random.Generator,
    calls: list[Clip],
    others: list[Clip],
    rate: int,
    seconds: float = 90.0,
    snr_db: tuple[float, float] = (-5.0, 18.0),
) -> Soundscape:
    """Draws one soundscape: two fifths hold no call, a fifth a chorus, the others a few; one bird of each label calls.

    Args:
        rng: Decides everything.
        calls: What is to be counted, of one label or of several that take turns; at least one.
        others: What is not; backgrounds and distractors come from them. May be empty: then there is only noise.
        rate: Samples a second of all clips.
        seconds: Length.
        snr_db: Range of the calls' levels above the background.
    """
    sound = _background(rng, others, rate, round(seconds * rate))
    for _ in range(rng.integers(2, 16) if others else 0):
        stranger = others[rng.integers(len(others))].waveform
        if len(stranger):
            sound = mix_at_snr(sound, _faded(stranger, rate), rng.integers(len(sound)), rng.uniform(*snr_db))
    kind = rng.uniform()
    chorus = kind > 0.8
    labels = sorted({clip.label for clip in calls})
    left = 0 if kind < 0.4 else (1000 if chorus else len(labels) * int(rng.integers(1, 6)))
    birds = list[list[Clip]]()
    for label in labels:
        sources = sorted({clip.source for clip in calls if clip.label == label})
        source = sources[rng.integers(len(sources))]
        birds.append([clip for clip in calls if clip.label == label and clip.source == source])
    level = rng.uniform(*snr_db)
    events = list[tuple[float, float, str]]()
    at = rng.uniform(0.0, 3.0 if chorus else seconds / 3)
    while left:
        # Each label is heard once before any is heard again; then two calls in a row may be of one.
        turn = len(events) if len(events) < len(birds) else int(rng.integers(len(birds)))
        bird = birds[turn]
        call = bird[rng.integers(len(bird))]
        length = len(call.waveform) / rate
        if at + length > seconds:
            break
        sound = mix_at_snr(sound, _faded(call.waveform, rate), round(at * rate), level + rng.uniform(-3.0, 3.0))
        events.append((at, at + length, call.label))
        at += length + (rng.uniform(0.4, 5.0) if chorus else rng.uniform(0.4, seconds / 4))
        left -= 1
    peak = float(np.abs(sound).max()) + 1e-9
    return Soundscape((sound / peak * rng.uniform(0.05, 0.9)).astype(np.float32), tuple(events))


def _background(rng: np.random.Generator, others: list[Clip], rate: int, samples: int) -> np.ndarray:
    """Coloured noise under one or two sources' clips, one after the other, to and fro."""
    spectrum = np.fft.rfft(rng.standard_normal(samples, dtype=np.float32))
    octaves = np.log2(np.maximum(np.fft.rfftfreq(samples, 1 / rate), 50.0) / 1000.0)
    sound = np.fft.irfft(spectrum * 10 ** (-rng.uniform(0, 6) * octaves / 20), samples)
    sound *= 10 ** (rng.uniform(-30, 0) / 20) / sound.std()
    sources = sorted({clip.source for clip in others})
    for level in (1.0, rng.uniform(0.0, 0.7))[: int(rng.integers(1, 3))] if sources else ():
        source = sources[rng.integers(len(sources))]
        clips = [clip.waveform for clip in others if clip.source == source and len(clip.waveform) > rate // 5]
        if not clips:
            continue
        layer = np.zeros(samples, np.float32)
        fade, at = round(_FADE_S * rate), 0
        while at < samples:
            clip = clips[rng.integers(len(clips))][:: rng.choice([-1, 1])]
            part = _faded(clip, rate)[: samples - at]
            layer[at : at + len(part)] += part
            at += len(clip) - fade
        sound += level * layer / (layer.std() + 1e-9)
    return sound.astype(np.float32)


def _faded(sound: np.ndarray, rate: int) -> np.ndarray:
    """The sound with a linear fade of 0.1 s at both ends."""
    at = np.arange(len(sound), dtype=np.float32)
    return sound * np.clip(np.minimum(at, at[::-1]) / (_FADE_S * rate), 0, 1)


@dataclasses.dataclass(frozen=True, eq=False)
class Scored:
    """The scores of one label in one soundscape.

    Attributes:
        start_s: float64 ``[windows]``.
        scores: float64 ``[windows]``.
        calls: ``[n, 2]``: start and end of the calls that there really are.
    """

    start_s: np.ndarray
    scores: np.ndarray
    calls: np.ndarray


def mix_soundscapes(clips: Sequence[Clip], labels: tuple[str, ...], rate: int, seed: int) -> list[Soundscape]:
    """The labels take turns to call in them, up to three in one; of each label there must be a clip.

    With one label in each, a label of many would be heard in a few soundscapes only: too few to choose by.
    """
    rng = np.random.default_rng(seed)
    others = [clip for clip in clips if clip.label not in labels]
    scapes = []
    for i in range(SOUNDSCAPES):
        heard = {labels[(i + k) % len(labels)] for k in range(min(_TOGETHER, len(labels)))}
        calls = [clip for clip in clips if clip.label in heard]
        scapes.append(soundscape(rng, calls, others, rate, SECONDS))
    return scapes


def score_soundscapes(
    scorer: Scorer, scapes: Sequence[Soundscape], labels: tuple[str, ...], architecture: Architecture
) -> list[list[Scored]]:
    """For each soundscape the scores of each label, at the architecture's hop."""
    scored = []
    for scape in scapes:
        offsets, start_s, _ = architecture.windows.windows(0, len(scape.samples))
        scores = scorer.score_segment(scape.samples, offsets).astype(np.float64)
        scored.append(
            [
                Scored(
                    start_s,
                    scores[:, i],
                    np.array([e[:2] for e in scape.events if e[2] == label]).reshape(-1, 2),
                )
                for i, label in enumerate(labels)
            ]
        )
    return scored
