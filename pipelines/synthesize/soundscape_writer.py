"""Writes evaluation soundscapes: a background, a bird's calls and distractors, mixed into a FLAC file each."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.synthesis.evaluation_soundscapes import (
    NONE,
    CallDensity,
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
from soundbeam.transforms.clip_records import Clip
from soundbeam.transforms.decoders import DecodeError, open_decoder
from soundbeam.transforms.decoding.blocks import decode_blocks
from soundbeam.transforms.decoding.excerpt import read_recording
from soundbeam.transforms.examples.write_examples import reason_against

_BLOCK_S = 60.0  # of a background, in memory at once
_FADE_S = 0.5  # between a background's end and its start
_SHORTEST_S = 1.0  # of a background
_BIRD_CLIPS, _DISTRACTOR_CLIPS, _DISTRACTOR_SOURCES = 8, 4, 3  # at most, in one soundscape
_DISTRACTOR_S = 10.0  # at most
_PEAK = 0.99
_NOISE = 0.001  # RMS where there is no background: 60 dB below full scale

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, eq=False)
class SoundscapeContents:
    """What was mixed into one recording."""

    density: CallDensity
    calls: list[PlacedClip]
    distractors: list[PlacedClip]


class SoundscapeWriter:
    """Makes soundscapes, each from its own random stream.

    Args:
        clips: Calls and distractors, in a fixed order.
        backgrounds: URIs, in a fixed order; none: faint noise.
        targets: The labels that call; they take turns.
        snr_db: Lowest and highest signal-to-noise ratio.
        seconds: Length of a soundscape.
        rate: Samples a second.
        seed: Decides everything random.
        callers: How many sources call in one soundscape, of the labels whose turn it is.

    Attributes:
        left_out: URI of a clip or background that could not be used → the reason.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        backgrounds: Sequence[str],
        targets: Sequence[str],
        snr_db: tuple[float, float],
        seconds: float,
        rate: int,
        seed: int,
        callers: int = 1,
    ):
        self.targets, self.snr_db, self.rate, self.seed, self.callers = targets, snr_db, rate, seed, callers
        self.samples = round(seconds * rate)
        self.left_out: dict[str, str] = {}
        self._clips: dict[tuple[str, str], list[Clip]] = collections.defaultdict(list)
        for clip in clips:
            self._clips[clip.label, clip.source].append(clip)
        rng = np.random.default_rng([seed, 1])
        self._is_noise, self._backgrounds = not backgrounds, _shuffled(rng, backgrounds)
        self._birds = {label: _shuffled(rng, [key for key in self._clips if key[0] == label]) for label in targets}
        self._others = [key for key in self._clips if key[0] not in targets]

    def write(self, index: int, path: Path) -> SoundscapeContents:
        """Writes soundscape ``index``, which depends only on the seed and the index, and returns what is in it.

        Raises:
            SoundbeamError: No background, or no clip of the target, can be used; or the file cannot be written.
        """
        rng = np.random.default_rng([self.seed, 2, index])
        density = density_of(self.seed, index)
        bird_numbers = range(index, index + self.callers) if density != NONE else ()
        clips = [clip for number in bird_numbers for clip in self._read_bird(rng, number)]
        calls = place_calls(rng, density, clips, self.samples, self.rate, self.snr_db)
        others = self._read_others(rng, {clip.source for clip in clips})
        distractors = place_distractors(rng, others, self.samples, self.rate, self.snr_db)
        background = take_samples(self._background(rng, index), self.samples)
        write_flac(path, mix_blocks(background, [*calls, *distractors]), self.rate)
        return SoundscapeContents(density, calls, distractors)

    def _read_bird(self, rng: np.random.Generator, number: int) -> list[DecodedClip]:
        """Clips of one bird: the label and the source whose turn it is, or the label's next source that has any."""
        label = self.targets[number % len(self.targets)]
        number, birds = number // len(self.targets), self._birds[label]
        for k in range(len(birds)):
            if clips := self._read(rng, birds[(number + k) % len(birds)], _BIRD_CLIPS):
                return clips
        uri = self._clips[birds[0]][0].recording
        raise SoundbeamError(f"not one clip of {label} can be used, e.g. {uri}: {self.left_out[uri]}")

    def _read_others(self, rng: np.random.Generator, excluded_sources: set[str]) -> list[DecodedClip]:
        """Clips of some sources of other labels, shortened where they would not fit."""
        keys = [key for key in self._others if key[1] not in excluded_sources]
        chosen = _shuffled(rng, keys)[: int(rng.integers(1, _DISTRACTOR_SOURCES + 1))]
        longest = min(self.samples, round(_DISTRACTOR_S * self.rate))
        return [clip for key in chosen for clip in self._read(rng, key, _DISTRACTOR_CLIPS, longest)]

    def _read(
        self, rng: np.random.Generator, key: tuple[str, str], most: int, shortened_to: int | None = None
    ) -> list[DecodedClip]:
        """At most ``most`` clips of a label's source.

        Clips longer than ``shortened_to`` samples are shortened. Without it, those longer than the soundscape are left
        out.
        """
        decoded: list[DecodedClip] = []
        longest = shortened_to or self.samples
        for clip in _shuffled(rng, self._clips[key]):
            if len(decoded) == most:
                break
            end_s = clip.start_s + (longest + 1) / self.rate
            try:
                waveform = read_recording(
                    clip.recording, self.rate, clip.start_s, end_s if clip.end_s is None else min(end_s, clip.end_s)
                )
                reason = reason_against(waveform, self.rate)
            except SoundbeamError as e:
                waveform, reason = np.empty(0, np.float32), str(e).removeprefix(f"{clip.recording}: ")
            if not reason and shortened_to is None and len(waveform) > longest:
                reason = f"longer than the soundscape of {self.samples / self.rate:g} s; give more --minutes"
            if reason:
                self.left_out[clip.recording] = reason
            else:
                waveform = waveform[:longest]
                decoded.append(DecodedClip(fade_ends(waveform, fade_length(len(waveform), self.rate)), *key))
        return decoded

    def _background(self, rng: np.random.Generator, index: int) -> Iterator[np.ndarray]:
        """Endless blocks: noise, or the recording whose turn it is, from a random place on, again and again."""
        if self._is_noise:
            return (_NOISE * rng.standard_normal(self.rate, dtype=np.float32) for _ in itertools.count())
        while self._backgrounds:
            number = index % len(self._backgrounds)
            uri = self._backgrounds[number]
            try:
                length = usable_samples(uri, self.rate)
            except (SoundbeamError, DecodeError) as e:
                self.left_out[uri] = str(e).removeprefix(f"{uri}: ")
                del self._backgrounds[number]
                continue
            start = int(rng.integers(length - self.samples + 1 if length >= self.samples else length))
            starts = itertools.chain([start], itertools.repeat(0))
            return join_laps((read_lap(uri, self.rate, first) for first in starts), round(_FADE_S * self.rate))
        uri, reason = next(reversed(self.left_out.items()))
        raise SoundbeamError(f"not one background can be used, e.g. {uri}: {reason}")


