"""What is to be embedded, and how."""

from __future__ import annotations

import dataclasses

from soundbeam.pipelines.scan.request import Listening
from soundbeam.transforms.tables.schemas import EMBED_TABLES


@dataclasses.dataclass(frozen=True)
class Embed(Listening):
    """What to embed, and how; the attributes are those of `Listening`."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables to write."""
        return EMBED_TABLES
