"""Samples as the bytes of a sound file."""

from __future__ import annotations

import io

import numpy as np

# Of each kind what libsndfile calls it, and its samples.
_FORMATS = {
    "flac": ("FLAC", "PCM_24"),
    "wav": ("WAV", "PCM_24"),
    "float": ("WAV", "FLOAT"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
_MP3_COMPRESSION = 0.8  # 0 to 1


def as_sound_file(samples: np.ndarray, rate: int, kind: str = "flac") -> bytes:
    """float32 ``[samples]`` as the bytes of a file.

    Args:
        samples: Full scale is ±1; what is beyond is clipped, but not in a file of floats.
        rate: Samples per second.
        kind: ``flac`` or ``wav``, of 24 bits; ``float``, a WAV file of float32; ``mp3``.
    """
    import soundfile

    file, (format, subtype) = io.BytesIO(), _FORMATS[kind]
    whole = samples.astype(np.float32, copy=False) if kind == "float" else np.clip(samples, -1, 1)
    compression = {"compression_level": _MP3_COMPRESSION} if kind == "mp3" else {}
    soundfile.write(file, whole, rate, format=format, subtype=subtype, **compression)
    return file.getvalue()
