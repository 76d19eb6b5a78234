"""A recording as a scan saw it, and whether it is still the same file."""

from __future__ import annotations

import dataclasses

from soundbeam.model.storage.content import content_hash
from soundbeam.model.storage.files import state_of
from soundbeam.model.storage.stores import one_line


@dataclasses.dataclass(frozen=True)
class ScannedFile:
    """A recording as the scan saw it.

    Attributes:
        uri: Its name.
        rate: Its own samples per second; None where the scan could not tell.
        bytes, version, content: Of the file that was scanned; "" or 0 where it was not recorded.
    """

    uri: str
    rate: int | None
    bytes: int = 0
    version: str = ""
    content: str = ""


def why_not_same(file: ScannedFile) -> str:
    """Why what is read now is not what was scanned, in words that follow the recording's name.

    Returns:
        "" if the recording is still the same file or a copy of it, as far as was recorded.
    """
    try:
        now = state_of(file.uri)
    except FileNotFoundError:
        return "is gone; it was deleted or renamed since the scan"
    except Exception as e:  # stores have error classes of their own
        return f"cannot be read ({one_line(e)})"
    if not file.version or now == (file.bytes, file.version):
        return ""
    # A copy has a time of its own.
    if now[0] != file.bytes or (file.content and content_hash(file.uri) != file.content):
        return "has changed since the scan, so its times may no longer be right; scan it again"
    return ""
