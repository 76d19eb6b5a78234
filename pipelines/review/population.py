"""The windows that a sample is drawn from: a label's current predictions, streamed by whole recordings."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.model.errors import OptionError, ResultsError
from soundbeam.model.estimation.drawing import key_of, microseconds
from soundbeam.pipelines import results
from soundbeam.pipelines.output.run_info import RunInfo, ScanParameters

_PIECE = 250_000  # rows, about
_SHOWN = 8  # labels or sites in an error


@dataclasses.dataclass(frozen=True)
class Windows:
    """All windows of some recordings.

    Attributes:
        rows: recording, start_s, end_s, score, channel, site, run.
        names: The recordings.
        recording: int64 ``[n]``, each window's recording, as a position in ``names``.
        keys: uint64 ``[n]``, what its random numbers come from (`drawing.key_of`).
        start_us: int64 ``[n]``, when it starts, µs.
        score: float32 ``[n]``.
    """

    rows: pa.Table
    names: list[str]
    recording: np.ndarray
    keys: np.ndarray
    start_us: np.ndarray
    score: np.ndarray

    def columns(self, at: np.ndarray) -> dict[str, np.ndarray]:
        """Column → values of the windows at some positions; of text and channels as objects."""
        some = self.rows.take(pa.array(at, pa.int64()))
        return {name: np.array(some[name].to_pylist(), object) for name in some.column_names}


class Population:
    """The windows of one label in an output's current rows.

    Args:
        output: The output folder.
        label: The label; None: the only one.
        sites: Only recordings of these sites; empty: all.
        classifier: Only runs of the classifier whose fingerprint begins with this; None: the newest run's.

    Raises:
        ResultsError: There are no predictions.
        OptionError: There is no such label or site, or several labels and none is named.
    """

    def __init__(self, output: str, label: str | None = None, sites: Sequence[str] = (), classifier: str | None = None):
        self.output, self.sites = output, tuple(sites)
        self.runs: list[RunInfo] = results.select_runs(
            results.open_output(output), classifier=classifier, table="predictions"
        )
        self.label = _label(output, self.runs[-1], label)
        if unknown := [site for site in sites if site not in pc.unique(self.recordings["site"]).to_pylist()]:
            there = sorted(filter(None, pc.unique(self.recordings["site"]).to_pylist()))
            known = f"there are {_listed(there)}" if there else "the recordings have no sites (scan with --site)"
            raise OptionError(f"{output}: no recording of site {unknown[0]!r}; {known}")

    @property
    def parameters(self) -> ScanParameters:
        """What the predictions were made with."""
        return self.runs[-1].parameters

    @property
    def where(self) -> str:
        """Of which sites it is, for messages; "" where it is of all."""
        return f" at {_listed(list(self.sites))}" if self.sites else ""

    @functools.cached_property
    def recordings(self) -> pa.Table:
        """The current recordings: recording, site, windows, recorded_at."""
        columns = ["recording", "site", "windows", "recorded_at"]
        return results.read(self.output, "recordings", classifier=self.parameters.fingerprint, columns=columns)

    @property
    def scored(self) -> int:
        """How many windows were scored, whether their scores were kept or not."""
        return int(pc.sum(self._of_sites(self.recordings)["windows"]).as_py() or 0)

    @functools.cached_property
    def recorded_at(self) -> dict[str, int]:
        """Recording → when it begins, µs since 1970, UTC; of those where it is known."""
        known = self.recordings.filter(pc.is_valid(self.recordings["recorded_at"]))
        times = known["recorded_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()
        return dict(zip(known["recording"].to_pylist(), times, strict=True))

    def windows(self) -> Iterator[Windows]:
        """The windows; all of a recording come together.

        Memory is bounded by the windows of a row group or of a recording, whichever are more.
        """
        pending, held = list[pa.Table](), 0
        for rows in self._rows():
            pending.append(rows)
            held += len(rows)
            if held < _PIECE:
                continue
            together = pa.concat_tables(pending)
            of_last = pc.equal(together["recording"], together["recording"][-1])
            whole = len(together) - pc.sum(of_last).as_py()  # the last one may go on in the next row group
            if whole:
                yield _windows(together.slice(0, whole), self.label)
                pending, held = [together.slice(whole)], len(together) - whole
        if held:
            yield _windows(pa.concat_tables(pending), self.label)

    def _rows(self) -> Iterator[pa.Table]:
        """The label's rows, by row groups."""
        channel = ["channel"] if self.parameters.channel == "each" else []
        columns = ["recording", "start_s", "end_s", "label", "score", *channel, "site"]
        floor = self.parameters.min_score
        fingerprint = self.parameters.fingerprint
        for part in results.stream(self.output, "predictions", classifier=fingerprint, columns=columns):
            rows = self._of_sites(part.filter(pc.equal(part["label"], self.label)))
            if floor is not None:
                # A window's highest score is kept though it is lower; without the others it is no population.
                rows = rows.filter(pc.greater_equal(rows["score"], pa.scalar(floor, pa.float32())))
            if not len(rows):
                continue
            if not channel:
                rows = rows.append_column("channel", pa.nulls(len(rows), pa.int64()))
            yield rows.select(
                ["recording", "start_s", "end_s", "score", "channel", "site", "run"]
            ).replace_schema_metadata()

    def _of_sites(self, rows: pa.Table) -> pa.Table:
        return rows.filter(pc.is_in(rows["site"], value_set=pa.array(self.sites, pa.string()))) if self.sites else rows

    def why_empty(self) -> ResultsError:
        """The error of a draw from no windows."""
        floor = self.parameters.min_score
        kept = "" if floor is None else f" of a score of {floor:g} or more, and no lower ones were kept"
        return ResultsError(f"{self.output}: no window of {self.label!r}{self.where}{kept}; there is nothing to draw")


def _windows(rows: pa.Table, label: str) -> Windows:
    encoded = rows["recording"].combine_chunks().dictionary_encode()
    names, codes = encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)
    channels = rows["channel"].fill_null(0).to_numpy()
    several, units = np.unique(channels), {}
    for channel in several.tolist():
        of_each = [key_of(name, channel or None, label) for name in names]
        units[channel] = np.array(of_each, np.uint64)
    keys = units[int(several[0])][codes]
    for channel in several[1:].tolist():
        of_channel = np.flatnonzero(channels == channel)
        keys[of_channel] = units[channel][codes[of_channel]]
    start_us = microseconds(rows["start_s"].to_numpy())
    return Windows(rows, names, codes, keys, start_us, rows["score"].to_numpy())


def _label(output: str, run: RunInfo, label: str | None) -> str:
    if label is None and len(run.labels) == 1:
        return run.labels[0]
    if label in run.labels:
        return str(label)
    by_part = [name for name in run.labels if label is not None and label in run.names.get(name, {}).values()]
    if len(by_part) == 1:
        return by_part[0]
    there = _listed(run.labels)
    if label is None:
        raise OptionError(f"{output}: has {len(run.labels)} labels ({there}); name one with --label")
    raise OptionError(f"{output}: no label {label!r}; there are {there}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
