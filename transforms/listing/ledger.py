"""The ledger: what the table ``recordings`` says of each file, and whether that is still so.

Nothing here needs Beam.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from soundbeam.model.storage.files import place_of
from soundbeam.model.storage.parquet import open_parquet, read_rows
from soundbeam.model.storage.place import Unreadable, has_wildcard
from soundbeam.transforms.records import DELETED, LISTED_AGAIN, Recording, Stage, Status, Unscannable, recording_of


@dataclasses.dataclass(frozen=True)
class Done:
    """How a file ended in an earlier scan.

    Attributes:
        age: Which scan the row comes from; 0 is the oldest.
        bytes, version: The size and version of the file at that time.
        status, stage: As in the table ``recordings``.
        content: As in the table ``recordings``; "" if unknown.
    """

    age: int
    bytes: int
    version: str
    status: Status
    stage: Stage
    content: str = ""

    @classmethod
    def of_row(cls, row: DoneRow) -> Done:
        """From its values, as `read_done` yields them."""
        return cls(*row)  # type: ignore[arg-type]  # what was written as a status is one


_COLUMNS = ("recording", "bytes", "version", "status", "stage", "content")
# The values of a Done, as they cross the shuffle: plain values are encoded several times as fast as an object.
DoneRow = tuple[int, int, str, str, str, str]
_BATCH = 1 << 16  # how many rows become Python's objects at once


def read_done(shard: tuple[int, str]) -> Iterator[tuple[str, DoneRow]]:
    """The rows of one shard, (age, URL), of the table ``recordings``: the URI and the values of a Done, each."""
    age, url = shard
    place, path = place_of(url)
    with open_parquet(place.fs, path) as parquet:
        # Earlier versions have no content.
        names = [name for name in _COLUMNS if name in parquet.schema_arrow.names]
        for group in range(parquet.num_row_groups):
            for batch in read_rows(parquet, names, group).to_batches(_BATCH):
                columns = [batch.column(name).to_pylist() for name in names]
                columns += [[""] * len(batch)] * (len(_COLUMNS) - len(names))
                for uri, size, version, status, stage, content in zip(*columns, strict=True):
                    yield uri, (age, size, version or "", status, stage or "", content or "")


def is_done(listed: Recording | Unscannable, done: Done, retry_failed: bool) -> bool:
    """Whether a file can be skipped: it is unchanged, and it was scanned or is not to be retried.

    It is always retried if the reason lay in the place: it could not be listed or read, and now it is listed.
    """
    recording = recording_of(listed)
    if (recording.bytes, recording.version) != (done.bytes, done.version) or done.stage == DELETED:
        return False
    if isinstance(listed, Unscannable):
        return done.status == "ok" or (done.status == listed.status and not retry_failed)
    retry = retry_failed or done.stage in ("list", "read")
    return done.status == "ok" or (done.status in ("partial", "failed") and not retry)


def was_deleted(uri: str) -> bool:
    """Whether a file certainly no longer exists. A store that does not answer, or refuses, proves nothing."""
    try:
        place, path = place_of(uri)
        place.fs.info(path)
    except FileNotFoundError:
        return True
    except Exception:  # stores have many error classes of their own
        return False
    return False


def can_be_listed(uri: str) -> bool:
    """Whether there is a folder of this name, or a glob with matches, that can be read."""
    try:
        place, path = place_of(uri)
        try:
            entries = place.entries(path) if place.fs.info(path).get("type") == "directory" else iter(())
            return not isinstance(next(entries, None), Unreadable) and place.fs.isdir(path)
        except FileNotFoundError:
            return has_wildcard(path) and not isinstance(next(place.glob(path)[1], Unreadable("", "")), Unreadable)
    except Exception:  # stores have many error classes of their own
        return False


def superseded(uri: str, done: Done, roots: tuple[str, ...]) -> Unscannable | None:
    """The row that supersedes those of a file which is not listed any more; None where they remain.

    They remain if the file may be there: only what lies under one of ``roots`` and is certainly gone is superseded, and
    a folder, list or pattern that could not be read and now can be.
    """
    recording = Recording(uri, 0, "")
    if done.stage == "list" and done.status == "failed" and (uri in roots or can_be_listed(uri)):
        return Unscannable(recording, "skipped", DELETED, LISTED_AGAIN)
    if uri.startswith(tuple(root for root in roots if root.endswith("/"))) and was_deleted(uri):
        return Unscannable(recording, "skipped", DELETED, "no longer there: deleted or moved since it was scanned")
    return None
