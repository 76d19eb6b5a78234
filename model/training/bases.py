"""Frozen bases: what turns windows into the vectors that a head is trained on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from soundbeam.model.errors import BundleError
from soundbeam.model.training.embedded_clips import crops_of
from soundbeam.model.windows import WindowSpec

Embed = Callable[[np.ndarray], np.ndarray]  # float32 [n, window samples] → float32 [n, size]


@dataclasses.dataclass(frozen=True)
class BundleBase:
    """A classifier bundle as a base.

    Attributes:
        url: The bundle.
        fingerprint: Its fingerprint when the training started.
        windows: Its windows.
    """

    url: str
    fingerprint: str
    windows: WindowSpec

    def crops(self, waveform: np.ndarray) -> np.ndarray:
        """A clip's windows to embed, float32 ``[crops, window samples]``: see ``crops_of``."""
        return crops_of(waveform, self.windows)

    def load(self) -> Embed:
        """The function that embeds windows; safe to call from several threads.

        Raises:
            BundleError: It is gone, was changed, or gives no embeddings.
        """
        from soundbeam.model.classifier.bundle import load_bundle

        bundle = load_bundle(self.url)
        if bundle.fingerprint != self.fingerprint:
            raise BundleError(f"{self.url}: the base was changed while the training ran; train again")
        scorer = bundle.scorer(embeddings=True)
        return lambda windows: scorer.embed_windows(windows)[1]


@dataclasses.dataclass(frozen=True)
class NetworkBase:
    """A Keras network without a head, in a folder of embeddings (``model.architectures.transfer``).

    Attributes:
        folder: URL of the folder, which holds the network.
        windows: Its windows.
    """

    folder: str
    windows: WindowSpec

    def crops(self, waveform: np.ndarray) -> np.ndarray:
        """A clip's first window, float32 ``[1, window samples]``, as networks that tell clips apart are trained on."""
        return crops_of(waveform[: self.windows.window_samples], self.windows)[:1]

    def load(self) -> Embed:
        """The function that embeds windows."""
        from soundbeam.model.architectures.transfer import load_base

        model = load_base(self.folder)
        return lambda windows: np.asarray(model.predict_on_batch(windows))
