"""Decoders of sound files: one module each, with a common contract (``base.AudioStream``), and a table of them."""

from __future__ import annotations

import importlib
import posixpath
from typing import Any

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.extras import installed
from soundbeam.model.storage.files import open_file
from soundbeam.model.storage.stores import one_line
from soundbeam.transforms.decoders.audiomoth import TriggeredStream, is_triggered
from soundbeam.transforms.decoders.base import AudioStream, DecodeError, Resampler
from soundbeam.transforms.decoders.expanded import ExpandedStream
from soundbeam.transforms.decoders.headers import kind_of
from soundbeam.transforms.decoders.source import Source
from soundbeam.transforms.decoders.wav_chunks import time_expansion

__all__ = [
    "DECODERS",
    "AudioStream",
    "DecodeError",
    "Resampler",
    "check_decoder",
    "make_resampler",
    "open_decoder",
    "resampler_period",
]

# What --decoder chooses: the module and class that decode, and those that change the sample rate.
DECODERS = {
    "soundfile": (("soundfile_decoder", "SoundfileStream"), ("soxr_resampler", "SoxrResampler")),
    "tensorflow-io": (("tfio_decoder", "TfioStream"), ("tfio_decoder", "TfioResampler")),
}
_AV = ("av_decoder", "AvStream")
_LOSSLESS = frozenset(["wav", "rf64", "w64", "aiff", "au", "caf", "flac"])
# Libsndfile reads none of these, so they are left to PyAV: by content or, if that says nothing, by name.
_AV_KINDS = frozenset(["mp4", "asf", "adts", "matroska", "other"])
_AV_EXTENSIONS = frozenset([".m4a", ".mp4", ".aac", ".wma"])


def check_decoder(name: str) -> None:
    """Raises SoundbeamError if there is no such decoder, or not here."""
    if name not in DECODERS:
        raise SoundbeamError(f"there is no decoder {name!r}; choose one of {', '.join(DECODERS)}")
    if name == "tensorflow-io" and not installed("tensorflow_io"):
        raise SoundbeamError(
            "the decoder tensorflow-io is not installed here, and there is none for Windows; use --decoder=soundfile"
        )


def open_decoder(uri: str, decoder: str = "soundfile") -> AudioStream:
    """Opens a recording for decoding. Its content decides how, not its name.

    Args:
        uri: Any URI that fsspec supports.
        decoder: ``soundfile`` (with PyAV for M4A, AAC and WMA) or ``tensorflow-io``.

    Raises:
        DecodeError: It cannot be opened, is not sound, or needs an extra that is not installed.
        SoundbeamError: There is no such decoder.
    """
    check_decoder(decoder)
    try:
        source = Source(open_file(uri))
    except FileNotFoundError as e:
        raise DecodeError("no such file: it was there when the recordings were listed", "storage") from e
    except Exception as e:  # stores have many error classes of their own
        raise DecodeError(f"cannot be opened: {one_line(e)}", "storage") from e
    expansion = time_expansion(source.read_at, source.real_size)
    source.error = None  # what cannot be read so far behind the sound may still be sound to its end
    triggered, lossless = is_triggered(source, uri), kind_of(source.read_at(0, 16)) in _LOSSLESS
    stream = _open_stream(source, uri, decoder)
    if expansion > 1:
        return ExpandedStream(stream, expansion)
    return TriggeredStream(stream, lossless) if triggered else stream


def _open_stream(source: Source, uri: str, decoder: str) -> AudioStream:
    extension = posixpath.splitext(uri.partition("::")[0])[1].lower()
    if decoder != "soundfile":
        return _load(DECODERS[decoder][0])(source, extension)
    kind = kind_of(source.read_at(0, 16))
    if kind in _AV_KINDS or (not kind and extension in _AV_EXTENSIONS):
        return _load(_AV)(source, extension)
    try:
        return _load(DECODERS[decoder][0])(source, extension)
    except DecodeError as e:
        # A container that is known, with a codec in it that libsndfile does not know: FFmpeg may.
        if not kind or not (e.cause == "format" or kind == "ogg"):
            raise
        try:
            return _load(_AV)(Source(open_file(uri)), extension)
        except DecodeError as second:
            if second.cause == "extra":
                raise DecodeError(f"{e.message}; {second.message}", e.cause) from e
            raise e from second


def make_resampler(decoder: str, rate_in: int, rate_out: int) -> Resampler:
    """The resampler that goes with a decoder."""
    return _load(DECODERS[decoder][1])(rate_in, rate_out)


def resampler_period(decoder: str, rate_in: int, rate_out: int) -> int | None:
    """``Resampler.period`` of the resampler that goes with a decoder."""
    return 1 if rate_in == rate_out else _load(DECODERS[decoder][1]).period(rate_in, rate_out)


def _load(where: tuple[str, str]) -> Any:
    module, name = where
    try:
        return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    except Exception as e:  # e.g. OSError: libsndfile is not there
        raise ImportError(f"{module}: {one_line(e)}") from e
