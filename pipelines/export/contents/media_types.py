"""The media types of sound files."""

from __future__ import annotations

import posixpath

_TYPES = {
    ".wav": "audio/wav", ".w64": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg", ".ogg": "audio/ogg",
    ".oga": "audio/ogg", ".opus": "audio/ogg", ".m4a": "audio/mp4", ".mp4": "audio/mp4", ".aac": "audio/aac",
    ".aif": "audio/aiff", ".aiff": "audio/aiff", ".wma": "audio/x-ms-wma", ".au": "audio/basic", ".caf": "audio/x-caf",
}  # fmt: skip


def media_type(name: str) -> str:
    """The media type of a sound file, by the ending of its name."""
    ending = posixpath.splitext(name)[1].lower()
    return _TYPES.get(ending, f"audio/{ending[1:] or 'unknown'}")
