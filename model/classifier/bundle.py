"""The classifier bundle: a folder with the network and ``classifier.json``, which describes the rest.

The network is there twice: as Keras saves it, for training on, and converted (``network-….tflite``), for scoring. A
scan needs nothing but the second, and no TensorFlow. No change goes unnoticed: the fingerprint covers every value and
both files.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import tempfile
from typing import TYPE_CHECKING, Any

from fsspec import AbstractFileSystem

from soundbeam.model.classifier.description import BundleDescription
from soundbeam.model.errors import BundleError
from soundbeam.model.extras import require_tensorflow
from soundbeam.model.storage.files import locate, make_folder, open_file, write_at_once
from soundbeam.model.storage.stores import one_line

if TYPE_CHECKING:
    import keras

    from soundbeam.model.classifier.scorer import Scorer

DESCRIPTION = "classifier.json"
FORMAT = 2
REPORT = "report.html"  # for people: the fingerprint does not cover it
_OURS = ("weights-", "network-", "logs", DESCRIPTION, REPORT)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierBundle(BundleDescription):
    """A bundle that was read: its description and its network.

    Attributes:
        url: The folder it was read from.
        fingerprint: SHA-256, in hexadecimal, over the description and the files.
        weights_file: Name of the ``.keras`` file.
        weights_sha256: Its SHA-256.
        network: The converted network, a ``.tflite`` file; empty: there is none.
        unconverted: Why there is none; empty too in bundles from before there were any.
    """

    url: str
    fingerprint: str
    weights_file: str
    weights_sha256: str
    network: bytes = dataclasses.field(repr=False)
    unconverted: str

    @property
    def window_samples(self) -> int:
        """Samples of a window."""
        return round(self.window_s * self.rate)

    @functools.cached_property
    def weights(self) -> bytes:
        """The ``.keras`` file.

        Raises:
            BundleError: It is missing, changed or truncated.
        """
        return _checked(self.url, self.weights_file, self.weights_sha256)

    def model(self) -> keras.Model:
        """Front end and network: (batch, window samples) → (batch, labels).

        Raises:
            BundleError: The weights are missing or changed, or this TensorFlow cannot load them.
            SoundbeamError: TensorFlow is not installed.
        """
        self._require_tensorflow()
        import keras

        from soundbeam.model.architectures import architecture_names
        from soundbeam.model.frontend import FrontEndConfig

        architecture_names()  # loads their modules, which registers their layers with Keras
        if self.front_end:
            FrontEndConfig.from_plain(self.front_end).check()  # Keras would bury what is missing

        weights = self.weights
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "weights.keras")
            with open(path, "wb") as file:
                file.write(weights)
            try:
                return keras.saving.load_model(path, compile=False, safe_mode=True)
            except Exception as e:  # Keras raises many kinds: unknown layers, lambdas, zip and HDF5 errors
                raise BundleError(
                    f"{self.url}: Keras {keras.__version__} cannot load the weights ({str(e).splitlines()[0][:200]})"
                ) from e

    def _require_tensorflow(self) -> None:
        why = f"which does not convert ({self.unconverted})" if self.unconverted else "saved before they were converted"
        require_tensorflow(f"{self.url}: its network{f', {why},' * (not self.network)}")

    def scorer(self, batch: int | None = None) -> Scorer:
        """The network and its calibration, ready to score windows and segments, ``batch`` windows at once.

        LiteRT runs it; TensorFlow only what does not convert.

        Raises:
            BundleError: Neither can run it.
            SoundbeamError: TensorFlow would have to, and is not installed.
        """
        from soundbeam.model.classifier.conversion_cache import Converted, converted

        batch = batch or self.batch
        ready = Converted(self.network, self.front_end, self.unconverted)
        if not self.network and not self.unconverted:
            ready = converted(self.fingerprint, self.model)
        if not ready.network:
            self._require_tensorflow()
            from soundbeam.model.classifier.tensorflow_scorer import TensorFlowScorer, use_one_thread_a_call

            use_one_thread_a_call()
            return TensorFlowScorer(self.model(), batch, self.calibration)
        from soundbeam.model.classifier.litert_network import LiteRTNetwork
        from soundbeam.model.classifier.litert_scorer import LiteRTScorer

        try:
            network = LiteRTNetwork(ready.network)
        except Exception as e:  # a file that is no network raises any kind
            raise BundleError(f"{self.url}: this LiteRT cannot run the network ({one_line(e)[:200]})") from e
        return LiteRTScorer(network, ready.front_end, self.window_samples, batch, self.calibration)


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
        weights, converted = described["weights"], described.get("network", {"why_not": ""})
        network = b"" if "why_not" in converted else _checked(url, converted["file"], converted["sha256"])
        bundle = ClassifierBundle(
            url=url,
            fingerprint=described["fingerprint"],
            weights_file=weights["file"],
            weights_sha256=weights["sha256"],
            network=network,
            unconverted=converted.get("why_not", ""),
            **BundleDescription.values_of(described),
        )
    except (AttributeError, KeyError, TypeError) as e:
        raise BundleError(f"{url}/{DESCRIPTION}: changed or incomplete ({e}); train it again") from e
    if not network:
        _ = bundle.weights  # what a scan needs is checked before it begins
    if _fingerprint(described) != bundle.fingerprint:
        raise BundleError(f"{url}/{DESCRIPTION}: changed since training; train it again")
    return bundle


def save_bundle(url: str, model: keras.Model, description: BundleDescription) -> ClassifierBundle:
    """Writes a bundle; one that is there already is replaced as a whole, and stays valid until the last moment.

    The files of the network are written first, under names that depend on their content, and ``classifier.json`` last,
    in one step. A process that dies in between leaves no bundle, or the one that was there.

    Args:
        url: The folder.
        model: Front end and network, as ``assemble`` makes them.
        description: The rest; its front end is that of the model, whatever is said there.

    Returns:
        The bundle, as ``load_bundle`` would read it.

    Raises:
        BundleError: The folder holds other things (see ``check_destination``).
    """
    from soundbeam.model.architectures.assemble import FRONT_END

    url = url.rstrip("/")
    fs, root = check_destination(url)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "weights.keras")
        model.save(path)
        with open(path, "rb") as file:
            weights = file.read()
    network, why_not = _converted(model)
    files = {"weights": (f"weights-{_sha256(weights)[:16]}.keras", weights)}
    if network:
        files["network"] = (f"network-{_sha256(network)[:16]}.tflite", network)
    description = dataclasses.replace(description, front_end=model.get_layer(FRONT_END).config.plain())
    described: dict[str, Any] = {
        "format": FORMAT,
        **dataclasses.asdict(description),
        "network": {"why_not": why_not},
        **{key: {"file": name, "sha256": _sha256(data), "bytes": len(data)} for key, (name, data) in files.items()},
    }
    described = json.loads(_canonical(described))
    described["fingerprint"] = _fingerprint(described)
    make_folder(fs, root)
    for name, data in files.values():
        write_at_once(fs, f"{root}/{name}", data)
    text = json.dumps(described, indent=1, ensure_ascii=False, allow_nan=False).encode()
    write_at_once(fs, f"{root}/{DESCRIPTION}", text)
    ours = {name for name, _ in files.values()}
    for other in fs.ls(root, detail=False):
        name = os.path.basename(other)
        if name == REPORT or (name.startswith(("weights-", "network-")) and name not in ours):
            fs.rm_file(other)  # of the bundle that was there
    return load_bundle(url)


def _converted(model: keras.Model) -> tuple[bytes, str]:
    """The network as a ``.tflite`` file, or none and why."""
    from soundbeam.model.classifier.conversion import UnlikeError, converted_network

    try:
        return converted_network(model), ""
    except UnlikeError as e:
        return b"", str(e)


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


def _checked(url: str, name: str, sha256: str) -> bytes:
    """A file of the bundle, as ``classifier.json`` names it.

    Raises:
        BundleError: It is missing, changed or truncated.
    """
    try:
        data = _read(f"{url}/{name}")
    except FileNotFoundError:
        raise BundleError(f"{url}/{name}: missing; the bundle is incomplete, train it again") from None
    if _sha256(data) != sha256:
        raise BundleError(f"{url}/{name}: changed or truncated since training; train it again")
    return data


def _read(url: str) -> bytes:
    with open_file(url) as file:
        return file.read()


def _canonical(described: dict[str, Any]) -> bytes:
    return json.dumps(described, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _fingerprint(described: dict[str, Any]) -> str:
    return _sha256(_canonical({k: v for k, v in described.items() if k != "fingerprint"}))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
