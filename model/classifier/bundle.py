"""The classifier bundle: a folder with the network's weights and ``classifier.json``, which describes the rest.

A scan needs nothing else. No change goes unnoticed: the fingerprint covers every value and the weights.
Reading the description needs no TensorFlow; ``scorer()`` does.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
from typing import TYPE_CHECKING, Any

from fsspec import AbstractFileSystem

from soundbeam.model.classifier.calibration import Calibration
from soundbeam.model.classifier.calls import CallRules
from soundbeam.model.classifier.count_interval import AS_SCORED, CountModel
from soundbeam.model.errors import BundleError
from soundbeam.model.storage.files import locate, make_folder, open_file, write_at_once
from soundbeam.model.storage.stores import one_line

if TYPE_CHECKING:
    import keras

    from soundbeam.model.architectures import Architecture
    from soundbeam.model.classifier.scorer import Scorer

DESCRIPTION = "classifier.json"
FORMAT = 2
REPORT = "report.html"  # for people: the fingerprint does not cover it
_OURS = ("weights-", "logs", DESCRIPTION, REPORT)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BundleDescription:
    """What ``classifier.json`` says of a classifier: all that a scan needs beside the weights.

    Attributes:
        architecture: Name of the network's architecture.
        task: ``detector`` (each label scored on its own, sigmoid) or ``classifier`` (scores sum to 1, softmax).
        labels: What the scores are of, in their order.
        rate: Samples a second of the waveforms that it scores.
        window_s: Seconds of a window.
        hop_s: Seconds between the starts of two windows, unless the user says otherwise.
        batch: How many windows are best scored at once.
        thresholds: label → the score from which a window counts.
        call_rules: How windows become calls.
        front_end: The front end's configuration, as plain values; empty: not stated, the network has it anyway.
        report: What it was trained on and how well it did.
        calibration: Turns the network's scores into probabilities, which the thresholds and rules are for. None: the
            scores are used as they are.
        counting: How certain counts are.
    """

    architecture: str
    task: str
    labels: tuple[str, ...]
    rate: int
    window_s: float
    hop_s: float
    batch: int
    thresholds: dict[str, float]
    call_rules: CallRules = dataclasses.field(default_factory=CallRules)
    front_end: dict[str, Any] = dataclasses.field(default_factory=dict)
    report: dict[str, Any] = dataclasses.field(default_factory=dict)
    calibration: Calibration | None = None
    counting: CountModel = AS_SCORED

    @classmethod
    def of_architecture(cls, architecture: Architecture, **values: Any) -> BundleDescription:
        """The description of an architecture's network; ``values`` are the attributes that training decides."""
        return cls(
            architecture=architecture.name,
            rate=architecture.rate,
            window_s=architecture.window_s,
            hop_s=architecture.hop_s,
            batch=architecture.score_batch,
            front_end=architecture.front_end.plain(),
            **values,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierBundle(BundleDescription):
    """A bundle that was read: its description and its weights.

    Attributes:
        url: The folder it was read from.
        fingerprint: SHA-256, in hexadecimal, over the description and the weights.
        weights: The ``.keras`` file.
    """

    url: str
    fingerprint: str
    weights: bytes = dataclasses.field(repr=False)

    @property
    def window_samples(self) -> int:
        """Samples of a window."""
        return round(self.window_s * self.rate)

    def model(self) -> keras.Model:
        """The network: (batch, window samples) → (batch, labels).

        Raises:
            BundleError: This TensorFlow cannot load it.
        """
        import keras

        from soundbeam.model.architectures import architecture_names
        from soundbeam.model.frontend import FrontEndConfig

        architecture_names()  # loads their modules, which registers their layers with Keras
        if self.front_end:
            FrontEndConfig.from_plain(self.front_end).check()  # Keras would bury what is missing

        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "weights.keras")
            with open(path, "wb") as file:
                file.write(self.weights)
            try:
                return keras.saving.load_model(path, compile=False, safe_mode=True)
            except Exception as e:  # Keras raises many kinds: unknown layers, lambdas, zip and HDF5 errors
                raise BundleError(
                    f"{self.url}: Keras {keras.__version__} cannot load the weights ({str(e).splitlines()[0][:200]})"
                ) from e

    def scorer(self, batch: int | None = None) -> Scorer:
        """The network and its calibration, ready to score windows and segments, ``batch`` windows at once."""
        from soundbeam.model.classifier.scorer import Scorer

        return Scorer(self.model(), batch or self.batch, self.calibration)