def usable_samples(uri: str, rate: int) -> int:
    """About how many samples a recording has at a rate, by its header or else by decoding it.

    Raises:
        SoundbeamError: It cannot be read, or is too short to be repeated.
        DecodeError: Its length is not known from its header, and it breaks off.
    """
    if len(read_recording(uri, rate, 0.0, _SHORTEST_S)) < round(_SHORTEST_S * rate):
        raise SoundbeamError(f"{uri}: a background must be at least {_SHORTEST_S:g} s long")
    with open_decoder(uri, "soundfile") as stream:
        if stream.promised:
            return max(1, round(stream.promised / stream.sample_rate * rate))
    return sum(map(len, decode_blocks(uri, rate)))


def read_lap(uri: str, rate: int, first: int) -> Iterator[np.ndarray]:
    """A recording from a sample on, block by block; nothing where it ends, or breaks, before that.

    Raises:
        SoundbeamError: There is nothing from sample 0 on.
    """
    block = round(_BLOCK_S * rate)
    for start in itertools.count(first, block):
        try:
            samples = read_recording(uri, rate, start / rate, (start + block) / rate)
        except SoundbeamError:
            if start == 0:
                raise
            return
        yield samples
        if len(samples) < block:
            return


def write_flac(path: Path, blocks: Iterable[np.ndarray], rate: int) -> None:
    """Writes blocks of float32 ``[n]`` as 16 bits; where they would pass full scale, all of them are turned down.

    Raises:
        SoundbeamError: The file cannot be written.
    """
    import soundfile

    peak = 0.0
    # The peak is only known at the end: until then the sound is in a temporary file.
    with tempfile.TemporaryFile(dir=path.parent) as buffer:
        for block in blocks:
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            buffer.write(block.astype("<f4").tobytes())
        buffer.seek(0)
        gain = np.float32(_PEAK / peak if peak > _PEAK else 1.0)
        try:
            with soundfile.SoundFile(path, "w", rate, 1, subtype="PCM_16", format="FLAC") as file:
                while data := buffer.read(1 << 20):
                    file.write(np.frombuffer(data, "<f4") * gain)
        except soundfile.LibsndfileError as e:
            raise SoundbeamError(f"{path}: cannot be written ({e}); is the disk full?") from e


def _shuffled(rng: np.random.Generator, items: Sequence[T]) -> list[T]:
    return [items[int(i)] for i in rng.permutation(len(items))]
