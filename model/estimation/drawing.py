"""Draws windows for review so that each has an exact probability of being drawn, in one pass over any number of them.

Every window has random numbers of its own, a hash of its recording, time and a seed, so nothing is stored between two
passes, and a second draw continues the first. In three phases, each independent of the one before:

1. Spacing. A window is retained if its first number is the lowest of those of its stratum less than so many seconds
   away in its recording (the second hard core process of Matérn 1960). Of m windows each has the lowest number with
   probability 1/m.
2. The limit for each recording. Of r windows of a recording and stratum that were retained, those with the N lowest
   second numbers stay: N/r of them.
3. A simple random sample of n of the E windows of a stratum that are left, the eligible: those with the lowest third
   numbers.

The weight m × max(1, r/N) × E/n is then the inverse of a window's probability phase by phase. A sum of weights times
verdicts is unbiased, since the expectation over each phase, given those before, is the sum that it started from (double
expansion; Särndal, Swensson and Wretman 1992, chapter 9).
"""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np

MICROSECONDS = 1_000_000
_STEPS = 64  # of the histogram of log-odds, for each unit of log-odds
_LOGIT_END = 17.0  # float32 has no probability nearer to 1, but 1 itself
_TOP = 20  # at least so many windows are in the highest stratum
_TOP_SHARE = 2e-5
_EQUAL_SHARE = 0.25  # of the effort goes to all strata alike: a classifier's probabilities may be wrong
_LEAST = 3  # looks for each stratum


@dataclasses.dataclass(frozen=True)
class Rules:
    """What restricts a draw.

    Attributes:
        seed: What the windows' random numbers come from.
        spacing_s: Two windows of a stratum that are drawn from one recording start at least so far apart; 0: no rule.
        per_recording: At most so many windows of one recording and stratum are drawn; 0: no rule.
    """

    seed: int = 0
    spacing_s: float = 15.0
    per_recording: int = 5


def key_of(recording: str, channel: int | None, label: str) -> int:
    """A number of 64 bits for a recording's channel and a label: what its windows' random numbers come from."""
    name = "\0".join([recording, "" if channel is None else str(channel), label])
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "little")


def random_numbers(keys: np.ndarray, start_us: np.ndarray, seed: int, phase: int) -> np.ndarray:
    """The permanent random numbers of windows, uint64 ``[n]``.

    Args:
        keys: uint64 ``[n]``, from `key_of`.
        start_us: int64 ``[n]``, when the windows start, µs.
        seed: The draw's.
        phase: 1, 2 or 3; the numbers of two phases are independent.
    """
    salt = hashlib.blake2b(f"{seed} {phase}".encode(), digest_size=8).digest()
    with np.errstate(over="ignore"):
        own = _mixed(keys.astype(np.uint64) ^ np.uint64(int.from_bytes(salt, "little")))
        return _mixed(_mixed(start_us.astype(np.uint64)) ^ own)


def _mixed(x: np.ndarray) -> np.ndarray:
    """A step of the generator splitmix64 (Steele, Lea and Flood 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def microseconds(start_s: np.ndarray) -> np.ndarray:
    """Times in whole µs, int64."""
    return np.rint(np.asarray(start_s, np.float64) * MICROSECONDS).astype(np.int64)


def eligible(
    recording: np.ndarray, keys: np.ndarray, start_us: np.ndarray, stratum: np.ndarray, rules: Rules
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first two phases, for all windows of some recordings.

    Args:
        recording: int64 ``[n]``, which recording each window is of.
        keys: uint64 ``[n]``, from `key_of`.
        start_us: int64 ``[n]``, when it starts, µs.
        stratum: int64 ``[n]``.
        rules: The draw's.

    Returns:
        (int64 ``[k]``, the positions of the eligible windows; float64 ``[k]``, their weights so far, m × max(1, r/N);
        uint64 ``[k]``, their third random numbers).
    """
    order = np.lexsort((start_us, keys, stratum))
    first = random_numbers(keys[order], start_us[order], rules.seed, 1)
    unit = np.cumsum(_changes(stratum[order]) | _changes(keys[order])) - 1
    retained, near = _lowest_nearby(unit, start_us[order], first, round(rules.spacing_s * MICROSECONDS))
    chosen, weight = order[retained], near[retained].astype(np.float64)
    if rules.per_recording and len(chosen):
        second = random_numbers(keys[chosen], start_us[chosen], rules.seed, 2)
        by_group = np.lexsort((second, recording[chosen], stratum[chosen]))
        chosen, weight = chosen[by_group], weight[by_group]
        begins = np.flatnonzero(_changes(stratum[chosen]) | _changes(recording[chosen]))
        sizes = np.diff(np.append(begins, len(chosen)))
        rank = np.arange(len(chosen)) - np.repeat(begins, sizes)
        weight *= np.repeat(np.maximum(1.0, sizes / rules.per_recording), sizes)
        chosen, weight = chosen[rank < rules.per_recording], weight[rank < rules.per_recording]
    return chosen, weight, random_numbers(keys[chosen], start_us[chosen], rules.seed, 3)


def _changes(values: np.ndarray) -> np.ndarray:
    """Where a value is not the one before it, bool ``[n]``; True at the first."""
    changes = np.ones(len(values), bool)
    changes[1:] = values[1:] != values[:-1]
    return changes


