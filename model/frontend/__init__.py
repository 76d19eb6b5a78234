"""The front end: waveform → spectrogram (or any other features), the same computation in training and in scanning.

What computes is imported when it is asked for: ``FrontEnd``, the Keras layer, needs TensorFlow, the others SciPy.
"""

import importlib
from typing import TYPE_CHECKING, Any

from soundbeam.model.frontend.config import KINDS, NORMALISATIONS, FrontEndConfig
from soundbeam.model.frontend.weights import mel_weights

if TYPE_CHECKING:
    from soundbeam.model.frontend.feature_table import SUMMARY_NAMES, summary
    from soundbeam.model.frontend.layer import FrontEnd
    from soundbeam.model.frontend.spectrograms import Spectrograms

__all__ = [
    "KINDS",
    "NORMALISATIONS",
    "SUMMARY_NAMES",
    "FrontEnd",
    "FrontEndConfig",
    "Spectrograms",
    "mel_weights",
    "summary",
]
_LATER = {
    "FrontEnd": "layer",
    "SUMMARY_NAMES": "feature_table",
    "Spectrograms": "spectrograms",
    "summary": "feature_table",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
