"""The surest and the doubtful calls: their sound and spectrograms, small enough for one page."""

from __future__ import annotations

import collections
import dataclasses
import io
from collections.abc import Sequence

import numpy as np

from soundbeam.model.pages.one_file import data_uri
from soundbeam.model.pictures.spectrogram import mel_spectrogram_db
from soundbeam.pipelines.report.found import Heard
from soundbeam.pipelines.sound_clips import cut
from soundbeam.transforms.sound_files import as_sound_file

OF_EACH = 12  # surest, and doubtful calls of a label
BUDGET = 8_500_000  # characters that sounds and their pictures may take on the page
CONTEXT_S = 0.5
_PER_RECORDING = 2
_LONGEST_S = 4.0
_LONGEST_SLOWED_S = 1.0
SLOWED = 10
# What MP3 has. Every browser plays it, and it takes two thirds of Vorbis' bytes for speech and half for noise.
_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_COLUMNS, _BANDS, _COLOURS = 200, 72, 16
_RANGE_DB = 55.0


@dataclasses.dataclass(frozen=True)
class Excerpt:
    """The sound of a call.

    Attributes:
        call: Whose.
        sound: MP3 as a data URI; "": it could not be read.
        picture: PNG of the spectrogram, as a data URI.
        top_hz: The highest frequency of the picture.
        span: Start and end of the call as shares of the picture's width.
        slowed: How many times slower the sound plays: 1, or 10 for ultrasound.
        problem: Why there is no sound.
    """

    call: Heard
    sound: str = ""
    picture: str = ""
    top_hz: float = 0.0
    span: tuple[float, float] = (0.0, 1.0)
    slowed: int = 1
    problem: str = ""

    @property
    def size(self) -> int:
        """Characters on the page."""
        return len(self.sound) + len(self.picture)


def chosen(calls: Sequence[Heard], taken: Sequence[Heard] = ()) -> list[Heard]:
    """The first twelve, at most two of a recording as long as there are others; none twice."""
    of_recording = collections.Counter[str]()
    first, more = list[Heard](), list[Heard]()
    for call in calls:
        if call in taken:
            continue
        of_recording[call.recording] += 1
        (first if of_recording[call.recording] <= _PER_RECORDING else more).append(call)
    return [*first, *more][:OF_EACH]


def excerpts(calls: Sequence[Heard], output: str, rate: int) -> list[Excerpt]:
    """Reads the sound of calls, in their order.

    Args:
        calls: Whose sound.
        output: The scan's output folder.
        rate: Samples per second that the classifier hears: what lies above half of it is of no use.
    """
    longest = _LONGEST_S if rate <= _RATES[-1] else _LONGEST_SLOWED_S
    rows = [
        {
            "recording": call.recording,
            "start_s": call.start_s,
            "channel": call.channel,
            "place": i,
            "end_s": min(call.end_s, call.start_s + longest - 2 * CONTEXT_S),
        }
        for i, call in enumerate(calls)
    ]
    made: list[Excerpt | None] = [None] * len(calls)
    for row, samples, own_rate in cut(rows, output, CONTEXT_S):
        call = calls[row["place"]]
        if isinstance(samples, str):
            made[row["place"]] = Excerpt(call, problem=samples)
        else:
            made[row["place"]] = _excerpt(call, samples, own_rate, rate)
    return [one for one in made if one is not None]


def _excerpt(call: Heard, samples: np.ndarray, own_rate: int, rate: int) -> Excerpt:
    import soxr

    slowed = 1 if min(rate, own_rate) <= _RATES[-1] else SLOWED
    playing = next((r for r in _RATES if r * slowed >= min(rate, own_rate)), _RATES[-1])
    heard = soxr.resample(samples, own_rate, playing * slowed).astype(np.float32)
    seconds = max(len(samples) / own_rate, 1e-3)
    before = min(CONTEXT_S, call.start_s)
    span = before / seconds, min(1.0, (before + call.end_s - call.start_s) / seconds)
    loudest = float(np.abs(heard).max(initial=0.0))
    levelled = heard * (0.8 / loudest) if loudest > 0 else heard
    return Excerpt(
        call,
        data_uri("audio/mpeg", as_sound_file(levelled, playing, "mp3")),
        data_uri("image/png", _png(heard, playing * slowed)),
        playing * slowed / 2,
        span,
        slowed,
    )


def _png(samples: np.ndarray, rate: int) -> bytes:
    from matplotlib import colormaps
    from PIL import Image

    decibels = mel_spectrogram_db(samples, rate, _COLUMNS, _BANDS)
    top = float(np.percentile(decibels, 99.9))
    levels = np.clip((decibels - top) / _RANGE_DB + 1.0, 0.0, 1.0) * (_COLOURS - 1)
    drawn = Image.fromarray(levels.round().astype(np.uint8)[::-1])
    drawn.putpalette((colormaps["magma"](np.linspace(0, 1, _COLOURS), bytes=True)[:, :3]).tobytes())
    file = io.BytesIO()
    drawn.save(file, "PNG", optimize=True, bits=4)
    return file.getvalue()
