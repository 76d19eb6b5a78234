"""MobileNets: depthwise-separable convolutions made for telephones."""

from __future__ import annotations

import keras

from soundbeam.model.architectures.architecture import Architecture
from soundbeam.model.architectures.zoo.parts import CLIP_S, HOP_S, LOG_MEL, RECIPE, at_least, scores, set_momentum
from soundbeam.model.frontend import FrontEndConfig
from soundbeam.model.frontend.kinds import LogMel

_SMALLEST = 32  # side of a picture that five halvings leave something of


def mobilenet(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """MobileNet V2 at width 1: 3,538,984 parameters for pictures of 3 channels and 1000 labels, as Keras states."""
    return _network(keras.applications.MobileNetV2, shape, labels, activation)


def yamnet_like(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """MobileNet V1 at width 1: 3.7 million parameters and 69.2 million multiply-adds at 96 × 64 and 521 labels."""
    return _network(keras.applications.MobileNet, shape, labels, activation)


def _network(base, shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    spectrogram = keras.Input(shape)
    padded = at_least(spectrogram, _SMALLEST)
    network = set_momentum(base(input_tensor=padded, include_top=False, weights=None, pooling="avg"))
    x = keras.layers.Dropout(0.2)(network.output)
    return keras.Model(spectrogram, scores(x, labels, activation))


ARCHITECTURES = (
    Architecture(
        name="mobilenet",
        source="Sandler et al., MobileNetV2, CVPR 2018 (arXiv:1801.04381)",
        window_s=CLIP_S,
        hop_s=HOP_S,
        front_end=LOG_MEL,
        body=mobilenet,
        recipe=RECIPE,
    ),
    Architecture(
        name="yamnet_like",
        source="Plakal and Ellis, YAMNet (2020), on MobileNet: Howard et al., arXiv:1704.04861 (2017)",
        window_s=0.975,
        hop_s=0.4875,
        front_end=FrontEndConfig(
            (LogMel(low_hz=125, high_hz=7500, floor=1e-6),), frame=400, step=160, fft=512, normalise="window"
        ),
        body=yamnet_like,
        recipe=RECIPE,
    ),
)
