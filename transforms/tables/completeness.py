"""How many files a scan met, as the pipeline itself counts: a runner may tell no counters, or count a retry twice."""

from __future__ import annotations

import dataclasses

import apache_beam as beam

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.records import DELETED, Recording, Unscannable
from soundbeam.transforms.tables.schemas import Shard


def kind_of(row: Recording | Unscannable) -> str:
    """``gone`` for a file that was scanned before and is not there any more, else ``taken``."""
    return "gone" if isinstance(row, Unscannable) and row.stage == DELETED else "taken"


@dataclasses.dataclass
class Tally(beam.PTransform):
    """Counts files at points of the graph: ``{name: (PCollection, …)}`` → ``("name taken" or "name gone", number)``.

    What was not met is left out.
    """

    def expand(self, points: dict[str, tuple[beam.PCollection, ...]]) -> beam.PCollection[tuple[str, int]]:
        """Adds the steps to the graph."""
        names: dict[beam.PCollection, list[str]] = {}  # where nothing lies between two points they are one collection
        for name, collections in points.items():
            for rows in collections:
                names.setdefault(rows, []).append(name)
        noted = [
            rows | f"Note_{i}_{'_'.join(of)}" >> beam.FlatMap(_noted, of).with_output_types(tuple[str, int])
            for i, (rows, of) in enumerate(names.items())
        ]
        return noted | "AllNoted" >> beam.Flatten() | "AddUp" >> beam.CombinePerKey(sum)


def _noted(row: Recording | Unscannable, names: list[str]) -> list[tuple[str, int]]:
    return [(f"{name} {kind_of(row)}", 1) for name in names]


@dataclasses.dataclass(frozen=True)
class Met:
    """How many files a scan met, by the pipeline's own tally.

    Attributes:
        listed: Files listed.
        done_before: Of those, scanned in earlier runs and left alone.
        before_since: Of those, left out because they are from before ``--since``.
        gone: Files that were scanned before and are not there any more.
        rows: Files that must have a row in the table ``recordings``.
    """

    listed: int
    done_before: int
    before_since: int
    gone: int
    rows: int

    @classmethod
    def of(cls, tally: dict[str, int]) -> Met:
        """From what `Tally` counted."""
        listed, new, kept = (tally.get(f"{name} taken", 0) for name in ("listed", "new", "kept"))
        gone = tally.get("kept gone", 0)
        return cls(listed, listed - new, new - kept, gone, kept + gone)

    def check(self, shards: list[Shard]) -> None:
        """Raises SoundbeamError where not every file has exactly one row: a runner lost or doubled something."""
        rows = sum(shard.rows for shard in shards if shard.table == "recordings")
        if rows != self.rows:
            raise SoundbeamError(
                f"{self.rows} files were to be scanned and {rows} rows came out: the runner lost or doubled work, so "
                "nothing of this run counts; scan again"
            )
