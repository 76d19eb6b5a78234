"""Which current windows a sample was drawn from, after later scans."""

from __future__ import annotations

import contextlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.model.errors import ResultsError
from soundbeam.pipelines import results
from soundbeam.pipelines.review.population import Population
from soundbeam.pipelines.review.samples import SampleInfo


class DrawnFrom:
    """Tells the windows of recordings that a sample was drawn from; they may have been scanned again since.

    Args:
        population: The current windows.
        info: How the sample was drawn.
    """

    def __init__(self, population: Population, info: SampleInfo):
        self._runs = pa.array(info.runs, pa.string())
        self._recordings = pa.array([], pa.string())
        if {run.run for run in population.runs} - set(info.runs):
            parts = []
            for run in info.runs:
                with contextlib.suppress(ResultsError):  # a run that was removed since
                    of_run = results.read(population.output, "recordings", run=run, columns=["recording"])
                    parts.append(of_run["recording"])
            if parts:
                self._recordings = pa.concat_arrays([part.combine_chunks() for part in parts]).unique()

    def has(self, rows: pa.Table) -> np.ndarray:
        """For each row with the columns run and recording, whether it is of these windows; bool ``[n]``."""
        known = pc.is_in(rows["run"], value_set=self._runs).to_numpy(zero_copy_only=False)
        if known.all() or not len(self._recordings):
            return known
        return known | pc.is_in(rows["recording"], value_set=self._recordings).to_numpy(zero_copy_only=False)
