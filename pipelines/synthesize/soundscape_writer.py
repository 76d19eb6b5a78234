"""Makes one soundscape after the other: a background, a bird, distractors, mixed into a FLAC file."""

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
from soundbeam.model.synthesis import mixes as mixing
from soundbeam.model.synthesis.mixes import Clip as Sound
from soundbeam.model.synthesis.mixes import Laid
from soundbeam.transforms.decoders import DecodeError, open_decoder
from soundbeam.transforms.decoding.decode_recordings import decode_blocks, read_recording
from soundbeam.transforms.examples.write_examples import reason_against
from soundbeam.transforms.records import Clip

_BLOCK_S = 60.0  # of a background, in memory at once
_FADE_S = 0.5  # between a background's end and its start
_SHORTEST_S = 1.0  # of a background
_BIRD_CLIPS, _DISTRACTOR_CLIPS, _DISTRACTOR_SOURCES = 8, 4, 3  # at most, in one soundscape
_DISTRACTOR_S = 10.0  # at most
_PEAK = 0.99
_NOISE = 0.001  # RMS where there is no background: 60 dB below full scale

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, eq=False)
class Soundscape:
    """What was laid into one recording; its kind is one of `model.synthesis.mixes.KINDS`."""

    kind: str
    calls: list[Laid]
    distractors: list[Laid]


