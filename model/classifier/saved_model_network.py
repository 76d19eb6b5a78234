"""A network that TensorFlow runs: an imported one that does not convert to LiteRT, kept as a zipped SavedModel."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile

import numpy as np
import tensorflow as tf

# The signature under which soundbeam saves it: waveforms (n, samples) → scores (n, labels), embeddings (n, size).
SIGNATURE, WAVEFORMS, SCORES, EMBEDDINGS = "soundbeam", "waveforms", "scores", "embeddings"
_DATE = (1980, 1, 1, 0, 0, 0)


class SavedModelNetwork:
    """Waveforms → scores and perhaps embeddings, for any number of threads at once.

    Args:
        data: The zip that ``zipped`` wrote.

    Attributes:
        samples, labels, embedding_size: As a ``WaveformNetwork`` has them.

    Raises:
        Exception: TensorFlow cannot load it; of many kinds.
    """

    def __init__(self, data: bytes):
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(io.BytesIO(data)) as file:
                file.extractall(folder)
            self._model = tf.saved_model.load(folder)  # which owns what the signature needs
        self._call = self._model.signatures[SIGNATURE]
        outputs = self._call.structured_outputs
        self.samples = int(self._call.structured_input_signature[1][WAVEFORMS].shape[1])
        self.labels = int(outputs[SCORES].shape[1])
        self.embedding_size = int(outputs[EMBEDDINGS].shape[1]) if EMBEDDINGS in outputs else 0

    def outputs(self, inputs: np.ndarray, embed: bool) -> tuple[np.ndarray, ...]:
        """float32 ``[n, samples]`` → scores float32 ``[n, labels]``, and on request embeddings."""
        results = self._call(**{WAVEFORMS: tf.constant(inputs)})
        return tuple(results[name].numpy() for name in ((SCORES, EMBEDDINGS) if embed else (SCORES,)))


def zipped(folder: str) -> bytes:
    """A folder as a zip, the same for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for root, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(root, name)
                entry = zipfile.ZipInfo(os.path.relpath(path, folder).replace(os.sep, "/"), _DATE)
                with open(path, "rb") as source, file.open(entry, "w", force_zip64=True) as target:
                    while block := source.read(1 << 20):
                        target.write(block)
    return buffer.getvalue()
