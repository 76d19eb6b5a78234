"""The front end: waveform → spectrogram (or any other features), inside the graph of the scorer."""

from model.frontend.config import KINDS, NORMALISATIONS, FrontEndConfig
from model.frontend.layer import FrontEnd, low_percentile
from model.frontend.summary import SUMMARY_NAMES, summary
from model.frontend.weights import mel_weights

__all__ = [
    "KINDS",
    "NORMALISATIONS",
    "SUMMARY_NAMES",
    "FrontEnd",
    "FrontEndConfig",
    "low_percentile",
    "mel_weights",
    "summary",
]
