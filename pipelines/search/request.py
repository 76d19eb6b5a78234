"""What is to be searched for, and where."""

from __future__ import annotations

import dataclasses

from soundbeam.model.errors import OptionError


@dataclasses.dataclass(frozen=True)
class Search:
    """What to search for, and where.

    Attributes:
        embeddings: URL of the output folder of `soundbeam embed` or of a scan with embeddings.
        query: Clips: files, globs or folders, or parts of files.
        top: How many windows to find.
        per_recording: How many at most of one recording.
        classifier: URL of the bundle that made the embeddings; None: where it was then.
        clips: URL of a new folder for the sound of the windows found; None: none is written.

    Raises:
        OptionError: A number is not above zero, or there is no query.
    """

    embeddings: str
    query: list[str]
    top: int = 100
    per_recording: int = 2
    classifier: str | None = None
    clips: str | None = None

    def __post_init__(self) -> None:
        for name in ("top", "per_recording"):
            value = getattr(self, name)
            if not (isinstance(value, int) and value > 0):
                raise OptionError(f"{name} {value} is not a whole number above zero")
        if not self.query:
            raise OptionError("query: no clip; give at least one")
