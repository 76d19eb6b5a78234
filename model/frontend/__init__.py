"""The front end: waveform → spectrogram (or any other features), inside the graph of the scorer."""

from soundbeam.model.frontend.config import KINDS, NORMALISATIONS, FrontEndConfig
from soundbeam.model.frontend.feature_table import SUMMARY_NAMES, summary
from soundbeam.model.frontend.layer import FrontEnd, low_percentile
from soundbeam.model.frontend.weights import mel_weights

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
