"""Labels that are written in several ways."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def similar_labels(labels: Iterable[str]) -> list[str]:
    """A line for each group of labels that people would take for one."""
    groups: dict[str, list[str]] = {}
    for label in sorted(set(labels)):
        groups.setdefault(" ".join(unicodedata.normalize("NFC", label).casefold().split()), []).append(label)
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