def _lowest_nearby(
    unit: np.ndarray, start_us: np.ndarray, number: np.ndarray, spacing_us: int
) -> tuple[np.ndarray, np.ndarray]:
    """Which windows have the lowest number of all of their unit nearer than a spacing, and how many these are.

    Args:
        unit: int64 ``[n]``, ascending from 0.
        start_us: int64 ``[n]``, ascending in each unit.
        number: uint64 ``[n]``.
        spacing_us: The spacing.
    """
    n = len(unit)
    if spacing_us <= 0 or not n:
        return np.ones(n, bool), np.ones(n, np.int64)
    # One axis on which the units lie farther apart than the spacing; in whole numbers, so that nearness is mutual.
    at = start_us - start_us.min()
    at = at + unit * (int(at.max()) + spacing_us + 1)
    low = np.searchsorted(at, at - (spacing_us - 1), "left")
    high = np.searchsorted(at, at + (spacing_us - 1), "right")
    near = high - low
    lowest = np.empty(n, np.uint64)
    level = np.frexp(near.astype(np.float64))[1] - 1  # the whole part of the logarithm to base 2
    minima = number  # of 2**k numbers from each position on
    for k in range(int(level.max()) + 1):
        if k:
            half = 1 << (k - 1)
            minima = np.minimum(minima[: len(minima) - half], minima[half:])
        of_level = np.flatnonzero(level == k)
        lowest[of_level] = np.minimum(minima[low[of_level]], minima[high[of_level] - (1 << k)])
    return number == lowest, near


class ScoreHistogram:
    """How many windows have which score, by log-odds, to a 64th; a fixed size for any number of windows."""

    def __init__(self) -> None:
        self.counts = np.zeros(round(2 * _LOGIT_END * _STEPS) + 1, np.int64)

    def add(self, scores: np.ndarray) -> None:
        """Counts scores, float ``[n]``, 0 to 1."""
        bins = np.rint((log_odds(scores) + _LOGIT_END) * _STEPS).astype(np.int64)
        self.counts += np.bincount(bins, minlength=len(self.counts))

    def edges(self, strata: int) -> np.ndarray:
        """The scores that divide the windows into strata: each a fixed factor rarer than the one below.

        Args:
            strata: How many strata there may be; there are fewer if many scores are equal.

        Returns:
            float32 ``[strata − 1]``, ascending: a window is in the first stratum if its score is below the first edge.
        """
        from_top = np.cumsum(self.counts[::-1])[::-1]
        total = int(from_top[0])
        if strata < 2 or total == 0:
            return np.empty(0, np.float32)
        top = min(max(_TOP, _TOP_SHARE * total), total / strata)
        wanted = top * (total / top) ** (np.arange(strata - 1) / (strata - 1))
        bins = np.array([np.flatnonzero(from_top >= w)[-1] for w in wanted])
        bins = np.unique(bins[from_top[bins] < total])
        return _probability((bins - 0.5) / _STEPS - _LOGIT_END).astype(np.float32)


def log_odds(scores: np.ndarray) -> np.ndarray:
    """The log-odds of scores, float64, at most 17 from zero."""
    with np.errstate(divide="ignore"):
        scores = np.asarray(scores, np.float64)
        return np.clip(np.log(scores) - np.log1p(-scores), -_LOGIT_END, _LOGIT_END)


def _probability(log_odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-log_odds))


def strata_of(scores: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The strata of scores, int64 ``[n]``, from 0 for the lowest."""
    return np.searchsorted(np.asarray(edges, np.float32), np.asarray(scores, np.float32), "right")


def allocate(n: int, available: np.ndarray, spread: np.ndarray, taken: np.ndarray | None = None) -> np.ndarray:
    """How many windows of each stratum are drawn in all: Neyman's allocation, within bounds.

    It depends on no verdict: to look more where calls were found, and no more where none were, makes totals too low.

    Args:
        n: How many are to be drawn now.
        available: int ``[strata]``, how many can be drawn in all.
        spread: float ``[strata]``, windows × standard deviation of a verdict; three quarters of the effort follow it,
            the rest goes to all alike.
        taken: int ``[strata]``, how many were drawn before.

    Returns:
        int64 ``[strata]``: at least what was taken and, if there are so many, 3; in sum ``n`` more than was taken, or
        all.
    """
    available = np.asarray(available, np.int64)
    taken = np.zeros_like(available) if taken is None else np.minimum(taken, available)
    there = available > 0
    total = min(int(taken.sum()) + n, int(available.sum()))
    if not there.any():
        return available * 0
    spread = np.where(there, spread, 0.0)
    share = there / there.sum()
    if spread.sum() > 0:
        share = _EQUAL_SHARE * share + (1 - _EQUAL_SHARE) * spread / spread.sum()
    least = np.minimum(available, min(_LEAST, total // int(there.sum())))
    low = np.maximum(taken, least)
    if low.sum() > total:  # what was taken leaves too little for the least of the others
        low = taken
    wanted = _within(share, low, available, total)
    whole = np.floor(wanted).astype(np.int64)
    rest = np.argsort(-(wanted - whole), kind="stable")
    rest = rest[whole[rest] < available[rest]][: total - int(whole.sum())]
    whole[rest] += 1
    return whole


def _within(share: np.ndarray, low: np.ndarray, high: np.ndarray, total: int) -> np.ndarray:
    """Numbers in proportion to shares, but within bounds, that come to a total."""
    small, large = 0.0, 1.0
    while np.clip(large * share, low, high).sum() < total and large < 1e18:
        large *= 2
    for _ in range(200):
        middle = (small + large) / 2
        small, large = (middle, large) if np.clip(middle * share, low, high).sum() < total else (small, middle)
    return np.clip(small * share, low, high)
