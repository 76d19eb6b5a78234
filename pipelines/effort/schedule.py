"""Gaps in a recorder's schedule. The schedule is estimated from what was recorded: nobody has to write it down."""

from __future__ import annotations

import numpy as np

_SECOND_US = 1_000_000
_MINUTE_US = 60 * _SECOND_US
_DAY_US = 1440 * _MINUTE_US
_SLOTS_MIN = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 720, 1440)  # each divides the day
_NEIGHBOURS = 7  # days before and after one that tell what is usual then: the schedule may follow the sun
_FEWEST = 3  # of them
# Of few days, a longer pause may as well be the daytime of a recorder that listens at night.
_LONGEST_US = 6 * 60 * _MINUTE_US
_EDGE_US = 20 * _MINUTE_US
_LIKE = 0.05, 2 * _SECOND_US  # how far an interval may be off the usual one


def gaps_of(start_us: np.ndarray, length_us: np.ndarray) -> list[tuple[int, int]]:
    """When a recorder should have recorded and did not.

    Its day is divided into slots of about its usual interval. A slot is expected on a day if most of the 14 nearest
    days with recordings have one that begins in it; and days are expected as often as they usually follow one another.
    Where intervals are irregular, as of a recorder with a trigger, only whole days can be missing.

    Args:
        start_us: int64 ``[recordings]``: when each begins, µs; in any order.
        length_us: int64 ``[recordings]``: how long each is, µs.

    Returns:
        From when to when nothing was recorded, µs, for each pause in which something is missing, in order.
    """
    if len(start_us) < 3:
        return []
    order = np.argsort(start_us, kind="stable")
    starts = start_us[order].astype(np.int64)
    ends = np.maximum.accumulate(starts + length_us[order])
    intervals = np.diff(starts)
    usual = int(np.median(intervals))
    regular = np.mean(np.abs(intervals - usual) <= max(_LIKE[0] * usual, _LIKE[1])) >= 0.5
    slot = next((minutes * _MINUTE_US for minutes in _SLOTS_MIN if minutes * _MINUTE_US >= usual), _DAY_US)
    shift = _day_start(starts, slot)
    first = (starts[0] - shift) // _DAY_US * _DAY_US + shift
    slots = _DAY_US // slot
    days = int((starts[-1] - first) // _DAY_US) + 1
    recorded = _recorded(starts - first, length_us[order], slot, days * slots).reshape(days, slots)
    active = np.flatnonzero(recorded.any(axis=1))
    missing = [int(first + (day + 0.5) * _DAY_US) for day in _missing_days(active)]
    if regular and len(active) > _FEWEST:
        of_active = _missing_slots(recorded[active], int(_EDGE_US // slot))
        cells = active[of_active[0]] * slots + of_active[1]
        missing += [int(first + (cell + 0.5) * slot) for cell in cells]
    elif regular:
        late = (intervals > 1.5 * usual) & (intervals <= _LONGEST_US)
        missing += [int(at) for at in (ends[:-1] + starts[1:])[late] // 2]
    pauses = {int(np.searchsorted(starts, at, "right")) - 1 for at in missing}
    inside = sorted(i for i in pauses if 0 <= i < len(starts) - 1 and starts[i + 1] > ends[i])
    return [(int(ends[i]), int(starts[i + 1])) for i in inside]


def _day_start(starts: np.ndarray, slot: int) -> int:
    """When days begin, µs: in the quietest part of the day, and so that recordings begin a quarter into a slot."""
    angle = 2 * np.pi * (starts % slot) / slot
    usual = np.angle(np.mean(np.exp(1j * angle))) / (2 * np.pi) * slot
    phase = round(usual - slot / 4) % slot
    slots = _DAY_US // slot
    counts = np.bincount((starts - phase) // slot % slots, minlength=slots)
    width = max(1, slots // 4)
    around = np.array([counts[np.arange(at, at + width) % slots].sum() for at in range(slots)])
    return int((int(np.argmin(around)) + width // 2) % slots * slot + phase)


def _recorded(starts: np.ndarray, lengths: np.ndarray, slot: int, cells: int) -> np.ndarray:
    """bool ``[cells]``: in which slots a recording begins, or goes on for half of it."""
    first = starts // slot
    last = np.minimum(np.maximum(starts, starts + lengths - slot // 2) // slot, cells - 1)
    changes = np.zeros(cells + 1, np.int64)
    np.add.at(changes, first, 1)
    np.add.at(changes, last + 1, -1)
    return np.cumsum(changes)[:-1] > 0


def _missing_days(active: np.ndarray) -> list[float]:
    """The middles of the stretches of days that are longer than usual, days from the first one."""
    steps = np.diff(active)
    if not len(steps):
        return []
    longer = np.flatnonzero(steps > np.median(steps) * 1.5)
    return [float(active[i] + active[i + 1]) / 2 for i in longer]


def _missing_slots(recorded: np.ndarray, edge: int) -> tuple[np.ndarray, np.ndarray]:
    """Day and slot of each that is expected and was not recorded.

    Args:
        recorded: bool ``[days with recordings, slots]``.
        edge: So many slots at the ends of a stretch that is much longer are not expected: the sun may move them.
    """
    days = len(recorded)
    sums = np.concatenate([np.zeros((1, recorded.shape[1]), np.int64), np.cumsum(recorded, axis=0)])
    low = np.maximum(np.arange(days) - _NEIGHBOURS, 0)
    high = np.minimum(np.arange(days) + _NEIGHBOURS + 1, days)
    others = (high - low - 1)[:, None]
    share = (sums[high] - sums[low] - recorded) / np.maximum(others, 1)
    expected = (share > 0.5) & (others >= _FEWEST)
    if edge:
        long = _length_of_run(expected) > 4 * edge
        expected &= ~long | (np.roll(expected, edge, axis=1) & np.roll(expected, -edge, axis=1))
    cells = np.flatnonzero(recorded)
    within = np.arange(recorded.size).reshape(recorded.shape)
    day, slot = np.nonzero(expected & ~recorded & (within > cells[0]) & (within < cells[-1]))
    return day, slot


def _length_of_run(flags: np.ndarray) -> np.ndarray:
    """int64 ``[days, slots]``: how many neighbouring slots of the day are like each."""
    changes = np.ones(flags.shape, bool)
    changes[:, 1:] = flags[:, 1:] != flags[:, :-1]
    run = np.cumsum(changes) - 1
    return np.bincount(run)[run].reshape(flags.shape)
