"""Which files of a folder are recordings by their names, and what a listing tells about the others."""

from __future__ import annotations

import collections
import dataclasses
import posixpath
import re
from collections.abc import Iterator, Mapping

from soundbeam.model.storage.stores import printable

# What libsndfile or PyAV reads, by its content. Missing are names that usually mean something else (.iff, .mat, .paf,
# .ts), and kinds without a header (.raw).
# fmt: off
AUDIO_EXTENSIONS = frozenset([
    ".wav", ".wave", ".bwf", ".rf64", ".bw64", ".w64", ".amb", ".aiff", ".aif", ".aifc", ".afc", ".au", ".snd", ".caf",
    ".caff", ".voc", ".sph", ".nist", ".ircam", ".8svx", ".16sv", ".svx", ".avr", ".pvf", ".sds", ".wve",
    ".flac", ".ogg", ".oga", ".opus", ".spx", ".mp3", ".mp2", ".mp1", ".mpga", ".mpa", ".aac", ".adts", ".ac3", ".eac3",
    ".m4a", ".m4b", ".m4r", ".m4v", ".mp4", ".mov", ".qt", ".3gp", ".3gpp", ".3g2", ".wma", ".wmv", ".asf", ".avi",
    ".mka", ".mkv", ".webm", ".weba", ".mpg", ".mpeg", ".m2ts", ".ogv", ".ogx", ".flv", ".tta", ".wv", ".ape",
    ".amr", ".awb",
])
# Folders in which systems keep what was deleted, or copies and thumbnails of other files.
_OF_SYSTEMS = frozenset([
    "$recycle.bin", "recycler", "system volume information", "lost+found", "__macosx", "lost.dir",
    "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "~snapshot",
])
# fmt: on
_EXTENSION = re.compile(r"\.(?=\d*[a-z])[a-z0-9_~+-]{1,8}\Z", re.ASCII)
_MOST_KINDS, _MOST_LINES = 100, 20
OTHERS = "of other kinds"
_LEFT_OUT, _LINE = "left out ", "told "


def is_audio(path: str) -> bool:
    """Whether a file is a recording by its name."""
    return extension_of(path) in AUDIO_EXTENSIONS


def extension_of(path: str) -> str:
    """The extension in lower case, with its dot; "" if there is none."""
    return posixpath.splitext(path)[1].lower()


def why_hidden(path: str, root: str) -> str:
    """Why a file is no recording, by the parts of its path below the root; "" if it may be one."""
    for part in path[len(root) :].split("/"):
        if part.lower() in _OF_SYSTEMS:
            return f"in {printable(part)}, where the system keeps deleted files or its own; name it to have it tried"
        if part.startswith("."):
            return "hidden: its name, or a folder's, starts with a dot"
    return ""


@dataclasses.dataclass
class Told:
    """What a listing tells beside its rows.

    Attributes:
        left_out: Kind → how many files of folders are no recordings by their names. It has few kinds, whatever the
            files are called: an extension of digits is none.
        lines: For patterns that miss what they may have meant: what that is.
    """

    left_out: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    lines: list[str] = dataclasses.field(default_factory=list)

    def leave_out(self, path: str, hidden: bool) -> None:
        """Counts a file."""
        extension = extension_of(path)
        kind = "hidden" if hidden else extension if _EXTENSION.match(extension) else "without extension"
        self.left_out[kind if kind in self.left_out or len(self.left_out) < _MOST_KINDS else OTHERS] += 1

    def say(self, line: str) -> None:
        """Adds a line, unless there are many."""
        if len(self.lines) < _MOST_LINES:
            self.lines.append(printable(line))

    def numbers(self) -> Iterator[tuple[str, int]]:
        """The same as named numbers, which can be added up over patterns."""
        yield from ((f"{_LEFT_OUT}{kind}", n) for kind, n in self.left_out.items())
        yield from ((f"{_LINE}{line}", 1) for line in self.lines)

    @classmethod
    def from_numbers(cls, numbers: Mapping[str, int]) -> Told:
        """The inverse of `numbers`, among other numbers."""
        by_kind = {name[len(_LEFT_OUT) :]: n for name, n in numbers.items() if name.startswith(_LEFT_OUT)}
        lines = sorted(name[len(_LINE) :] for name in numbers if name.startswith(_LINE))
        return cls(collections.Counter(by_kind), lines[:_MOST_LINES])


def commonest(left_out: Mapping[str, int], most: int = 10) -> dict[str, int]:
    """The commonest kinds, and all others in one."""
    ordered = sorted(left_out.items(), key=lambda item: (item[0] == OTHERS, -item[1], item[0]))
    kept = dict(ordered[:most])
    others = sum(n for _, n in ordered[most:]) + kept.pop(OTHERS, 0)
    return {**kept, OTHERS: others} if others else kept
