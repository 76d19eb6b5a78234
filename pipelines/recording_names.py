"""Which recording a user's name means, and short names of recordings for display."""

from __future__ import annotations

import itertools
import posixpath
import unicodedata
import urllib.parse
from collections import defaultdict
from collections.abc import Iterable, Sequence

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.place import escaped
from soundbeam.model.storage.stores import printable


class RecordingNames:
    """Finds recordings by a URI or an unambiguous tail of one.

    A tail consists of whole path components: ``a/x.wav`` is a tail of ``file:///data/a/x.wav``, but neither of
    ``…/aa/x.wav`` nor of ``…/a/x.wav.bak``. A match of the name as written takes precedence over one that needs
    percent-decoding, ``\\`` → ``/`` and Unicode composition, as for annotations made on another system.

    Args:
        uris: The recordings.
    """

    def __init__(self, uris: Iterable[str]):
        self._uris = dict.fromkeys(uris)
        self._by_base: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = {}
        for uri in self._uris:
            for base in {_components(uri)[-1], _decoded_components(uri)[-1]}:
                self._by_base[base].append(uri)

    def __contains__(self, uri: str) -> bool:
        """Whether ``uri`` is a recording's whole URI."""
        return uri in self._uris

    def find(self, name: str) -> str | None:
        """The recording that ``name`` means; None if there is none.

        Raises:
            SoundbeamError: The name is the tail of several recordings.
        """
        name = name.strip()
        if printable(name) != name:
            name = escaped(name)
        if name in self._uris:
            return name
        for split in (_components, _decoded_components):
            tail = split(name)
            if not tail:
                continue
            matches = [uri for uri in self._by_base.get(tail[-1], ()) if split(uri)[-len(tail) :] == tail]
            full_paths = [uri for uri in matches if split(uri) in (["file:", *tail], ["file:", "localhost", *tail])]
            matches = full_paths if len(full_paths) == 1 else matches
            if len(matches) > 1:
                more = f" and {len(matches) - 2} more" if len(matches) > 2 else ""
                raise SoundbeamError(f"{name!r} may be {matches[0]} or {matches[1]}{more}; give more of its path")
            if matches:
                return matches[0]
        return None

    def nearest(self, path: str) -> tuple[str | None, int]:
        """The recording that a path of another machine means, and how many of its last components it shares.

        Its base name is the path's, with or without an ending, in upper or lower case; of several the one with the most
        folders above it in common.

        Raises:
            SoundbeamError: Several have as many in common.
        """
        if not self._by_stem:
            by_stem = defaultdict(list)
            for uri in self._uris:
                base = _decoded_components(uri)[-1].casefold()
                for name in {base, posixpath.splitext(base)[0]}:
                    by_stem[name].append(uri)
            self._by_stem = dict(by_stem)
        parts = [part.casefold() for part in _decoded_components(path)]
        matches = self._by_stem.get(parts[-1], []) if parts else []
        shared = {uri: 1 + _common(parts[:-1], _decoded_components(uri)[:-1]) for uri in matches}
        most = max(shared.values(), default=0)
        best = [uri for uri in matches if shared[uri] == most]
        if len(best) > 1:
            more = f" and {len(best) - 2} more" if len(best) > 2 else ""
            raise SoundbeamError(
                f"{path!r} may be {best[0]} or {best[1]}{more}; put the table into a folder of the name of the "
                "recording's, or name the recording by its path"
            )
        return (best[0] if best else None), most


def _common(folders: Sequence[str], others: Sequence[str]) -> int:
    """How many folders two paths share, from their ends."""
    pairs = zip(reversed(folders), reversed(others), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1].casefold(), pairs))


def short_names(uris: Sequence[str]) -> dict[str, str]:
    """Each URI without the leading folders that all of them share."""
    split = [uri.split("/") for uri in uris]
    if not split:
        return {}
    common = 0
    while all(len(parts) > common + 1 and parts[common] == split[0][common] for parts in split):
        common += 1
    return {uri: "/".join(parts[common:]) for uri, parts in zip(uris, split, strict=True)}


def _components(name: str) -> list[str]:
    """Path components without empty ones, ``.``, and leading ``..`` (from a relative path)."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    while parts and parts[0] == "..":
        parts.pop(0)
    return parts


def _decoded_components(name: str) -> list[str]:
    return _components(unicodedata.normalize("NFC", urllib.parse.unquote(name)).replace("\\", "/"))
