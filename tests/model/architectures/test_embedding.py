"""The embedding of our own networks: what the last layer reads, in any architecture; the scores stay what they were."""

import keras
import numpy as np
import pytest

from soundbeam.model.architectures import architecture_names, get_architecture
from soundbeam.model.architectures.embedding import with_embedding
from soundbeam.model.architectures.training_outputs import scores_only

WIDE = ("cnn_baseline",)  # its last layer reads a whole picture


def sounds(network, n=2):
    return np.random.default_rng(0).standard_normal((n, *network.input_shape[1:])).astype(np.float32)


@pytest.mark.parametrize("name", [name for name in architecture_names() if name not in (*WIDE, "inception_v3")])
def test_every_architecture_gives_one(name):
    network = scores_only(get_architecture(name).network(3, "detector"))
    x = sounds(network)
    scores, embeddings = with_embedding(network)(x, training=False)
    np.testing.assert_array_equal(scores, network(x, training=False))
    assert 8 <= embeddings.shape[1] <= 8192 and np.isfinite(np.asarray(embeddings)).all()


def test_a_whole_picture_is_none():
    network = scores_only(get_architecture("cnn_baseline").network(1, "detector"))
    assert with_embedding(network) is network or len(with_embedding(network).outputs) == 1


def test_the_last_layers_scores_are_of_the_embedding():
    waveform = keras.Input((6, 4))
    x = keras.layers.Conv1D(5, 3, activation="relu")(waveform)
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.Conv1D(2, 1)(x))
    network = keras.Model(waveform, keras.layers.Activation("sigmoid")(x))
    scores, inner = map(np.asarray, with_embedding(network)(sounds(network), training=False))
    kernel, bias = network.layers[2].get_weights()
    assert inner.shape == (2, 5)  # a layer over frames is linear: the mean of its values is its value of the mean
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-(inner @ kernel[0] + bias))), rtol=1e-5)
