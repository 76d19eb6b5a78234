"""The scores of a scan's table of predictions, as a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


def score_matrix(predictions: pa.Table | pa.RecordBatch, labels: int) -> np.ndarray:
    """float32 ``[windows, labels]``, from the column ``score`` of one label or ``scores`` of several."""
    import pyarrow.compute as pc

    if "scores" in predictions.schema.names:
        return pc.list_flatten(predictions["scores"]).to_numpy().reshape(-1, labels)
    return predictions["score"].to_numpy().reshape(-1, 1)
