"""Several decoding processes: every task once, whole and in order within itself, whatever breaks."""

import collections

import pytest

from soundbeam.transforms.isolation.isolated_process import MEMORY_BYTES, IsolatedTask
from soundbeam.transforms.isolation.pool import Ended, Pool
from tests.transforms.isolation import isolated_tasks as work

PATIENCE_S = 20.0


@pytest.fixture
def pool():
    pool = Pool(3, MEMORY_BYTES)
    yield pool
    pool.close()


def finished(pool, tasks):
    """The results of each task, by its key, and how it ended."""
    results, ends = collections.defaultdict(list), {}
    while len(ends) < tasks:
        key, result = pool.take()
        assert key not in ends
        if isinstance(result, Ended):
            ends[key] = result
        else:
            results[key].append(result)
    return results, ends


def test_each_task_is_done_once_in_order_and_counted(pool):
    for n in range(40):
        pool.start(n, IsolatedTask(work.squares, (n, 1000), PATIENCE_S))
    results, ends = finished(pool, 40)
    for n in range(40):
        assert [r[0] for r in results[n]] == [i * i for i in range(n)]
        assert ends[n] == Ended({"squares": n} if n else {})
    assert not pool.ready()


def test_a_crash_costs_its_own_task_only(pool):
    for n in range(12):
        pool.start(
            n,
            IsolatedTask(work.crash, (2, "segv"), PATIENCE_S)
            if n % 4 == 1
            else IsolatedTask(work.squares, (3,), PATIENCE_S),
        )
    results, ends = finished(pool, 12)
    for n in range(12):
        assert len(results[n]) == (2 if n % 4 == 1 else 3)
        assert (ends[n].broken.cause if ends[n].broken else None) == ("crash" if n % 4 == 1 else None)


def test_a_short_task_does_not_wait_behind_a_long_one(pool):
    pool.start("long", IsolatedTask(work.hang, (1, "sleep"), 1000.0))
    for n in range(20):
        pool.start(n, IsolatedTask(work.squares, (1,), PATIENCE_S))
    ended = set()
    while len(ended) < 20:
        key, result = pool.take()
        ended |= {key} if isinstance(result, Ended) else set()
    assert ended == set(range(20))


def test_what_was_dropped_does_not_come_back(pool):
    for n in range(10):
        pool.start(n, IsolatedTask(work.squares, (5, 1000), PATIENCE_S))
    pool.take()
    pool.forget()
    pool.start("new", IsolatedTask(work.squares, (2,), PATIENCE_S))
    results, _ = finished(pool, 1)
    assert list(results) == ["new"]
