"""Validation soundscapes: 90 seconds each of backgrounds, distractors and calls at known places.

Thresholds and rules for calls are chosen on these, not on single clips: a count is made of long recordings, most of
which hold no call, some a few and some a chorus.

They are mixed in memory while training, so they are simpler than `model.synthesis.evaluation_soundscapes`. The two keep
their own random draws: the thresholds of a bundle depend on those made here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from soundbeam.model.synthesis.mixing import DecodedClip, fade_ends, mix_at_snr

SOUNDSCAPES, SECONDS = 40, 90.0
_LABELS_EACH = 3  # labels that call in one soundscape, at most
_FADE_S = 0.1


@dataclasses.dataclass(frozen=True, eq=False)
class Soundscape:
    """A mix whose calls are known.

    Attributes:
        samples: float32 ``[samples]``.
        events: (start, end, label) of each call, seconds.
    """

    samples: np.ndarray
    events: tuple[tuple[float, float, str], ...]


def mix_soundscapes(
    clips: Sequence[DecodedClip], labels: tuple[str, ...], rate: int, seed: int, share: float = 1.0
) -> list[Soundscape]:
    """Mixes ``SOUNDSCAPES`` soundscapes, up to three labels calling in each; the labels take turns.

    With one label in each soundscape, each of many labels would call in a few of them only: too few to choose by.

    Args:
        clips: Calls, at least one of each label, and clips of other labels.
        labels: What is to be counted.
        rate: Samples a second of all clips.
        seed: Decides everything random.
        share: Of their number; less where each takes long to score.
    """
    rng = np.random.default_rng(seed)
    others = [clip for clip in clips if clip.label not in labels]
    soundscapes = []
    for i in range(max(1, round(share * SOUNDSCAPES))):
        calling = {labels[(i + k) % len(labels)] for k in range(min(_LABELS_EACH, len(labels)))}
        calls = [clip for clip in clips if clip.label in calling]
        soundscapes.append(mix_soundscape(rng, calls, others, rate, SECONDS))
    return soundscapes


def mix_soundscape(
    rng: np.random.Generator,
    calls: list[DecodedClip],
    others: list[DecodedClip],
    rate: int,
    seconds: float = 90.0,
    snr_db: tuple[float, float] = (-5.0, 18.0),
) -> Soundscape:
    """Mixes one soundscape: two in five hold no call, one in five a chorus, the others a few calls.

    All calls of a label come from one source, as if one bird called.

    Args:
        rng: Decides everything random.
        calls: Clips of what is to be counted, of one label or of several that call in the same soundscape; at least
            one.
        others: Clips of anything else, for backgrounds and distractors. Without any there is only noise.
        rate: Samples a second of all clips.
        seconds: Length.
        snr_db: Range of the calls' levels above the background.
    """
    sound = _background(rng, others, rate, round(seconds * rate))
    for _ in range(rng.integers(2, 16) if others else 0):
        distractor = others[rng.integers(len(others))].waveform
        if len(distractor):
            faded = fade_ends(distractor, _FADE_S * rate, edge=0.0)
            sound = mix_at_snr(sound, faded, rng.integers(len(sound)), rng.uniform(*snr_db))
    draw = rng.uniform()
    is_chorus = draw > 0.8
    labels = sorted({clip.label for clip in calls})
    remaining = 0 if draw < 0.4 else (1000 if is_chorus else len(labels) * int(rng.integers(1, 6)))
    clips_of_bird = list[list[DecodedClip]]()  # one bird a label
    for label in labels:
        sources = sorted({clip.source for clip in calls if clip.label == label})
        source = sources[rng.integers(len(sources))]
        clips_of_bird.append([clip for clip in calls if clip.label == label and clip.source == source])
    level = rng.uniform(*snr_db)
    events = list[tuple[float, float, str]]()
    start_s = rng.uniform(0.0, 3.0 if is_chorus else seconds / 3)
    while remaining:
        # Each bird calls once before any calls again; after that one may call twice in a row.
        bird = len(events) if len(events) < len(clips_of_bird) else int(rng.integers(len(clips_of_bird)))
        clips = clips_of_bird[bird]
        call = clips[rng.integers(len(clips))]
        length_s = len(call.waveform) / rate
        end_s = start_s + length_s
        if end_s > seconds:
            break
        faded = fade_ends(call.waveform, _FADE_S * rate, edge=0.0)
        sound = mix_at_snr(sound, faded, round(start_s * rate), level + rng.uniform(-3.0, 3.0))
        events.append((start_s, end_s, call.label))
        start_s += length_s + rng.uniform(0.4, 5.0 if is_chorus else seconds / 4)
        remaining -= 1
    peak = float(np.abs(sound).max()) + 1e-9
    return Soundscape((sound / peak * rng.uniform(0.05, 0.9)).astype(np.float32), tuple(events))


def _background(rng: np.random.Generator, others: list[DecodedClip], rate: int, samples: int) -> np.ndarray:
    """float32 ``[samples]``: coloured noise under the clips of one or two sources, played one after the other.

    Each clip is played forwards or backwards, at random.
    """
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
        overlap, start = round(_FADE_S * rate), 0
        while start < samples:
            clip = clips[rng.integers(len(clips))][:: rng.choice([-1, 1])]
            part = fade_ends(clip, _FADE_S * rate, edge=0.0)[: samples - start]
            layer[start : start + len(part)] += part
            start += len(clip) - overlap
        sound += level * layer / (layer.std() + 1e-9)
    return sound.astype(np.float32)
