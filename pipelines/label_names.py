"""The names of labels: labels that are written in several ways, and labels by a part of their name."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from soundbeam.model.errors import OptionError

_SHOWN = 8  # labels, of many


def similar_labels(labels: Iterable[str]) -> list[str]:
    """A line for each group of labels that people would take for one."""
    groups: dict[str, list[str]] = {}
    for label in sorted(set(labels)):
        groups.setdefault(_plain(label), []).append(label)
    lines = []
    for group in (group for group in groups.values() if len(group) > 1):
        forms = {unicodedata.normalize("NFC", label) for label in group}
        how = (
            "the code of their accents, and look the same"
            if len(forms) == 1
            else "upper and lower case, accents or spaces"
        )
        lines.append(f"the labels {' and '.join(map(ascii, group))} differ only in {how}; if they are one, rename them")
    return lines


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def shown(names: Iterable[str]) -> str:
    """Some names of many, for a message."""
    known = list(names)
    return ", ".join(known[:_SHOWN]) + (", …" if len(known) > _SHOWN else "")


class LabelNames:
    """Finds a classifier's labels by their names: ``Ardea alba_Great Egret`` also by either half.

    Args:
        labels: The labels.
        names: Label → other names by which it may be called, as in ``run.json``.
    """

    def __init__(self, labels: Sequence[str], names: Mapping[str, Mapping[str, str]] | None = None):
        self._labels = dict.fromkeys(labels)
        self._whole: dict[str, list[str]] = {}
        self._halves: dict[str, list[str]] = {}
        for label in labels:
            self._whole.setdefault(_plain(label), []).append(label)
            scientific, _, common = label.partition("_")
            halves = {scientific, common} if common else set[str]()
            for half in {_plain(name) for name in (*halves, *(names or {}).get(label, {}).values()) if name}:
                self._halves.setdefault(half, []).append(label)

    def one(self, name: str) -> str:
        """The label that a user names.

        Raises:
            OptionError: There is none, or there are several.
        """
        found = self.find(name)
        if len(found) == 1:
            return found[0]
        if found:
            raise OptionError(f"label {name!r} may mean {' or '.join(map(repr, found[:4]))}; write it whole")
        near = self.nearest(name)
        nearest = f"; nearest: {shown(near)}" if near else ""
        raise OptionError(f"no label {name!r}; there are {shown(self._labels)}{nearest}")

    def find(self, name: str) -> list[str]:
        """The labels that a name may mean; none if it is unknown.

        A whole label comes first, then one whose case, spaces or code of accents differ, then one of which it is the
        scientific or the common name, then one of the same scientific name: lists of species have common names in
        many languages.
        """
        if name in self._labels:
            return [name]
        scientific, _, common = name.partition("_")
        return self._whole.get(_plain(name)) or self.of_half(name) or (self.of_half(scientific) if common else [])

    def of_half(self, name: str) -> list[str]:
        """The labels of which this is the scientific or the common name."""
        return self._halves.get(_plain(name), [])

    def nearest(self, name: str) -> list[str]:
        """Up to three labels whose names are spelt nearly so."""
        known = {**self._halves, **self._whole}
        names = [_plain(name), *([_plain(name.partition("_")[0])] if "_" in name else [])]
        close = [match for one in names for match in difflib.get_close_matches(one, known, 3, 0.6)]
        return list(dict.fromkeys(label for match in close for label in known[match]))[:3]
