"""A base that remembers the embeddings of soundscapes: a head is trained again and again, and the base is slow."""

from __future__ import annotations

import hashlib
import io

import numpy as np

from soundbeam.model.classifier.scorer import Outputs, Scorer
from soundbeam.model.storage.files import open_file, place_of, write_at_once


class KeptEmbeddings(Scorer):
    """The embeddings of whole segments from a base, or from a file where it has given them before; no scores.

    Args:
        base: Gives embeddings.
        folder: URL of a folder that is this base's alone.
    """

    def __init__(self, base: Scorer, folder: str):
        super().__init__(base.window_samples, 0, base.batch, None, base.embedding_size)
        self._base, self._folder = base, folder

    def _of_windows(self, windows: np.ndarray, embed: bool) -> Outputs:
        embeddings = self._base.embed_windows(windows)[1]
        return (np.empty((len(windows), 0), np.float32), embeddings)[: 1 + embed]

    def _of_segment(self, samples: np.ndarray, offsets: np.ndarray, embed: bool) -> Outputs:
        key = hashlib.sha256(samples.tobytes() + np.asarray(offsets, "<i8").tobytes()).hexdigest()
        place, folder = place_of(self._folder)
        path = f"{folder.rstrip('/')}/segment-{key[:32]}.npy"
        if place.fs.exists(path):
            with open_file(place.uri(path)) as file:
                embeddings = np.load(io.BytesIO(file.read()), allow_pickle=False)
        else:
            embeddings = self._base.embed_segment(samples, offsets)[1]
            content = io.BytesIO()
            np.save(content, embeddings)
            write_at_once(place.fs, path, content.getvalue())
        return (np.empty((len(offsets), 0), np.float32), embeddings)[: 1 + embed]
