"""How many files a scan handled, counted by the pipeline itself: a runner may report no counters, or retries twice."""

from __future__ import annotations

import dataclasses

import apache_beam as beam

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.listing.chosen_times import NOT_CHOSEN, REASONS
from soundbeam.transforms.listing.left_out import Told
from soundbeam.transforms.records import DELETED, LISTED_AGAIN, RENAMED, Recording, Unscannable
from soundbeam.transforms.tables.schemas import Shard


def kind_of(row: Recording | Unscannable) -> str:
    """``gone`` for a scanned file that is no longer there, ``renamed`` for a former name, ``again``, or ``taken``."""
    if not (isinstance(row, Unscannable) and row.stage == DELETED):
        return "taken"
    if row.error == LISTED_AGAIN:
        return "again"
    return "renamed" if row.error.startswith(RENAMED) else "gone"


@dataclasses.dataclass
class CountFiles(beam.PTransform):
    """Counts files at points of the graph: ``{name: (PCollection, …)}`` → ``("name kind", number)``; see `kind_of`.

    Numbers that would be zero are left out.

    Args:
        others: Other (name, number) pairs to add up. Each shuffle of its own would take memory on a cluster.
    """

    others: beam.PCollection[tuple[str, int]] | None = None

    def expand(self, collections_at: dict[str, tuple[beam.PCollection, ...]]) -> beam.PCollection[tuple[str, int]]:
        """Adds the steps to the graph."""
        names: dict[beam.PCollection, list[str]] = {}  # two points with no step between them are one collection
        for name, collections in collections_at.items():
            for rows in collections:
                names.setdefault(rows, []).append(name)
        ones = [
            rows | f"Note_{i}_{'_'.join(points)}" >> beam.FlatMap(_ones, points).with_output_types(tuple[str, int])
            for i, (rows, points) in enumerate(names.items())
        ]
        if self.others is not None:
            ones.append(self.others)
        return ones | "AllNoted" >> beam.Flatten() | "AddUp" >> beam.CombinePerKey(sum)


def _ones(row: Recording | Unscannable, names: list[str]) -> list[tuple[str, int]]:
    return [(f"{name} {kind_of(row)}", 1) for name in names]


@dataclasses.dataclass(frozen=True)
class FileCounts:
    """How many files a scan handled, as the pipeline counted them.

    Attributes:
        listed: Files listed.
        done_before: Of those, files scanned in earlier runs and left alone.
        not_chosen: Why → how many of those were left out because of the time at which they begin.
        gone: Files that were scanned before and no longer exist.
        renamed: Names under which files were scanned before that have other names now.
        rows: Files that must have a row in the table ``recordings``.
        lost: Files that were neither left out nor kept.
        told: What the listing tells beside its rows.
    """

    listed: int
    done_before: int
    not_chosen: dict[str, int]
    gone: int
    renamed: int
    rows: int
    lost: int = 0
    told: Told = dataclasses.field(default_factory=Told)

    @classmethod
    def from_points(cls, numbers: dict[str, int]) -> FileCounts:
        """The counts that follow from the numbers of `CountFiles` and of `Told`."""
        listed, new, kept = (numbers.get(f"{name} taken", 0) for name in ("listed", "new", "kept"))
        gone, renamed = numbers.get("kept gone", 0), numbers.get("kept renamed", 0)
        rows = kept + gone + renamed + numbers.get("kept again", 0)
        reasons = {why: n for why in REASONS if (n := numbers.get(f"{NOT_CHOSEN}{why}", 0))}
        lost = new - kept - sum(reasons.values())
        return cls(listed, listed - new, reasons, gone, renamed, rows, lost, Told.from_numbers(numbers))

    def check_rows(self, shards: list[Shard]) -> None:
        """Raises SoundbeamError unless every file has exactly one row: a runner lost or doubled something."""
        rows = sum(shard.rows for shard in shards if shard.table == "recordings")
        if rows != self.rows or self.lost:
            raise SoundbeamError(
                f"{self.rows + self.lost} files were to be scanned and {rows} rows came out: the runner lost or "
                "doubled work, so nothing of this run counts; scan again"
            )
