"""Synthesized sound, and a placeholder classifier whose scores NumPy can tell."""

import numpy as np

RATE, WINDOW_S, HOP_S = 8000, 1.0, 0.5
FRAME, STEP = 256, 128
# Each label is a tone in the middle of an FFT bin.
TONES_HZ = {"low": 1000.0, "high": 2000.0}
_SCALE, _MIDDLE = 0.25, 16.0


def tone(seconds, hz=TONES_HZ["low"], rate=RATE, amplitude=0.5):
    """float64 [samples]: a sine."""
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


def with_tones(seconds, at, rate=RATE, hz=TONES_HZ["low"], noise=1e-3, seed=0):
    """float64 [samples]: faint noise with one-second-and-a-half tones at the given seconds."""
    sound = noise * np.random.default_rng(seed).standard_normal(round(seconds * rate))
    for start in at:
        first = round(start * rate)
        part = tone(1.5, hz, rate)[: len(sound) - first]
        sound[first : first + len(part)] += part
    return sound


def expected_score(window, hz=TONES_HZ["low"]):
    """The placeholder's score of one window, by NumPy: a logistic of the tone's mean STFT magnitude."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    frames = np.lib.stride_tricks.sliding_window_view(window, FRAME)[::STEP] * hann
    magnitude = np.abs(np.fft.rfft(frames, axis=1))[:, round(hz * FRAME / RATE)].mean()
    return 1 / (1 + np.exp(-_SCALE * (magnitude - _MIDDLE)))


def save_tone_bundle(url, labels=("low",), seed=0, threshold=0.5, **changes):
    """Saves the placeholder: it scores 0.5 where half of a window is tone, and needs no training."""
    import keras

    from soundbeam.model.architectures.architecture import Architecture, Recipe
    from soundbeam.model.classifier.bundle import BundleDescription, save_bundle
    from soundbeam.model.classifier.calls import CallRules
    from soundbeam.model.frontend import FrontEndConfig
    from soundbeam.model.frontend.kinds import Stft

    config = FrontEndConfig((Stft(),), rate=RATE, frame=FRAME, step=STEP, fft=FRAME, normalise="none")

    def body(shape, outputs, activation):
        spectrogram = keras.Input(shape)
        bins = [round(TONES_HZ[label] * FRAME / RATE) for label in labels]
        cut = [keras.layers.Cropping2D(((0, 0), (b, shape[1] - b - 1)))(spectrogram) for b in bins]
        means = [keras.layers.GlobalAveragePooling2D()(c) for c in cut]
        joined = keras.layers.Concatenate()(means) if len(means) > 1 else means[0]
        dense = keras.layers.Dense(outputs, activation=activation)
        scores = dense(joined)
        dense.set_weights([_SCALE * np.eye(outputs), np.full(outputs, -_SCALE * _MIDDLE) + 1e-6 * seed])
        return keras.Model(spectrogram, scores)

    architecture = Architecture("placeholder", "none", WINDOW_S, HOP_S, config, body, Recipe(epochs=1))
    values = {
        "architecture": "placeholder",
        "task": "detector",
        "labels": tuple(labels),
        "rate": RATE,
        "window_s": WINDOW_S,
        "hop_s": HOP_S,
        "batch": 8,
        "thresholds": dict.fromkeys(labels, threshold),
        "call_rules": CallRules(),
    }
    return save_bundle(
        str(url), architecture.build(len(labels), "detector"), BundleDescription(**{**values, **changes})
    )
