"""Work in another process: its results and counters, and what its crash, hang or hunger costs."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from soundbeam.transforms.counters import collected_counts
from soundbeam.transforms.isolation import isolated_process as isolation
from soundbeam.transforms.isolation.isolated_process import IsolatedProcess, IsolatedTask, TaskFailed
from tests import ROOT
from tests.transforms.isolation import isolated_tasks as work

PATIENCE_S = 60.0


@pytest.fixture
def isolated():
    found = IsolatedProcess(memory=1 << 30)
    yield found
    found.close()


def start(isolated, function, *arguments, patience_s=PATIENCE_S):
    isolated.start(IsolatedTask(function, arguments, patience_s))


def take(isolated):
    """(results, the TaskFailed that ended them or None)."""
    results = []
    try:
        for result in isolated.take():
            results.append(result)
    except TaskFailed as broken:
        return results, broken
    return results, None


def pid_of(isolated):
    start(isolated, work.own_pid)
    return take(isolated)[0][0]


def test_results_come_in_order_whole_and_counted(isolated):
    for n in (3, 0, 40):
        start(isolated, work.squares, n, 300_000)  # 48 MB in all: more than may wait
    with collected_counts() as counts:
        for n in (3, 0, 40):
            results, broken = take(isolated)
            assert broken is None and [float(r[0]) for r in results] == [i * i for i in range(n)]
            assert all(r.dtype == np.float32 and r.shape == (300_000,) and np.ptp(r) == 0 for r in results)
            assert all(r.flags.writeable for r in results)
    assert counts["squares"] == 43


@pytest.mark.parametrize(
    ("how", "words"), [("segv", "segmentation fault"), ("abort", "abort"), ("exit", "exit code 3"), ("kill", "killed")]
)
def test_a_crash_costs_its_own_task_only(isolated, how, words):
    start(isolated, work.squares, 2)
    start(isolated, work.crash, 2, how)
    start(isolated, work.squares, 3)
    assert len(take(isolated)[0]) == 2
    results, broken = take(isolated)
    assert results == [0, 1] and words in broken.reason and "\n" not in broken.reason
    assert len(take(isolated)[0]) == 3


def test_a_task_that_an_earlier_ones_damage_hits_is_done_again_without_doubled_results(isolated, tmp_path):
    start(isolated, work.squares, 1)
    start(isolated, work.crash, 2, "abort", str(tmp_path / "marker"))
    take(isolated)
    assert take(isolated) == ([0, 1, "survived"], None)


@pytest.mark.parametrize("how", ["sleep", "spin", "lock"])
def test_a_hang_is_ended_and_the_next_task_done(isolated, how):
    start(isolated, work.hang, 2, how, patience_s=2.0)
    start(isolated, work.squares, 1)
    results, broken = take(isolated)
    assert results == [0, 1] and broken.cause == "hang" and "without an end" in broken.reason
    assert len(take(isolated)[0]) == 1


def test_memory_is_bounded_and_the_next_task_done(isolated):
    start(isolated, work.hoard, 3 << 30)
    start(isolated, work.hoard, 1 << 20)
    _, broken = take(isolated)
    assert broken.cause == "memory" and "GB of memory" in broken.reason
    assert take(isolated)[1] is None


def test_a_process_that_has_grown_is_replaced(isolated):
    before = pid_of(isolated)
    start(isolated, work.leave_behind, 600 << 20)
    start(isolated, work.own_pid)
    assert take(isolated) == (["left"], None)
    assert take(isolated)[0] != [before]


def test_an_exception_is_one_line_and_the_process_goes_on(isolated):
    before = pid_of(isolated)
    start(isolated, work.mistake)
    results, broken = take(isolated)
    assert results == [1] and "two lines" in broken.reason
    assert pid_of(isolated) == before


def test_a_process_is_kept_for_the_next_who_needs_one_unless_it_is_at_work(isolated):
    before = pid_of(isolated)
    isolated.close()
    assert pid_of(isolated) == before
    start(isolated, work.hang, 0)
    isolated.forget()
    assert pid_of(isolated) != before


def test_a_process_with_another_limit_is_neither_used_nor_ended(isolated):
    before = pid_of(isolated)
    isolated.close()
    other = IsolatedProcess(memory=3 << 29)
    assert pid_of(other) != before
    assert _alive(before)
    other.close()
    assert pid_of(isolated) == before


def test_no_more_processes_are_kept_than_cores_can_use(isolated):
    first = pid_of(isolated)
    others = [IsolatedProcess(memory=1 << 30) for _ in range(isolation._MOST_IDLE)]
    pids = [pid_of(other) for other in others]
    for each in (isolated, *others):
        each.close()
    assert [_alive(pid) for pid in (first, *pids)] == [False] + [True] * len(pids)


def test_threads_have_a_process_each():
    pids, barrier = [], threading.Barrier(3)

    def run():
        own = IsolatedProcess(memory=1 << 30)
        barrier.wait(60)
        start(own, work.own_pid)
        pids.append(take(own)[0][0])
        barrier.wait(60)
        own.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(pids)) == 3


@pytest.mark.parametrize("how", ["sleep", "spin", "lock"])
def test_no_process_outlives_a_killed_parent(how):
    code = (
        "from tests.transforms.isolation import isolated_tasks as work\n"
        "from soundbeam.transforms.isolation.isolated_process import IsolatedProcess, IsolatedTask\n"
        "i = IsolatedProcess()\ni.start(IsolatedTask(work.own_pid, (), 60))\nprint(*i.take(), flush=True)\n"
        f"i.start(IsolatedTask(work.hang, (1, {how!r}), 600))\nfor x in i.take(): print(x, flush=True)\n"
    )
    path = str(ROOT)
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    child = int(parent.stdout.readline())
    assert parent.stdout.readline() == "0\n"
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 60
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(child)


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
