"""Networks that are trained for more than their scores: outputs after the first exist in training only.

An output of the scores' own shape is another classifier of the same labels: it learns by the same errors. One of
shape (batch,) is a penalty that is added to the loss, e.g. the error of a reconstruction.
"""

from __future__ import annotations

import keras

from soundbeam.model.architectures.ensemble import member_scores


class Penalised(keras.layers.Layer):
    """[scores, penalty (batch,), …] → scores, and the mean penalties are added to the loss."""

    def call(self, inputs):
        """The first of the inputs as it is."""
        scores, *penalties = inputs
        for penalty in penalties:
            self.add_loss(keras.ops.mean(penalty))
        return scores


def scores_only(network: keras.Model) -> keras.Model:
    """The network to save: without the outputs after the first, nor the layers that only they need."""
    if len(network.outputs) == 1:
        return network
    return keras.Model(network.input, network.outputs[0], name=network.name)


def network_to_fit(network: keras.Model) -> keras.Model:
    """The network to fit: (batch, frames, bins, channels) → (batch, classifiers, labels), with its penalties.

    It shares the layers of ``network``, which has all its outputs.
    """
    first, *others = network.outputs
    if not others:
        return member_scores(network)
    classifiers = [first, *(output for output in others if output.shape == first.shape)]
    penalties = [output for output in others if output.shape != first.shape]
    scores = keras.ops.stack(classifiers, axis=1)
    return keras.Model(network.input, Penalised()([scores, *penalties]) if penalties else scores)
