"""Samples as the bytes of a sound file."""

from __future__ import annotations

import io

import numpy as np

_FORMATS = {"flac": "FLAC", "wav": "WAV"}


def as_sound_file(samples: np.ndarray, rate: int, kind: str = "flac") -> bytes:
    """float32 ``[samples]`` as the bytes of a file of 24 bits.

    Args:
        samples: Full scale is ±1; what is beyond is clipped.
        rate: Samples per second.
        kind: ``flac`` or ``wav``.
    """
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.clip(samples, -1, 1), rate, format=_FORMATS[kind], subtype="PCM_24")
    return file.getvalue()
