"""Several networks in one graph."""

from functools import partial

import keras
import numpy as np
import pytest
import scipy.special

from soundbeam.model.architectures import DEFAULT, get_architecture
from soundbeam.model.architectures.ensemble import EachMember, ensemble, member_scores


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_an_ensemble_scores_the_mean_of_its_members(activation):
    def member():
        spectrogram = keras.Input((6, 4, 1))
        return keras.Model(spectrogram, keras.layers.Dense(3)(keras.layers.Flatten()(spectrogram)))

    members = [member() for _ in range(3)]
    network = ensemble(members, activation)
    x = np.random.default_rng(0).standard_normal((5, 6, 4, 1)).astype(np.float32)
    linear = np.stack([x.reshape(5, 24) @ m.get_weights()[0] + m.get_weights()[1] for m in members], axis=1)
    squash = scipy.special.expit if activation == "sigmoid" else partial(scipy.special.softmax, axis=-1)
    np.testing.assert_allclose(network(x), squash(linear.mean(axis=1)), atol=1e-5)
    np.testing.assert_allclose(member_scores(network)(x), squash(linear), atol=1e-5)


def test_members_begin_with_weights_of_their_own():
    network = get_architecture(DEFAULT).build(1, "detector").get_layer("network")
    first, second = (layer.get_weights() for layer in network.layers if isinstance(layer, keras.Model))
    # What begins at a constant (zeros, ones) is the same in both; kernels are drawn.
    drawn = [(a, b) for a, b in zip(first, second, strict=True) if np.ptp(a) > 0]
    assert drawn
    for a, b in drawn:
        assert np.abs(a - b).mean() > 0.1 * np.abs(a).mean()


def test_a_network_alone_is_its_only_member():
    network = get_architecture(DEFAULT).body((20, 16, 1), 2, "sigmoid")
    x = np.random.default_rng(0).standard_normal((3, 20, 16, 1)).astype(np.float32)
    np.testing.assert_array_equal(member_scores(network)(x)[:, 0], network(x))


def test_the_loss_is_each_members_own():
    rng = np.random.default_rng(0)
    truth, scores, weights = rng.uniform(size=(4, 2)), rng.uniform(0.1, 0.9, (4, 3, 2)), rng.uniform(size=4)
    entropy = -(truth[:, None] * np.log(scores) + (1 - truth[:, None]) * np.log(1 - scores))
    loss = EachMember(detector=True)(truth, scores, sample_weight=weights)
    assert float(loss) == pytest.approx((entropy.mean(axis=(1, 2)) * weights).mean(), rel=1e-4)

    truth, scores = np.eye(3)[[0, 2]], rng.dirichlet(np.ones(3), (2, 4))
    entropy = -(truth[:, None] * np.log(scores)).sum(axis=-1)
    assert float(EachMember(detector=False)(truth, scores)) == pytest.approx(entropy.mean(), rel=1e-4)


def test_a_sequential_network_that_was_never_called_is_fitted_too():
    network = keras.Sequential([keras.Input((6, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    x = np.ones((3, 6, 4, 1), np.float32)
    np.testing.assert_array_equal(member_scores(network)(x)[:, 0], network(x))
