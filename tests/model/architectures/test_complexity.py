"""Multiply-adds and parameters: against those that the sources of architectures state, and by hand."""

import keras
import numpy as np
import pytest

from soundbeam.model.architectures import get_architecture
from soundbeam.model.architectures.complexity import multiply_adds


def test_by_hand():
    x = keras.Input((10, 6, 2))
    y = keras.layers.Conv2D(4, 3, padding="same", strides=2)(x)  # 5 × 3 places, 3 × 3 × 2 × 4
    y = keras.layers.DepthwiseConv2D(3, padding="same")(y)  # 5 × 3 places, 3 × 3 × 4
    y = keras.layers.Reshape((5, 12))(keras.layers.BatchNormalization()(y))
    y = keras.layers.Bidirectional(keras.layers.LSTM(7, return_sequences=True))(y)  # 5 steps, (12 + 7) × 28, twice
    y = keras.layers.MultiHeadAttention(2, 3)(y, y)  # 5 frames: 3 × 14 × 6 + 6 × 14; 5 × 5 × 2 × (3 + 3)
    y = keras.layers.TimeDistributed(keras.layers.Dense(3))(y)  # 5 × 14 × 3
    y = keras.layers.Dense(9)(keras.layers.Flatten()(y))
    expected = 15 * 72 + 15 * 36 + 5 * 2 * 19 * 28 + 5 * 4 * 84 + 300 + 5 * 42 + 15 * 9
    inner = keras.Model(x, y)
    assert multiply_adds(inner) == expected
    again = keras.Input((10, 6, 2))
    assert multiply_adds(keras.Model(again, inner(again))) == expected  # a network within a network


def test_mobilenet_is_as_keras_and_its_paper_state():
    network = get_architecture("mobilenet").body((224, 224, 3), 1000, "softmax")
    assert network.count_params() == 3_538_984
    assert multiply_adds(network) == pytest.approx(300e6, rel=0.01)


def test_yamnet_is_as_its_authors_state():
    network = get_architecture("yamnet_like").body((96, 64, 1), 521, "sigmoid")
    assert network.count_params() == pytest.approx(3.7e6, rel=0.02)
    assert multiply_adds(network) == pytest.approx(69.2e6, rel=0.01)


def test_inception_is_as_keras_and_its_paper_state():
    base = get_architecture("inception_v3").body((248, 128, 1), 3, "softmax").get_layer("base")
    assert base.count_params() == 21_802_784 and not base.trainable_weights
    assert multiply_adds(base) == pytest.approx(5.7e9, rel=0.02)  # Szegedy et al. 2016: "5 billion"; tables: 5.7


@pytest.mark.parametrize(
    ("name", "shape", "labels", "parameters"),
    [
        ("feature_mlp", (1, 26, 1), 10, 48_714),
        ("deep_feature_mlp", (9, 40, 1), 10, 40 * 256 + 256 + 65_792 + 32_896 + 16_512 + 8_256 + 2_080 + 330),
        ("lstm", (9, 128, 1), 10, 4 * 256 * (128 + 256 + 1) + 256 * 64 + 64 + 650),
        ("lstm_stacked", (9, 128, 1), 10, 2 * 131_584 + 4 * 64 * (128 + 64 + 1) + 64 * 64 + 64 + 650),
        ("feature_cnn", (40, 5, 1), 10, 25 * 64 + 64 + 25 * 64 * 128 + 128 + 2560 * 256 + 256 + 256 * 512 + 512 + 5130),
    ],
)
def test_sizes_are_those_of_the_source(name, shape, labels, parameters):
    network = get_architecture(name).body(shape, labels, "softmax")
    assert sum(int(np.prod(w.shape)) for w in network.trainable_weights) == parameters