def load_bundle(url: str) -> ClassifierBundle:
    """Reads a bundle and checks it against its fingerprint.

    Args:
        url: Its folder, local or any fsspec URL.

    Raises:
        BundleError: The folder holds no bundle, or one that is unreadable, of another version, changed or incomplete.
    """
    url = url.rstrip("/")
    described = _read_description(url)
    try:
        weights_file, weights_hash = described["weights"]["file"], described["weights"]["sha256"]
        bundle = ClassifierBundle(
            url=url,
            fingerprint=described["fingerprint"],
            weights=_read(f"{url}/{weights_file}"),
            **_description_values(described),
        )
    except FileNotFoundError:
        raise BundleError(f"{url}/{weights_file}: missing; the bundle is incomplete, train it again") from None
    except (KeyError, TypeError) as e:
        raise BundleError(f"{url}/{DESCRIPTION}: changed or incomplete ({e}); train it again") from e
    if hashlib.sha256(bundle.weights).hexdigest() != weights_hash:
        raise BundleError(f"{url}/{weights_file}: changed or truncated since training; train it again")
    if _fingerprint(described) != bundle.fingerprint:
        raise BundleError(f"{url}/{DESCRIPTION}: changed since training; train it again")
    return bundle


def save_bundle(url: str, model: keras.Model, description: BundleDescription) -> ClassifierBundle:
    """Writes a bundle; one that is there already is replaced as a whole, and stays valid until the last moment.

    The weights are written first, under a name that depends on their content, and ``classifier.json`` last, in one
    step. A process that dies in between leaves no bundle, or the one that was there.

    Returns:
        The bundle, as ``load_bundle`` would read it.

    Raises:
        BundleError: The folder holds other things (see ``check_destination``).
    """
    url = url.rstrip("/")
    fs, root = check_destination(url)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "weights.keras")
        model.save(path)
        with open(path, "rb") as file:
            weights = file.read()
    digest = hashlib.sha256(weights).hexdigest()
    described: dict[str, Any] = {
        "format": FORMAT,
        **dataclasses.asdict(description),
        "weights": {"file": f"weights-{digest[:16]}.keras", "sha256": digest, "bytes": len(weights)},
    }
    described = json.loads(_canonical(described))
    described["fingerprint"] = _fingerprint(described)
    make_folder(fs, root)
    weights_path = f"{root}/{described['weights']['file']}"
    fs.pipe_file(weights_path, weights)
    text = json.dumps(described, indent=1, ensure_ascii=False, allow_nan=False).encode()
    write_at_once(fs, f"{root}/{DESCRIPTION}", text)
    for other in fs.ls(root, detail=False):
        name = os.path.basename(other)
        if name == REPORT or (name.startswith("weights-") and name != os.path.basename(weights_path)):
            fs.rm_file(other)  # of the bundle that was there
    return load_bundle(url)


def check_destination(url: str) -> tuple[AbstractFileSystem, str]:
    """Checks that a bundle may be written to a folder: it does not exist, or holds nothing but a bundle's files.

    Returns:
        The folder's file system and its path there.

    Raises:
        BundleError: Something else is there; nothing is touched.
        SoundbeamError: The URL's store cannot be used.
    """
    place, root = locate(url)
    fs = place.fs
    if fs.isfile(root):
        raise BundleError(f"{url}: is a file; give a folder for the classifier")
    names = [os.path.basename(name.rstrip("/")) for name in fs.ls(root, detail=False)] if fs.isdir(root) else []
    foreign = sorted(name for name in names if name and not name.startswith(_OURS))
    if foreign:
        raise BundleError(f"{url}: holds other files ({foreign[0]}); give a new folder for the classifier")
    return fs, root


def _read_description(url: str) -> dict[str, Any]:
    path = f"{url}/{DESCRIPTION}"
    try:
        described = json.loads(_read(path).decode("utf-8"))
        version = described["format"]
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(f"{url}: no classifier there (no {DESCRIPTION}); make one with 'soundbeam train'") from None
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as e:
        raise BundleError(f"{path}: not the description of a classifier ({type(e).__name__}: {e})") from e
    except (OSError, ImportError, ValueError) as e:
        raise BundleError(f"{path}: cannot be read ({one_line(e)})") from e
    if version != FORMAT:
        raise BundleError(
            f"{url}: made by bundle format {version}, this soundbeam reads {FORMAT}: "
            "train it again, or scan with the soundbeam that made it"
        )
    return described


def _description_values(described: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a ``BundleDescription`` from the values of ``classifier.json``."""
    calibration, counting = described["calibration"], described["counting"]
    return {
        **{field.name: described[field.name] for field in dataclasses.fields(BundleDescription)},
        "labels": tuple(described["labels"]),
        "call_rules": CallRules(**described["call_rules"]),
        "calibration": Calibration(calibration["slope"], tuple(calibration["biases"])) if calibration else None,
        "counting": CountModel(counting["floor"], tuple((a, b, c) for a, b, c in counting["draws"])),
    }


def _read(url: str) -> bytes:
    with open_file(url) as file:
        return file.read()


def _canonical(described: dict[str, Any]) -> bytes:
    return json.dumps(described, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _fingerprint(described: dict[str, Any]) -> str:
    return hashlib.sha256(_canonical({k: v for k, v in described.items() if k != "fingerprint"})).hexdigest()
