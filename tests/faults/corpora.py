"""Small corpora that change, and what the tables must say of them."""

import json
import os
from pathlib import Path

import numpy as np
import soundfile

from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.results import read
from tests.placeholder import RATE, with_tones

TABLES = ("predictions", "calls", "counts", "recordings")


class Corpus:
    """A folder of recordings, each with a modification time of its own."""

    def __init__(self, folder):
        self.folder, self.clock = Path(folder), 1_700_000_000
        self.folder.mkdir(parents=True, exist_ok=True)

    def write(self, name, seconds=3.2, at=(1.0,), seed=0):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".new-{path.name}")
        soundfile.write(new, with_tones(seconds, at, seed=seed), RATE, format="FLAC" if ".flac" in name else "WAV")
        self.clock += 10
        os.utime(new, (self.clock, self.clock))
        new.replace(path)

    def remove(self, name):
        (self.folder / name).unlink()


def rows(output, table):
    """A table's current rows without the run, in an order of their own; scores to 5 digits."""
    found = []
    for row in read(str(output), table).to_pylist():
        row.pop("run")
        found.append({k: _rounded(v) for k, v in row.items()})
    return sorted(found, key=lambda row: json.dumps(row, default=str))


def _rounded(value):
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return float(np.round(value, 5)) if isinstance(value, float) else value


def tables(output):
    """All current rows; no row twice."""
    found = {table: rows(output, table) for table in TABLES}
    uris = [row["recording"] for row in found["recordings"]]
    assert len(uris) == len(set(uris)), "a recording has two rows"
    windows = [(row["recording"], row["start_s"]) for row in found["predictions"]]
    assert len(windows) == len(set(windows)), "a window has two rows"
    assert len(windows) == sum(row["windows"] for row in found["recordings"])
    return found


def runs(output):
    """The names of the committed runs, by age."""
    return [info.run for info in Output(str(output)).runs()]


def left_over(output):
    """What is in the output that no reader reads: it must be empty after a scan that ended well."""
    output = Path(output)
    committed = {f"run={run}" for run in runs(output)}
    staged = [p.name for p in (output / "_staging").iterdir() if p.name != "lock"]
    orphans = [p for t in TABLES for p in (output / t).iterdir() if p.name not in committed]
    return staged + orphans + list(output.rglob("*.tmp"))
