"""Scans in processes of their own, and whether two of them gave the same rows."""

import csv
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import soundfile

from soundbeam.pipelines.results import read
from tests import ROOT
from tests.placeholder import RATE, with_tones

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHON": sys.executable}
# What a cluster may take for a small scan, on a machine that is busy, seconds.
PATIENCE_S = 300


def synthesize(folder, recordings):
    """Recordings of several lengths and formats, with up to two calls each, and three that cannot be scanned."""
    for i in range(recordings):
        sound = with_tones(9.3 + 3 * i, [2.0, 5.25][: i % 3], seed=i)
        soundfile.write(folder / f"r{i:02}.{'wav' if i % 2 else 'flac'}", sound, RATE)
    (folder / "text.wav").write_text("no sound " * 50)
    (folder / "empty.wav").write_bytes(b"")
    (folder / ".hidden.wav").write_bytes((folder / "r00.flac").read_bytes())
    return folder


def start(*arguments, command=(sys.executable, "-m", "soundbeam.pipelines.scan")):
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=ROOT,
        # A shell starts what goes on behind it with interrupts ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def run(*arguments, **how):
    """(exit code, what was said, errors) of a scan."""
    process = start(*arguments, **how)
    said, errors = process.communicate(timeout=PATIENCE_S)
    return process.returncode, said, [line for line in errors.splitlines() if "error:" in line]


def cluster_script(path, *arguments):
    """(exit code, everything that the script says)."""
    done = subprocess.run(
        [path, *arguments], capture_output=True, text=True, env=ENVIRONMENT, cwd=ROOT, timeout=2 * PATIENCE_S
    )
    return done.returncode, done.stdout + done.stderr


def assert_same_rows(one, other):
    """Whether two outputs hold the same rows: scores to 1e-5, everything else equal."""
    for table in ("predictions", "calls", "counts", "recordings"):
        key = lambda r: (r["recording"], r.get("start_s") or 0, r.get("label") or "")  # noqa: E731
        expected, found = (sorted(read(str(output), table).to_pylist(), key=key) for output in (one, other))
        changing = {"run": None, "score": None}
        assert [{**r, **changing} for r in found] == [{**r, **changing} for r in expected], table
        if expected and "score" in expected[0]:
            np.testing.assert_allclose([r["score"] for r in found], [r["score"] for r in expected], atol=1e-5)


def assert_same_search(bundle, recordings, query, folder, **on_cluster):
    """Whether embeddings taken and searched on a cluster are those of this machine.

    Args:
        bundle: URL of a classifier.
        recordings: The folder of the recordings.
        query: A clip.
        folder: An empty folder to write into.
        on_cluster: program → how `run` starts it there: ``embed``, ``search``.
    """
    for name in ("here", "there"):
        for program, arguments in (
            ("embed", ("--recordings", recordings, "--classifier", bundle, "--output", folder / name)),
            ("search", ("--embeddings", folder / name, "--query", query, "--csv", folder / f"{name}.csv")),
        ):
            here = {"command": (sys.executable, "-m", f"soundbeam.pipelines.{program}")}
            options, how = on_cluster[program] if name == "there" else ((), here)
            code, _, errors = run(*arguments, *options, **how)
            assert (code, errors) == (0, []), (name, program)
    key = lambda r: (r["recording"], r["start_s"])  # noqa: E731
    here, there = (sorted(read(str(folder / n), "embeddings").to_pylist(), key=key) for n in ("here", "there"))
    assert list(map(key, here)) == list(map(key, there)) and here
    np.testing.assert_allclose([r["embedding"] for r in there], [r["embedding"] for r in here], rtol=1e-5, atol=1e-5)
    tables = [list(csv.DictReader((folder / f"{name}.csv").read_text().splitlines())) for name in ("here", "there")]
    cosines = [[float(row.pop("similarity")) for row in table] for table in tables]
    np.testing.assert_allclose(*cosines, atol=1e-5)
    assert len(tables[0]) == len(tables[1]) > 10
    assert not (folder / "there" / "_search").exists()


def figures(said):
    """A scan's summary without what names the run or its speed."""
    return [line for line in said.splitlines() if not re.match(r"tables:|[\d.]+ s, |scans? |for the runner", line)]


def processes(words):
    """Ids of the processes whose command lines hold all of the words."""
    found = []
    command = ["ps", "-ww", "-eo", "pid=,stat=,args="]  # wide: ps cuts lines to $COLUMNS
    for line in subprocess.run(command, capture_output=True, text=True).stdout.splitlines():
        pid, stat, words_of_it = line.split(None, 2)
        if "Z" not in stat and all(word in words_of_it for word in words):
            found.append(int(pid))
    return found


def children(pid):
    """Ids of all processes under one."""
    out = subprocess.run(["ps", "-eo", "pid=,ppid=,stat="], capture_output=True, text=True).stdout
    rows = [line.split() for line in out.splitlines()]
    below = {pid}
    for _ in rows:
        more = {int(p) for p, parent, stat in rows if int(parent) in below and "Z" not in stat} | below
        if more == below:
            break
        below = more
    return below - {pid}


def alive(pids):
    """Those of the processes that are there and have not ended."""
    found = subprocess.run(["ps", "-eo", "pid=,stat="], capture_output=True, text=True).stdout.split("\n")
    there = {int(line.split()[0]) for line in found if line and "Z" not in line.split()[1]}
    return set(pids) & there


def wait_for(condition, what, seconds=PATIENCE_S):
    """What the condition gives once it gives something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what} did not come in {seconds} s")