class Mixer:
    """Makes soundscapes, each from its own stream of chance.

    Args:
        clips: Calls and distractors, in a fixed order.
        backgrounds: URIs, in a fixed order; none: faint noise.
        targets: The labels that call, in turn.
        snr_db: Lowest and highest signal-to-noise ratio.
        seconds: Length of a soundscape.
        rate: Samples a second.
        seed: Decides everything.
        callers: How many sources call in one soundscape, of the labels whose turn it is.

    Attributes:
        left_out: URI of a clip or background → why it was of no use.
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
        self.callers = callers
        self.targets, self.snr_db, self.samples, self.rate, self.seed = (
            targets,
            snr_db,
            round(seconds * rate),
            rate,
            seed,
        )
        self.left_out: dict[str, str] = {}
        self._clips: dict[tuple[str, str], list[Clip]] = collections.defaultdict(list)
        for clip in clips:
            self._clips[clip.label, clip.source].append(clip)
        order = np.random.default_rng([seed, 1])
        self._noise, self._backgrounds = not backgrounds, _shuffled(order, backgrounds)
        self._birds = {label: _shuffled(order, [key for key in self._clips if key[0] == label]) for label in targets}
        self._others = [key for key in self._clips if key[0] not in targets]

    def write(self, index: int, path: Path) -> Soundscape:
        """Writes soundscape ``index``, the same one for the same seed, and tells what is in it.

        Raises:
            SoundbeamError: No background, or no clip of the target, can be used; or the file cannot be written.
        """
        rng = np.random.default_rng([self.seed, 2, index])
        kind = mixing.kind_of(self.seed, index)
        turns = range(index, index + self.callers) if kind != mixing.NONE else ()
        bird = [sound for turn in turns for sound in self._bird(rng, turn)]
        calls = mixing.draw_calls(rng, kind, bird, self.samples, self.rate, self.snr_db)
        others = self._strangers(rng, {sound.source for sound in bird})
        distractors = mixing.draw_distractors(rng, others, self.samples, self.rate, self.snr_db)
        background = mixing.first_samples(self._background(rng, index), self.samples)
        write_flac(path, mixing.lay(background, [*calls, *distractors]), self.rate)
        return Soundscape(kind, calls, distractors)

    def _bird(self, rng: np.random.Generator, turn: int) -> list[Sound]:
        """The clips of the source whose turn it is, or of the next one of its label that has any."""
        label = self.targets[turn % len(self.targets)]
        turn, birds = turn // len(self.targets), self._birds[label]
        for k in range(len(birds)):
            if sounds := self._read(rng, birds[(turn + k) % len(birds)], _BIRD_CLIPS):
                return sounds
        uri = self._clips[birds[0]][0].recording
        raise SoundbeamError(f"not one clip of {label} can be used, e.g. {uri}: {self.left_out[uri]}")

    def _strangers(self, rng: np.random.Generator, but: set[str]) -> list[Sound]:
        """Clips of some sources of other labels, cut to a length that fits."""
        keys = [key for key in self._others if key[1] not in but]
        chosen = _shuffled(rng, keys)[: int(rng.integers(1, _DISTRACTOR_SOURCES + 1))]
        longest = min(self.samples, round(_DISTRACTOR_S * self.rate))
        return [sound for key in chosen for sound in self._read(rng, key, _DISTRACTOR_CLIPS, longest)]

    def _read(self, rng: np.random.Generator, key: tuple[str, str], most: int, cut: int | None = None) -> list[Sound]:
        """Some clips of a source; longer ones are cut to ``cut`` samples, or else of no use."""
        sounds: list[Sound] = []
        longest = cut or self.samples
        for clip in _shuffled(rng, self._clips[key]):
            if len(sounds) == most:
                break
            end_s = clip.start_s + (longest + 1) / self.rate
            try:
                waveform = read_recording(
                    clip.recording, self.rate, clip.start_s, end_s if clip.end_s is None else min(end_s, clip.end_s)
                )
                reason = reason_against(waveform, self.rate)
            except SoundbeamError as e:
                waveform, reason = np.empty(0, np.float32), str(e).removeprefix(f"{clip.recording}: ")
            if not reason and cut is None and len(waveform) > longest:
                reason = f"longer than the soundscape of {self.samples / self.rate:g} s; give more --minutes"
            if reason:
                self.left_out[clip.recording] = reason
            else:
                sounds.append(Sound(mixing.faded(waveform[:longest], self.rate), *key))
        return sounds

    def _background(self, rng: np.random.Generator, index: int) -> Iterator[np.ndarray]:
        """Blocks without end: noise, or the recording whose turn it is, from a random place on."""
        if self._noise:
            return (_NOISE * rng.standard_normal(self.rate, dtype=np.float32) for _ in itertools.count())
        while self._backgrounds:
            turn = index % len(self._backgrounds)
            uri = self._backgrounds[turn]
            try:
                known = usable_samples(uri, self.rate)
            except (SoundbeamError, DecodeError) as e:
                self.left_out[uri] = str(e).removeprefix(f"{uri}: ")
                del self._backgrounds[turn]
                continue
            start = int(rng.integers(known - self.samples + 1 if known >= self.samples else known))
            laps = itertools.chain([start], itertools.repeat(0))
            return mixing.looped((lap(uri, self.rate, first) for first in laps), round(_FADE_S * self.rate))
        uri, reason = next(reversed(self.left_out.items()))
        raise SoundbeamError(f"not one background can be used, e.g. {uri}: {reason}")


def usable_samples(uri: str, rate: int) -> int:
    """About how many samples a recording has at a rate, by its header or else by decoding it.

    Raises:
        SoundbeamError: It cannot be read, or is too short to be heard again and again.
        DecodeError: It breaks where its length is not known.
    """
    if len(read_recording(uri, rate, 0.0, _SHORTEST_S)) < round(_SHORTEST_S * rate):
        raise SoundbeamError(f"{uri}: a background must be at least {_SHORTEST_S:g} s long")
    with open_decoder(uri, "soundfile") as stream:
        if stream.promised:
            return max(1, round(stream.promised / stream.sample_rate * rate))
    return sum(map(len, decode_blocks(uri, rate)))


def lap(uri: str, rate: int, first: int) -> Iterator[np.ndarray]:
    """A recording from a sample on, block by block; nothing where it ends, or breaks, before that.

    Raises:
        SoundbeamError: There is nothing from sample 0 on.
    """
    block = round(_BLOCK_S * rate)
    for at in itertools.count(first, block):
        try:
            samples = read_recording(uri, rate, at / rate, (at + block) / rate)
        except SoundbeamError:
            if at == 0:
                raise
            return
        yield samples
        if len(samples) < block:
            return


def write_flac(path: Path, blocks: Iterable[np.ndarray], rate: int) -> None:
    """Writes blocks of float32 ``[n]`` as 16 bits, turned down as a whole where they would pass full scale.

    Raises:
        SoundbeamError: The file cannot be written.
    """
    import soundfile

    peak = 0.0
    # The peak is known in the end only: until then the sound is in a file without a name.
    with tempfile.TemporaryFile(dir=path.parent) as kept:
        for block in blocks:
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            kept.write(block.astype("<f4").tobytes())
        kept.seek(0)
        gain = np.float32(_PEAK / peak if peak > _PEAK else 1.0)
        try:
            with soundfile.SoundFile(path, "w", rate, 1, subtype="PCM_16", format="FLAC") as file:
                while data := kept.read(1 << 20):
                    file.write(np.frombuffer(data, "<f4") * gain)
        except soundfile.LibsndfileError as e:
            raise SoundbeamError(f"{path}: cannot be written ({e}); is the disk full?") from e


def _shuffled(rng: np.random.Generator, items: Sequence[T]) -> list[T]:
    return [items[int(i)] for i in rng.permutation(len(items))]
