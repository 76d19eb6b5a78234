"""Embeddings of examples' crops: where the crops lie, and what is read of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from soundbeam.model.windows import WindowSpec

_PLACES = 3  # where a clip shorter than a window may lie in it


@dataclasses.dataclass(frozen=True, eq=False)
class EmbeddedClips:
    """Clips, each in one crop or several.

    Attributes:
        vectors: float32 ``[crops, size]``, clip by clip.
        first: int ``[clips]``: the first crop of each.
        labels: Of each clip.
    """

    vectors: np.ndarray
    first: np.ndarray
    labels: tuple[str, ...]

    @classmethod
    def of(cls, clips: Sequence[tuple[str, np.ndarray]], size: int) -> EmbeddedClips:
        """Of (label, float32 ``[crops, size]``) pairs; there may be none."""
        vectors = np.concatenate([np.empty((0, size), np.float32), *(crops for _, crops in clips)])
        counts = [len(crops) for _, crops in clips]
        return cls(vectors, np.cumsum([0, *counts[:-1]])[: len(clips)], tuple(label for label, _ in clips))


def crops_of(waveform: np.ndarray, spec: WindowSpec) -> np.ndarray:
    """The windows of a clip that a base embeds.

    Those of a scan at a hop of half a window. A clip that is shorter than a window lies in zeros: at its start, as in
    a scan of the clip, in the middle, and at its end.

    Args:
        waveform: float32 ``[samples]``.
        spec: The base's rate and window.

    Returns:
        float32 ``[crops, window samples]``, at least one.
    """
    room = spec.window_samples - len(waveform)
    if room > 0:
        befores = sorted({room * k // (_PLACES - 1) for k in range(_PLACES)})
        return np.stack([np.pad(waveform, (before, room - before)) for before in befores]).astype(np.float32)
    starts = WindowSpec(spec.rate, spec.window_s, spec.window_s / 2).starts(len(waveform))
    return np.lib.stride_tricks.sliding_window_view(waveform, spec.window_samples)[starts].astype(np.float32)
