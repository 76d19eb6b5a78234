"""A stratified draw over windows that come piece by piece, or lie in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from soundbeam.model.estimation.drawing import (
    Rules,
    ScoreHistogram,
    allocate,
    eligible,
    microseconds,
    random_numbers,
    strata_of,
)

STRATA = 9
_WINDOWS_A_STRATUM = 3  # looks; a draw of fewer has fewer strata
# What is known of windows: column → values ``[k]``.
Columns = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Drawn:
    """What a draw gives.

    Attributes:
        windows: Column → values ``[n]`` of the windows drawn, as `StratifiedDraw.add` was given them, in the order of
            looking.
        stratum: int64 ``[n]``.
        weight: float64 ``[n]``, the inverse of each window's probability in this draw.
        in_stratum: int64 ``[strata]``, how many windows there are.
        eligible: int64 ``[strata]``, how many are left by the rules.
        drawn: int64 ``[strata]``, how many this draw has.
    """

    windows: Columns
    stratum: np.ndarray
    weight: np.ndarray
    in_stratum: np.ndarray
    eligible: np.ndarray
    drawn: np.ndarray


class StratifiedDraw:
    """Draws while windows come by, in memory that depends on how many are drawn and not on how many there are.

    Args:
        strata: How many strata there are.
        n: How many windows are to be drawn.
        rules: The draw's.
        taken: int ``[strata]``, how many windows earlier draws of the same frame took: this one continues them.
        equal: Whether all strata are drawn from alike, and not by the spread of their scores.
    """

    def __init__(self, strata: int, n: int, rules: Rules, taken: np.ndarray | None = None, equal: bool = False):
        self._n, self._rules, self._equal = n, rules, equal
        self._taken = np.zeros(strata, np.int64) if taken is None else np.asarray(taken, np.int64)
        self._most = n + self._taken
        self._windows, self._eligible = np.zeros(strata, np.int64), np.zeros(strata, np.int64)
        self._scores = np.zeros(strata)
        self._highest = np.full(strata, np.iinfo(np.uint64).max)  # third number that may still be drawn
        self._kept: Columns = {}
        self._stratum, self._order = np.empty(0, np.int64), np.empty(0, np.uint64)
        self._weight = np.empty(0)

    def add(
        self,
        recording: np.ndarray,
        keys: np.ndarray,
        start_us: np.ndarray,
        score: np.ndarray,
        stratum: np.ndarray,
        columns: Callable[[np.ndarray], Columns],
    ) -> None:
        """Takes the windows of some recordings, with all windows of each.

        Args:
            recording, keys, start_us, stratum: As for `drawing.eligible`.
            score: float ``[n]``.
            columns: Gives what is known of the windows at some positions; asked only for those that may be drawn.
        """
        strata = len(self._windows)
        self._windows += np.bincount(stratum, minlength=strata)
        self._scores += np.bincount(stratum, score, strata)
        chosen, weight, order = eligible(recording, keys, start_us, stratum, self._rules)
        of = stratum[chosen]
        self._eligible += np.bincount(of, minlength=strata)
        may = order <= self._highest[of]
        if not may.any():
            return
        chosen, weight, order, of = chosen[may], weight[may], order[may], of[may]
        new = columns(chosen)
        self._kept = {k: np.concatenate([self._kept[k], new[k]]) if self._kept else new[k] for k in new}
        self._stratum = np.concatenate([self._stratum, of])
        self._order = np.concatenate([self._order, order])
        self._weight = np.concatenate([self._weight, weight])
        self._prune()

    def _prune(self) -> None:
        """Keeps in each stratum the lowest third numbers, as many as may be drawn."""
        order = np.lexsort((self._order, self._stratum))
        rank = _rank(self._stratum[order])
        keep = order[rank < self._most[self._stratum[order]]]
        self._kept = {name: values[keep] for name, values in self._kept.items()}
        self._stratum, self._order, self._weight = self._stratum[keep], self._order[keep], self._weight[keep]
        last = np.flatnonzero(np.append(self._stratum[1:] != self._stratum[:-1], True))
        full = last[
            np.bincount(self._stratum, minlength=len(self._most))[self._stratum[last]]
            >= self._most[self._stratum[last]]
        ]
        self._highest[self._stratum[full]] = self._order[full]

    def result(self) -> Drawn:
        """What is drawn, when all windows have come."""
        strata = len(self._windows)
        mean = self._scores / np.maximum(self._windows, 1)
        spread = self._windows * np.sqrt(np.clip(mean * (1 - mean), 0.0, None))
        if self._equal:
            spread = np.zeros(strata)
        total = allocate(self._n, self._eligible, spread, self._taken)
        taken = np.minimum(self._taken, self._eligible)
        rank = _rank(self._stratum)
        now = np.flatnonzero((rank >= taken[self._stratum]) & (rank < total[self._stratum]))
        stratum, drawn = self._stratum[now], total - taken
        weight = self._weight[now] * (self._eligible / np.maximum(drawn, 1))[stratum]
        look = _order_of_looking(stratum, drawn, self._rules.seed, int(taken.sum()))
        columns = {name: values[now][look] for name, values in self._kept.items()}
        return Drawn(columns, stratum[look], weight[look], self._windows, self._eligible, drawn)


def _rank(groups: np.ndarray) -> np.ndarray:
    """The position of each member in its group, int64 ``[n]``; groups lie together."""
    if not len(groups):
        return np.empty(0, np.int64)
    begins = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
    return np.arange(len(groups)) - np.repeat(begins, np.diff(np.append(begins, len(groups))))


def _order_of_looking(stratum: np.ndarray, drawn: np.ndarray, seed: int, before: int) -> np.ndarray:
    """An order in which strata take turns by their shares, and each has its windows in the order of their numbers.

    Whoever stops early has looked at a simple random sample of every stratum, with about the same share of each.
    """
    strata = np.arange(len(drawn))
    offset = random_numbers(strata.astype(np.uint64), strata + before, seed, 4) / 2.0**64
    return np.argsort((_rank(stratum) + offset[stratum]) / drawn[stratum], kind="stable")


def strata_for(n: int) -> int:
    """How many strata of scores a draw of so many windows has."""
    return int(np.clip(n // _WINDOWS_A_STRATUM, 1, STRATA))


def draw(
    recording: np.ndarray,
    start_s: np.ndarray,
    score: np.ndarray,
    n: int,
    rules: Rules,
    edges: np.ndarray | None = None,
    taken: np.ndarray | None = None,
) -> tuple[Drawn, np.ndarray]:
    """Draws by strata of scores from windows that lie in memory: what ``soundbeam review sample`` does by streaming.

    Args:
        recording: int64 ``[windows]``.
        start_s: float64 ``[windows]``.
        score: float ``[windows]``.
        n: How many are to be drawn.
        rules: Seed, spacing, limit for each recording.
        edges: The edges of the strata; None: by the scores. An empty array: one stratum, a simple random draw.
        taken: As for `StratifiedDraw`.

    Returns:
        (the draw, whose ``windows["position"]`` are positions in the arrays; the edges).
    """
    if edges is None:
        histogram = ScoreHistogram()
        histogram.add(score)
        edges = histogram.edges(strata_for(n))
    # Not the numbers of the recordings: those of two seeds would be alike.
    keys = random_numbers(np.asarray(recording, np.uint64), np.zeros(len(recording), np.int64), rules.seed, 0)
    drawing = StratifiedDraw(len(edges) + 1, n, rules, taken)
    stratum = strata_of(score, edges)
    drawing.add(np.asarray(recording), keys, microseconds(start_s), score, stratum, lambda at: {"position": at})
    return drawing.result(), edges
