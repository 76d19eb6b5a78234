"""Compares what starting costs with an earlier version of soundbeam: short scans, a scan with nothing new, a label.

    python benchmarks/start.py --before REF [--rounds N]

The earlier version is checked out beside this one (``git worktree``) and run in the same environment, so its
dependencies must be installed there. The two take turns, this one first in one round and last in the next. Each turn
starts a program as a user does, in a new process. Before the rounds, a turn that does not count fills the caches of
the disk and of Python. The table shows ratios of this version to the earlier one, each taken within a round: the
median, and in brackets the lowest and the highest. Processor time is that of all processes together, memory the most
that one of them holds. Networks have random weights, which do not change their speed; each version writes its own
bundle.
"""

from __future__ import annotations

import argparse
import array
import contextlib
import dataclasses
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("model", "pipelines", "transforms")
RATE = 44100
# Case → the ratio of processor time that is aimed at.
AIMS = {"a scan of 2 minutes of sound": 0.4, "a second scan, nothing new": 0.5, "label, one clip": 0.4, "--help": None}
_SAVE = "import sys; sys.path.insert(0, sys.argv[1]); from nightly import save_random_bundle as s; s(sys.argv[2])"


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a run of a program cost: processor seconds, seconds, and megabytes of its largest process."""

    cpu: float
    wall: float
    memory: float


@dataclasses.dataclass
class Version:
    """A checkout of soundbeam, and a folder for what it needs and writes.

    Before there was the import name ``soundbeam``, the three folders were packages themselves.
    """

    tree: Path
    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self._prefix, self._path = "", self.tree
        if (self.tree / "soundbeam").is_dir():
            self._prefix, self._path = "soundbeam.", self.folder / "path"
            # As the package is installed. Else the rooms would be those of what is installed in this environment.
            package = self._path / "soundbeam"
            package.mkdir(parents=True)
            for path in (*(self.tree / "soundbeam").iterdir(), *(self.tree / room for room in ROOMS)):
                (package / path.name).symlink_to(path)
        self.run("-c", _SAVE, str(self.tree / "benchmarks"), str(self.folder / "bundle"))

    def run(self, *arguments: str) -> Cost:
        """Runs this Python with this version's modules."""
        environment = {**os.environ, "PYTHONPATH": str(self._path), "TF_CPP_MIN_LOG_LEVEL": "3"}
        with open(self.folder / "log", "w+", encoding="utf-8") as log:
            start = time.perf_counter()
            command = [sys.executable, *arguments]
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=self.folder)
            _, status, usage = os.wait4(process.pid, 0)  # of the process and of those that it waited for
            wall = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            if status:
                log.seek(0)
                raise SystemExit(f"{' '.join(command)} failed in {self.tree}:\n{log.read()}")
        return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)

    def program(self, name: str, *arguments: str) -> Cost:
        """Runs a program."""
        return self.run("-m", f"{self._prefix}pipelines.{name}", *arguments)

    def turn(self, recording: str, clip: str) -> dict[str, Cost]:
        """What each case costs."""
        bundle = ["--classifier", str(self.folder / "bundle")]
        with tempfile.TemporaryDirectory(dir=self.folder) as output:
            scan = ["--recordings", recording, *bundle, "--output", output]
            costs = [self.program("scan", *scan), self.program("scan", *scan)]
        costs += [self.program("label", clip, *bundle), self.program("cli", "--help")]
        return dict(zip(AIMS, costs, strict=True))


def make_recording(path: Path, seconds: float) -> str:
    """Writes noise, 44.1 kHz, one channel. Without NumPy: its memory would be counted for each process started here."""
    rng = random.Random(0)
    noise = array.array("h", (rng.randrange(-2000, 2000) for _ in range(round(seconds * RATE))))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(noise.tobytes())
    return str(path)


@contextlib.contextmanager
def checkout(ref: str, folder: Path) -> Iterator[Path]:
    """A worktree of a commit, which is removed afterwards."""
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(folder), ref], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def median_and_range(values: list[float]) -> str:
    """A median, and the lowest and the highest value in brackets."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main() -> int:
    """Runs the program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, metavar="REF", help="the commit to compare with")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"python benchmarks/start.py {' '.join(sys.argv[1:])}; {len(os.sched_getaffinity(0))} cores", flush=True)
    with tempfile.TemporaryDirectory() as name, checkout(options.before, Path(name) / "tree") as tree:
        folder = Path(name)
        sound = make_recording(folder / "20240131_053000.wav", 120), make_recording(folder / "clip.wav", 3)
        versions = [Version(ROOT, folder / "now"), Version(tree, folder / "before")]
        rounds: list[list[dict[str, Cost]]] = []
        for i in range(-1, options.rounds):  # the first one warms up
            order = versions if i % 2 else versions[::-1]
            costs = {version.tree: version.turn(*sound) for version in order}
            rounds.append([costs[version.tree] for version in versions])
    for case, aim in AIMS.items():
        print(case)
        for what, unit in (("cpu", "processor time"), ("wall", "time"), ("memory", "memory")):
            ratios = [getattr(now[case], what) / getattr(before[case], what) for now, before in rounds[1:]]
            aimed = f" (wanted: {aim})" if what == "cpu" and aim else ""
            print(f"  {median_and_range(ratios):<24} of the {unit}{aimed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
