"""A frozen base: its weights are loaded, its features computed once a clip and read when the head is trained."""

from __future__ import annotations

import hashlib
import os
import tempfile

import keras
import numpy as np

from soundbeam.model.architectures.architecture import BASE, HEAD, Architecture
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.frontend import FrontEnd
from soundbeam.model.storage.files import open_file
from soundbeam.model.tasks import CLASSIFIER

IMAGENET, NO_WEIGHTS = "imagenet", "none"
BASE_FILE = "base.keras"


def base_model(architecture: Architecture, weights: str) -> keras.Model:
    """(batch, window samples) → (batch, values): the front end and the base, with its weights.

    Args:
        architecture: One that has a base (``Architecture.transfer``).
        weights: ``imagenet`` (Keras' loader, which needs the internet), ``none`` (random ones, always the same), or a
            local file of weights (``.keras``, ``.weights.h5`` or ``.h5``) of the network without its top.

    Raises:
        SoundbeamError: The weights cannot be had, or do not fit.
    """
    keras.utils.set_random_seed(0)
    base = architecture.network(2, CLASSIFIER).get_layer(BASE)
    inner = next(layer for layer in base.layers if isinstance(layer, keras.Model))
    if weights == IMAGENET:
        try:
            pretrained = keras.applications.InceptionV3(include_top=False, weights=IMAGENET, pooling="avg")
            inner.set_weights(pretrained.get_weights())
        except Exception as e:  # Keras and urllib raise many kinds
            raise SoundbeamError(
                f"--weights imagenet: cannot be fetched ({_first_line(e)}); fetch them where there is internet "
                "and give --weights FILE, or --weights none"
            ) from e
    elif weights != NO_WEIGHTS:
        if not os.path.isfile(weights):
            raise SoundbeamError(f"--weights {weights}: no such file; give one, 'imagenet' or 'none'")
        try:
            if weights.endswith(".keras"):
                inner.set_weights(keras.saving.load_model(weights, compile=False, safe_mode=True).get_weights())
            else:
                inner.load_weights(weights)
        except Exception as e:  # not HDF5, other layers, other shapes
            raise SoundbeamError(f"--weights {weights}: not the weights of this base ({_first_line(e)})") from e
    waveform = keras.Input((architecture.window_samples,))
    return keras.Model(waveform, base(FrontEnd(architecture.front_end)(waveform)))


def fingerprint(model: keras.Model, architecture: Architecture) -> str:
    """SHA-256 over what the features depend on, beside the clips."""
    digest = hashlib.sha256(repr((architecture.front_end.plain(), architecture.window_s)).encode())
    for values in model.get_weights():
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def to_bytes(model: keras.Model) -> bytes:
    """The model as the bytes of a ``.keras`` file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, BASE_FILE)
        model.save(path)
        with open(path, "rb") as file:
            return file.read()


def load_base(folder: str) -> keras.Model:
    """The model that the features in a folder were computed with."""
    with open_file(f"{folder.rstrip('/')}/{BASE_FILE}") as file, tempfile.TemporaryDirectory() as local:
        path = os.path.join(local, BASE_FILE)
        with open(path, "wb") as copy:
            copy.write(file.read())
        return keras.saving.load_model(path, compile=False, safe_mode=True)


def head_of(network: keras.Model, folder: str) -> keras.Model:
    """The part of a network to train on features, after its base got the weights that those in the folder have."""
    network.get_layer(BASE).set_weights(load_base(folder).get_weights())
    return network.get_layer(HEAD)


def _first_line(e: BaseException) -> str:
    return next(iter(str(e).splitlines()), type(e).__name__)[:200]
