"""The default detector's scores: windows that share their frames, and weights that became constants, change nothing."""

import keras
import numpy as np
import pytest

from soundbeam.model.architectures import get_architecture
from soundbeam.model.classifier.conversion import converted_network
from soundbeam.model.classifier.litert_network import LiteRTNetwork
from soundbeam.model.classifier.litert_scorer import LiteRTScorer
from soundbeam.model.classifier.tensorflow_scorer import TensorFlowScorer

ARCHITECTURE = get_architecture("compact")
RATE, LENGTH = ARCHITECTURE.rate, ARCHITECTURE.window_samples


def sound():
    """12 s of noise bursts, each louder than the one before."""
    noise = np.random.default_rng(1).standard_normal(12 * RATE)
    at = np.arange(12 * RATE) / RATE
    return (noise * 0.02 * (1 + at) * (np.sin(2 * np.pi * at**2 / 5) > 0)).astype(np.float32)


def windows(offsets):
    return np.stack([sound()[o : o + LENGTH] for o in offsets])


@pytest.fixture(scope="module")
def detector():
    """``compact`` after some batches without learning: its batch normalisations know the sound, so scores differ."""
    keras.utils.set_random_seed(0)
    model = ARCHITECTURE.build(1, "detector")
    for _ in range(20):
        model(windows(range(0, 8 * RATE, RATE)), training=True)
    return model


def scorer_of(engine, model):
    """A scorer of eight windows at once."""
    if engine == "tensorflow":
        return TensorFlowScorer(model, 8)
    network = LiteRTNetwork(converted_network(model))
    return LiteRTScorer(network, ARCHITECTURE.front_end.plain(), LENGTH, 8)


@pytest.mark.parametrize("engine", ["tensorflow", "litert"])
@pytest.mark.parametrize("hop_s", [0.5, 3.0])
def test_scores_of_a_segment_are_those_of_the_plain_model(detector, engine, hop_s):
    last = len(sound()) - LENGTH - 7  # moved back to where no frame of the others starts
    offsets = np.append(np.arange(0, last, round(hop_s * RATE)), last)
    plain = np.asarray(detector(windows(offsets), training=False))
    assert np.ptp(plain) > 1e-4  # fifty times what may be off here
    scorer = scorer_of(engine, detector)
    np.testing.assert_allclose(scorer.score_segment(sound(), offsets), plain, atol=2e-6)
    np.testing.assert_allclose(scorer.score_windows(windows(offsets)), plain, atol=2e-6)


@pytest.mark.parametrize("engine", ["tensorflow", "litert"])
def test_embeddings_are_what_the_members_last_layers_read(detector, engine):
    offsets = np.arange(0, 4 * RATE, RATE // 2)
    network = detector.get_layer("network")
    spectrograms = detector.get_layer("front_end")(windows(offsets))
    members = [layer for layer in network.layers if layer.name.startswith("member_")]
    last = [keras.Model(member.inputs[0], member.layers[-3].input) for member in members]
    want = np.concatenate([np.asarray(each(spectrograms, training=False)).mean(axis=1) for each in last], axis=1)
    scorer = scorer_of(engine, detector)
    assert scorer.embedding_size == want.shape[1] == 128
    for scores, embeddings in (scorer.embed_segment(sound(), offsets), scorer.embed_windows(windows(offsets))):
        np.testing.assert_allclose(embeddings, want, rtol=0, atol=1e-5)
        np.testing.assert_allclose(scores, scorer.score_windows(windows(offsets)), rtol=0, atol=1e-6)
