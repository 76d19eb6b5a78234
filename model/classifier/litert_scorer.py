"""A scorer that runs the network by LiteRT."""

from __future__ import annotations

from typing import Any

import numpy as np

from soundbeam.model.classifier.calibration import Calibration
from soundbeam.model.classifier.litert_network import LiteRTNetwork
from soundbeam.model.classifier.scorer import Scorer
from soundbeam.model.frontend.config import FrontEndConfig
from soundbeam.model.frontend.spectrograms import Spectrograms


class LiteRTScorer(Scorer):
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
        super().__init__(window_samples, network.labels, config.step, config.frame_local, batch, calibration)
        self._network, self._spectrograms = network, Spectrograms(config)

    def _of_windows(self, windows: np.ndarray) -> np.ndarray:
        return self._network(self._spectrograms.of_windows(windows))

    def _of_spectrograms(self, spectrograms: np.ndarray) -> np.ndarray:
        return self._network(spectrograms)

    def _of_stretch(self, samples: np.ndarray, first_frames: np.ndarray) -> np.ndarray:
        return self._network(self._spectrograms.of_segment(samples, first_frames))
