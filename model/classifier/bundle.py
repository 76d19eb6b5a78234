"""The classifier bundle: a folder with the network and ``classifier.json``, which describes the rest.

A network that soundbeam trained is there twice: as Keras saves it, for training on, and converted
(``network-….tflite``), for scoring. A scan needs nothing but the second, and no TensorFlow. Of an imported model there
is the second alone. No change goes unnoticed: the fingerprint covers every value and all files.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import tempfile
from typing import TYPE_CHECKING

from soundbeam.model.classifier.bundle_files import (
    DESCRIPTION,
    check,
    check_destination,
    checked,
    fingerprint_of,
    read_description,
    write_bundle,
)
from soundbeam.model.classifier.description import BundleDescription
from soundbeam.model.errors import BundleError
from soundbeam.model.storage.stores import one_line

if TYPE_CHECKING:
    import keras

    from soundbeam.model.classifier.litert_network import LiteRTNetwork
    from soundbeam.model.classifier.scorer import Scorer
    from soundbeam.model.classifier.waveform_scorer import WaveformNetwork


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierBundle(BundleDescription):
    """A bundle that was read: its description and its network.

    Attributes:
        url: The folder it was read from.
        fingerprint: SHA-256, in hexadecimal, over the description and the files.
        weights_file: Name of the ``.keras`` file; empty: an imported model has none.
        weights_sha256: Its SHA-256.
        network_file: Name of the file that scores: a converted or imported network (``.tflite``), or an imported model
            that only TensorFlow runs (a SavedModel as ``.zip``). Empty: there is none.
        network_sha256: Its SHA-256.
        unconverted: Why there is none; empty too in bundles from before there were any.
    """

    url: str
    fingerprint: str
    weights_file: str
    weights_sha256: str
    network_file: str
    network_sha256: str
    unconverted: str

    @property
    def window_samples(self) -> int:
        """Samples of a window."""
        return round(self.window_s * self.rate)

    def files_to_score(self) -> list[tuple[str, str]]:
        """Names and SHA-256 of the files that a scan needs."""
        network = (self.network_file, self.network_sha256)
        geo = [(self.geo["file"], self.geo["sha256"])] if self.geo else []
        return [network if self.network_file else (self.weights_file, self.weights_sha256), *geo]

    @functools.cached_property
    def weights(self) -> bytes:
        """The ``.keras`` file.

        Raises:
            BundleError: It is missing, changed or truncated.
        """
        return checked(self.url, self.weights_file, self.weights_sha256)

    @functools.cached_property
    def network(self) -> bytes:
        """The file that scores; empty: there is none.

        Raises:
            BundleError: It is missing, changed or truncated.
        """
        return checked(self.url, self.network_file, self.network_sha256) if self.network_file else b""

    @functools.cached_property
    def geo_network(self) -> bytes:
        """The ``.tflite`` file of ``geo``; empty: there is none.

        Raises:
            BundleError: It is missing, changed or truncated.
        """
        return checked(self.url, self.geo["file"], self.geo["sha256"]) if self.geo else b""

    def model(self) -> keras.Model:
        """Front end and network: (batch, window samples) → (batch, labels).

        Raises:
            BundleError: The weights are missing or changed, or this TensorFlow cannot load them; or it was imported.
        """
        if self.source:
            raise BundleError(f"{self.url}: an imported model cannot be trained on; train a head over its embeddings")
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

    def scorer(self, batch: int | None = None, embeddings: bool = False) -> Scorer:
        """The network and its calibration, ready to score windows and segments, ``batch`` windows at once.

        LiteRT runs it; TensorFlow only what does not convert.

        Args:
            batch: None: the bundle's.
            embeddings: Whether embeddings will be asked for. A bundle from before there were any is converted for them,
                once; others give them in any case.

        Raises:
            BundleError: Neither can run it, or it gives no embeddings.
        """
        scorer = self._imported_scorer(batch) if self.source else self._own_scorer(batch or self.batch, embeddings)
        if embeddings and not scorer.embedding_size:
            raise BundleError(
                f"{self.url}: gives no embeddings"
                + (": import its model again with --embedding NAME" if self.source else f" ({self.architecture})")
            )
        return scorer

    def _imported_scorer(self, batch: int | None) -> Scorer:
        from soundbeam.model.classifier.waveform_scorer import WaveformScorer

        network: WaveformNetwork
        if self.network_file.endswith(".tflite"):
            network = self._run_by_litert(self.network)
        else:
            from soundbeam.model.classifier.saved_model_network import SavedModelNetwork
            from soundbeam.model.classifier.tensorflow_scorer import use_one_thread_a_call

            use_one_thread_a_call()
            try:
                network = SavedModelNetwork(self.network)
            except Exception as e:  # TensorFlow raises many kinds
                raise BundleError(f"{self.url}: this TensorFlow cannot run the model ({one_line(e)[:200]})") from e
        return WaveformScorer(network, batch or self.batch, self.activation, self.calibration)

    def _own_scorer(self, batch: int, embeddings: bool) -> Scorer:
        from soundbeam.model.classifier.conversion_cache import Converted, converted

        ready = Converted(self.network, self.front_end, self.unconverted)
        if not self.unconverted and (not self.network or (embeddings and not self.embedding_size)):
            ready = converted(self.fingerprint, self.model)
        if not ready.network:
            from soundbeam.model.classifier.tensorflow_scorer import TensorFlowScorer, use_one_thread_a_call

            use_one_thread_a_call()
            return TensorFlowScorer(self.model(), batch, self.calibration)
        from soundbeam.model.classifier.litert_scorer import LiteRTScorer

        network = self._run_by_litert(ready.network)
        return LiteRTScorer(network, ready.front_end, self.window_samples, batch, self.calibration)

    def _run_by_litert(self, data: bytes) -> LiteRTNetwork:
        from soundbeam.model.classifier.litert_network import LiteRTNetwork

        try:
            return LiteRTNetwork(data)
        except Exception as e:  # a file that is no network raises any kind
            raise BundleError(f"{self.url}: this LiteRT cannot run the network ({one_line(e)[:200]})") from e


def load_bundle(url: str) -> ClassifierBundle:
    """Reads a bundle and checks it against its fingerprint.

    Args:
        url: Its folder, local or any fsspec URL.

    Raises:
        BundleError: The folder holds no bundle, or one that is unreadable, of another version, changed or incomplete.
    """
    url = url.rstrip("/")
    described = read_description(url)
    try:
        nothing = {"file": "", "sha256": ""}
        weights, network = described.get("weights", nothing), described.get("network", nothing)
        bundle = ClassifierBundle(
            url=url,
            fingerprint=described["fingerprint"],
            weights_file=weights["file"],
            weights_sha256=weights["sha256"],
            network_file=network.get("file", ""),
            network_sha256=network.get("sha256", ""),
            unconverted=network.get("why_not", ""),
            **BundleDescription.values_of(described),
        )
    except (AttributeError, KeyError, TypeError) as e:
        raise BundleError(f"{url}/{DESCRIPTION}: changed or incomplete ({e}); train or import it again") from e
    # What a scan needs is checked before it begins, and read only by who scores: it may be large.
    for name, sha256 in bundle.files_to_score():
        check(url, name, sha256)
    if fingerprint_of(described) != bundle.fingerprint:
        raise BundleError(f"{url}/{DESCRIPTION}: changed since it was made; train or import it again")
    return bundle


def save_bundle(url: str, model: keras.Model, description: BundleDescription) -> ClassifierBundle:
    """Writes a bundle; one that is there already is replaced as a whole, and stays valid until the last moment.

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
    from soundbeam.model.classifier.litert_network import LiteRTNetwork

    url = url.rstrip("/")
    check_destination(url)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "weights.keras")
        model.save(path)
        with open(path, "rb") as file:
            files = {"weights": ("keras", file.read())}
    network, why_not = _converted(model)
    embedding_size = 0
    if network:
        files["network"] = ("tflite", network)
        embedding_size = LiteRTNetwork(network).embedding_size
    description = dataclasses.replace(
        description, front_end=model.get_layer(FRONT_END).config.plain(), embedding_size=embedding_size
    )
    write_bundle(url, {**dataclasses.asdict(description), "network": {"why_not": why_not}}, files)
    return load_bundle(url)


def _converted(model: keras.Model) -> tuple[bytes, str]:
    """The network as a ``.tflite`` file, or none and why."""
    from soundbeam.model.classifier.conversion import UnlikeError, converted_network

    try:
        return converted_network(model), ""
    except UnlikeError as e:
        return b"", str(e)
