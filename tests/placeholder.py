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

    return _save(url, body, labels, threshold, RATE, WINDOW_S, HOP_S, changes)


def bin_hz(label, rate=RATE):
    """The tone that label number ``label`` of `save_bins_bundle` hears; labels beyond the bins hear nothing."""
    return 3 * label * rate / FRAME


def save_bins_bundle(url, labels, rate=RATE, window_s=WINDOW_S, hop_s=HOP_S, threshold=0.25, **changes):
    """Saves a placeholder of thousands of labels: number i hears FFT bin 3 i as the other hears its tones."""
    import keras

    def body(shape, outputs, activation):
        spectrogram = keras.Input(shape)
        means = keras.layers.Flatten()(keras.layers.AveragePooling2D((shape[0], 1))(spectrogram))
        dense = keras.layers.Dense(outputs, activation=activation)
        scores = dense(means)
        weights = _SCALE * (np.arange(shape[1])[:, None] == 3 * np.arange(outputs))
        dense.set_weights([weights, np.where(weights.any(axis=0), -_SCALE * _MIDDLE, -20.0)])
        return keras.Model(spectrogram, scores)

    return _save(url, body, labels, threshold, rate, window_s, hop_s, changes)


def _save(url, body, labels, threshold, rate, window_s, hop_s, changes):
    from soundbeam.model.architectures.architecture import Architecture, Recipe
    from soundbeam.model.classifier.bundle import BundleDescription, save_bundle
    from soundbeam.model.classifier.calls import CallRules
    from soundbeam.model.frontend import FrontEndConfig
    from soundbeam.model.frontend.kinds import Stft

    config = FrontEndConfig((Stft(),), rate=rate, frame=FRAME, step=STEP, fft=FRAME, normalise="none")
    architecture = Architecture("placeholder", "none", window_s, hop_s, config, body, Recipe(epochs=1))
    values = {
        "architecture": "placeholder",
        "task": "detector",
        "labels": tuple(labels),
        "rate": rate,
        "window_s": window_s,
        "hop_s": hop_s,
        "batch": 8,
        "thresholds": dict.fromkeys(labels, threshold),
        "call_rules": CallRules(),
    }
    return save_bundle(
        str(url), architecture.build(len(labels), "detector"), BundleDescription(**{**values, **changes})
    )
