"""The front end: waveform → spectrogram (or any other features), the same computation in training and in scanning.

Only ``FrontEnd``, the Keras layer, needs TensorFlow; it is imported when it is asked for.
"""

from typing import TYPE_CHECKING, Any

from soundbeam.model.frontend.config import KINDS, NORMALISATIONS, FrontEndConfig
from soundbeam.model.frontend.feature_table import SUMMARY_NAMES, summary
from soundbeam.model.frontend.spectrograms import Spectrograms
from soundbeam.model.frontend.weights import mel_weights

if TYPE_CHECKING:
    from soundbeam.model.frontend.layer import FrontEnd

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


def __getattr__(name: str) -> Any:
    if name != "FrontEnd":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from soundbeam.model.frontend.layer import FrontEnd

    return FrontEnd
