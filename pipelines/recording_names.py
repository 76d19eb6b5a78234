"""Which recording a name means, and what to call recordings on a screen."""

from __future__ import annotations

import unicodedata
import urllib.parse
from collections import defaultdict
from collections.abc import Iterable, Sequence

from soundbeam.model.errors import SoundbeamError


class RecordingNames:
    """Finds recordings by a URI or an unambiguous tail of one.

    A tail consists of whole path components: ``a/x.wav`` is a tail of ``file:///data/a/x.wav``, but neither of
    ``…/aa/x.wav`` nor of ``…/a/x.wav.bak``. What matches as it is written goes before what matches only after
    percent-decoding, ``\\`` → ``/`` and Unicode composition (annotations made on another system).

    Args:
        uris: The recordings.
    """

    def __init__(self, uris: Iterable[str]):
        self._uris = list(dict.fromkeys(uris))
        self._known = set(self._uris)
        self._by_base: dict[str, list[str]] = defaultdict(list)
        for uri in self._uris:
            for base in {_plain(uri)[-1], _decoded(uri)[-1]}:
                self._by_base[base].append(uri)

    def find(self, name: str) -> str | None:
        """The recording that ``name`` means; None when there is none.

        Raises:
            SoundbeamError: It is the tail of several.
        """
        name = name.strip()
        if name in self._known:
            return name
        for parts in (_plain, _decoded):
            tail = parts(name)
            if not tail:
                continue
            found = [uri for uri in self._by_base.get(tail[-1], ()) if parts(uri)[-len(tail) :] == tail]
            whole = [uri for uri in found if parts(uri)[-len(tail) - 1 :] == ["file:", *tail]]
            found = whole if len(whole) == 1 else found
            if len(found) > 1:
                more = f" and {len(found) - 2} more" if len(found) > 2 else ""
                raise SoundbeamError(f"{name!r} may be {found[0]} or {found[1]}{more}; give more of its path")
            if found:
                return found[0]
        return None


def short_names(uris: Sequence[str]) -> dict[str, str]:
    """What to show for each URI: all of it but the folders that all have in common."""
    split = [uri.split("/") for uri in uris]
    if not split:
        return {}
    common = 0
    while all(len(parts) > common + 1 and parts[common] == split[0][common] for parts in split):
        common += 1
    return {uri: "/".join(parts[common:]) for uri, parts in zip(uris, split, strict=True)}


def _plain(name: str) -> list[str]:
    """Path components; empty ones, ``.`` and ``..`` at the front (a path relative to somewhere) are left out."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    while parts and parts[0] == "..":
        parts.pop(0)
    return parts


def _decoded(name: str) -> list[str]:
    return _plain(unicodedata.normalize("NFC", urllib.parse.unquote(name)).replace("\\", "/"))
