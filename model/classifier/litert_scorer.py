"""A scorer that runs the network by LiteRT."""

from __future__ import annotations

from typing import Any

import numpy as np

from soundbeam.model.classifier.calibration import Calibration
from soundbeam.model.classifier.litert_network import LiteRTNetwork
from soundbeam.model.classifier.scorer import FrontEndScorer, Outputs
from soundbeam.model.frontend.config import FrontEndConfig
from soundbeam.model.frontend.spectrograms import Spectrograms


class LiteRTScorer(FrontEndScorer):
    """A converted network over a front end.

    Args:
        network: The network.
        front_end: The front end's configuration, as plain values.
        window_samples: Samples of a window.
        batch: How many windows' spectrograms are made at once.
        calibration: Turns the scores into probabilities; None: the network's scores are returned as they are.
    """

    def __init__(
        self,
        network: LiteRTNetwork,
        front_end: dict[str, Any],
        window_samples: int,
        batch: int,
        calibration: Calibration | None = None,
    ):
        config = FrontEndConfig.from_plain(front_end)
        sizes = network.labels, batch, calibration, network.embedding_size
        super().__init__(window_samples, *sizes, config.step, config.frame_local)
        self._network, self._spectrograms = network, Spectrograms(config)

    def _of_windows(self, windows: np.ndarray, embed: bool) -> Outputs:
        return self._network.outputs(self._spectrograms.of_windows(windows), embed)

    def _of_spectrograms(self, spectrograms: np.ndarray, embed: bool) -> Outputs:
        return self._network.outputs(spectrograms, embed)

    def _of_stretch(self, samples: np.ndarray, first_frames: np.ndarray, embed: bool) -> Outputs:
        return self._network.outputs(self._spectrograms.of_segment(samples, first_frames), embed)
