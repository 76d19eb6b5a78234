"""Spectrograms as PNGs of a fixed size, for people and for image networks; no TensorFlow."""

from __future__ import annotations

import io

import numpy as np

from soundbeam.model.pictures.spectrogram import mel_spectrogram_db

COLOURS = ("viridis", "inferno", "magma", "plasma", "gray")
RANGE_DB = 80.0


def spectrogram_png(samples: np.ndarray, rate: int, width: int, height: int, colours: str) -> bytes:
    """A PNG, RGB, of nothing but the spectrogram: time to the right, low frequencies at the bottom.

    Frequencies are on the mel scale, from 0 to rate / 2; colours go by decibels, from 80 below the loudest spot of this
    picture (dark) up to it (bright). Digital silence is all dark.

    Args:
        samples: float32 ``[samples]``, at least one.
        rate: Hz.
        width: Pixels; each shows the mean power of its frames.
        height: Pixels, a mel band each.
        colours: One of ``COLOURS``, matplotlib's.
    """
    from matplotlib import colormaps
    from PIL import Image

    decibels = mel_spectrogram_db(samples, rate, width, height)
    loudest = float(decibels.max())
    share = np.clip((decibels - loudest) / RANGE_DB + 1.0, 0.0, 1.0) if loudest > -119 else np.zeros_like(decibels)
    # A sound shorter than the picture has frames is drawn out.
    columns = np.linspace(0, share.shape[1] - 1, width)
    if share.shape[1] < width:
        share = np.stack([np.interp(columns, np.arange(share.shape[1]), band) for band in share])
    pixels = colormaps[colours](share[::-1], bytes=True)[..., :3]
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG")
    return file.getvalue()
