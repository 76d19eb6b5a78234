"""Several networks in one graph that differ only in their initial weights; the score is their mean.

Such networks make different errors, and what only one of them takes for a call is mostly not one (Lakshminarayanan et
al., Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles, arXiv:1612.01474, 2017).
"""

from __future__ import annotations

import keras

_MEMBER = "member_"  # and its number: the name of a network of an ensemble


def ensemble(members: list[keras.Model], activation: str) -> keras.Model:
    """One network whose score is the activation of its members' mean, before their activation.

    For a detector the mean is of log-odds, which is the geometric mean of the odds.

    Args:
        members: Networks (batch, frames, bins, channels) → (batch, labels), with a linear activation.
        activation: ``sigmoid`` or ``softmax``.
    """
    spectrogram = keras.Input(members[0].input_shape[1:])
    scores = []
    for i, member in enumerate(members):
        member.name = f"{_MEMBER}{i}"
        scores.append(member(spectrogram))
    return keras.Model(spectrogram, keras.layers.Activation(activation)(keras.layers.Average()(scores)))


def member_scores(network: keras.Model) -> keras.Model:
    """The network to fit: (batch, frames, bins, channels) → (batch, members, labels), the scores of each member.

    It shares the layers of ``network``. One that is no ensemble is its only member.
    """
    members = [layer for layer in network.layers if layer.name.startswith(_MEMBER)]
    activation = network.layers[-1]
    scores = [activation(member(network.inputs[0])) for member in members] or [network.outputs[0]]
    return keras.Model(network.inputs[0], keras.ops.stack(scores, axis=1))


class EachMember(keras.losses.Loss):
    """Truth (batch, labels), scores (batch, members, labels) → (batch,): every member learns by its own errors.

    Args:
        detector: Whether each label is true or not by itself; else one of them is.
    """

    def __init__(self, detector: bool):
        super().__init__()
        self._entropy = keras.losses.binary_crossentropy if detector else keras.losses.categorical_crossentropy

    def call(self, truth, scores):
        """The mean over the members of each one's cross-entropy."""
        truth = keras.ops.broadcast_to(truth[:, None, :], keras.ops.shape(scores))
        return keras.ops.mean(self._entropy(truth, scores), axis=-1)
