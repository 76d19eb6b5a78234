"""Networks that hear the waveform itself."""

from __future__ import annotations

import keras

from soundbeam.model.architectures.architecture import Architecture
from soundbeam.model.architectures.zoo.parts import CLIP_S, HOP_S, MOMENTUM, RECIPE, dense, scores, sequence
from soundbeam.model.frontend import FrontEndConfig
from soundbeam.model.frontend.kinds import Waveform


def _conv(x, channels: int, kernel: int):
    """Stride 2, as all of SoundNet's."""
    x = keras.layers.Conv1D(channels, kernel, strides=2, padding="same", use_bias=False)(x)
    return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=MOMENTUM)(x))


def _pool(x, size: int):
    return keras.layers.MaxPooling1D(size, padding="same")(x)


def _to_pool5(waveform):
    """SoundNet's first five convolutions: a frame of 256 values every 8192 samples."""
    x = sequence(waveform)
    for channels, kernel in ((16, 64), (32, 32)):
        x = _pool(_conv(x, channels, kernel), 8)
    for channels, kernel in ((64, 16), (128, 8), (256, 4)):
        x = _conv(x, channels, kernel)
    return _pool(x, 4)


def soundnet_cnn(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """Two blocks of convolution and pooling by 8, three convolutions, pooling, two convolutions; dense 512-128."""
    waveform = keras.Input(shape)
    x = _to_pool5(waveform)
    for channels in (512, 1024):
        x = _conv(x, channels, 4)
    x = dense(keras.layers.GlobalAveragePooling1D()(x), (512, 128))
    return keras.Model(waveform, scores(x, labels, activation))


def soundnet_lstm(shape: tuple[int, int, int], labels: int, activation: str) -> keras.Model:
    """Two LSTM 256 over the frames of 256 values after the fifth convolution: 13 of them in 6.7 s."""
    waveform = keras.Input(shape)
    x = keras.layers.LSTM(256, return_sequences=True)(_to_pool5(waveform))
    return keras.Model(waveform, scores(keras.layers.LSTM(256)(x), labels, activation))


_SOURCE = "Aytar, Vondrick and Torralba, SoundNet, NeurIPS 2016 (arXiv:1610.09001)"
_WAVEFORM = FrontEndConfig((Waveform(),), normalise="window")

ARCHITECTURES = tuple(
    Architecture(
        name=body.__name__,
        source=_SOURCE,
        window_s=CLIP_S,
        hop_s=HOP_S,
        front_end=_WAVEFORM,
        body=body,
        recipe=RECIPE,
    )
    for body in (soundnet_cnn, soundnet_lstm)
)
