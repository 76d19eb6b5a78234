"""A small network for place and season, which NumPy knows, and a bundle with it."""

import dataclasses
from datetime import timedelta

import numpy as np

from soundbeam.model.classifier.bundle import BundleDescription, load_bundle
from soundbeam.model.classifier.bundle_files import write_bundle

_WEIGHTS = np.array([[0.05, -0.02, 0.1], [-0.1, 0.05, -0.02]], np.float32)  # [labels, inputs]
_BIASES = np.array([-3.0, 1.0], np.float32)


def expected(latitude, longitude, week):
    """float64 [labels]: by NumPy."""
    values = _WEIGHTS.astype(np.float64) @ np.float64([latitude, longitude, week]) + _BIASES
    return 1 / (1 + np.exp(-values))


def week_48(when):
    """BirdNET's week, counted day by day: the first of 48 equal parts of the year that the day does not go beyond."""
    first = when.replace(month=1, day=1)
    days = (first.replace(year=when.year + 1) - first).days
    day = (when - first + timedelta(days=1)).days
    return next(week for week in range(1, 49) if day * 48 <= week * days)


def geo_network(labels=2):
    """The ``.tflite`` file; of two labels it is `expected`."""
    import tensorflow as tf

    weights, biases = np.resize(_WEIGHTS, (labels, 3)), np.resize(_BIASES, labels)

    def network(x):
        return tf.sigmoid(x @ weights.T + biases)

    graph = tf.function(network, [tf.TensorSpec((None, 3), tf.float32)]).get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([graph], tf.Module()).convert()


def save_with_geo(url, bundle, geo):
    """Saves a bundle again, with a network for place and season."""
    values = {field.name: getattr(bundle, field.name) for field in dataclasses.fields(BundleDescription)}
    description = dataclasses.asdict(BundleDescription(**values))
    files = {
        "weights": ("keras", bundle.weights),
        "network": ("tflite", bundle.network),
        "geo": ("tflite", geo),
    }
    write_bundle(str(url), {**description, "network": {"why_not": ""}}, files)
    return load_bundle(str(url))
