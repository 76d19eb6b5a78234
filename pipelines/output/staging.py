"""What a run stages before it is committed."""

from __future__ import annotations

import dataclasses

from soundbeam.transforms.tables.schemas import Shard


@dataclasses.dataclass(frozen=True)
class Abandoned:
    """A run that died before it was committed.

    Attributes:
        run: Its name.
        shards: What its checkpoints name: whole recordings' rows, each recording's once.
    """

    run: str
    shards: tuple[Shard, ...]
