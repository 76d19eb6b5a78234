"""Finds out without Beam that a scan has nothing to do, as most nights on one machine.

Importing Beam and running a pipeline take four times as much processor time as all else in a scan of few files.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence

from soundbeam.model.storage.files import is_local
from soundbeam.transforms.listing.ledger import Done, DoneRow, is_done, read_done, superseded
from soundbeam.transforms.listing.left_out import Told
from soundbeam.transforms.listing.patterns import list_recordings, roots_of
from soundbeam.transforms.records import DELETED, recording_of


@dataclasses.dataclass(frozen=True)
class Unchanged:
    """A listing of which everything was scanned before.

    Attributes:
        files: How many files were listed.
        told: What the listing tells beside them.
    """

    files: int
    told: Told


def find_unchanged(patterns: Sequence[str], ledger: Sequence[tuple[int, str]], retry_failed: bool) -> Unchanged | None:
    """Compares a listing with the ledger.

    Args:
        patterns: The patterns of the recordings.
        ledger: (age, URL) of each shard of the table ``recordings``, in the order of their age.
        retry_failed: Whether files that failed or are partial are scanned again.

    Returns:
        None where the pipeline has something to do: a file is new, changed, gone or to be retried; or nothing is
        listed; or a file cannot be read here, which the pipeline reports. It stops at the first such file. Also None
        where a pattern or a shard is on a store, because the pipeline would list or read it a second time.
    """
    places = [*(pattern.removeprefix("@") for pattern in patterns), *(url for _, url in ledger)]
    if not ledger or not all(map(is_local, places)):
        return None
    try:
        return _compare(patterns, ledger, retry_failed)
    except Exception:  # a disk may answer anything; the pipeline meets it again, and says which file it was
        return None


def _compare(patterns: Sequence[str], ledger: Sequence[tuple[int, str]], retry_failed: bool) -> Unchanged | None:
    newest: dict[str, DoneRow] = {}
    for shard in ledger:
        newest.update(read_done(shard))
    listed = set[str]()
    numbers: collections.Counter[str] = collections.Counter()
    for pattern in patterns:
        told = Told()
        for row in list_recordings(pattern, told):
            uri = recording_of(row).uri
            if uri not in newest or not is_done(row, Done.of_row(newest[uri]), retry_failed):
                return None
            listed.add(uri)
        numbers.update(dict(told.numbers()))
    roots = roots_of(patterns)
    for uri in newest.keys() - listed:
        done = Done.of_row(newest[uri])
        if done.stage != DELETED and superseded(uri, done, roots):
            return None
    return Unchanged(len(listed), Told.from_numbers(numbers)) if listed else None
