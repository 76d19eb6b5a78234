"""Names in pictures: drawn as they are written, in any script that a font of this machine has."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import unicodedata
from collections.abc import Iterable, Iterator

_DEFAULT = "DejaVu Sans"  # comes with matplotlib
_FULL_OF_BOXES = ("lastresort", "adobeblank")  # fonts that have every character, as a box or as nothing


@dataclasses.dataclass(frozen=True)
class Lettering:
    """How texts are written into a picture.

    Attributes:
        missing: The characters that no font of this machine has, each once.
    """

    missing: str

    def written(self, text: str) -> str:
        r"""The text as it is drawn: a character that no font has is ``\uXXXX``."""
        composed = unicodedata.normalize("NFC", text)
        return "".join(c.encode("unicode_escape").decode() if c in self.missing else c for c in composed)


@contextlib.contextmanager
def lettering(texts: Iterable[str]) -> Iterator[Lettering]:
    """Inside, matplotlib draws these texts letter by letter, whatever the user's own settings of it are.

    No dollar sign starts a formula, and characters that the usual font lacks come from other fonts of this machine.

    Args:
        texts: All that users have named: files, labels.
    """
    import matplotlib.style

    characters = {c for text in texts for c in unicodedata.normalize("NFC", text) if c.isprintable()}
    families, missing = _families(characters)
    with matplotlib.style.context(["default", {"text.parse_math": False, "font.family": families}]):
        yield Lettering("".join(sorted(missing)))


def shorten(artist, renderer, width: float) -> None:
    """Shortens a text that is drawn wider than ``width`` pixels; its start and its end stay."""
    text = artist.get_text()
    keep = len(text)
    while keep > 4 and artist.get_window_extent(renderer).width > width:
        keep = min(int(keep * 0.95), 500)
        artist.set_text(f"{text[: keep - keep // 2]}…{text[len(text) - keep // 2 :]}")


def _families(characters: set[str]) -> tuple[list[str], set[str]]:
    """Families of fonts that together have these characters, the usual one first; and the characters that none has."""
    from matplotlib import font_manager

    families, missing = [_DEFAULT], characters - _characters(font_manager.findfont(_DEFAULT), characters)
    if missing:
        # Not matplotlib's own list of them, which it makes once and never again.
        for path in sorted(font_manager.findSystemFonts(), key=_plainness):
            if found := _characters(path, missing):
                font_manager.fontManager.addfont(path)
                families.append(font_manager.FontProperties(fname=path).get_name())
                missing -= found
            if not missing:
                break
    return families, missing


def _plainness(path: str) -> tuple[bool, bool, str]:
    """Sorts plain, upright fonts without serifs first."""
    name = os.path.basename(path).lower()
    fancy = any(style in name for style in ("bold", "italic", "oblique", "black", "light", "thin", "mono"))
    return fancy, not any(style in name for style in ("sans", "gothic")), path


def _characters(path: str, needed: set[str]) -> set[str]:
    """Which of some characters a font has as outlines; none if it cannot be read."""
    from matplotlib.ft2font import FT2Font

    if any(name in os.path.basename(path).lower() for name in _FULL_OF_BOXES):
        return set()
    try:
        font = FT2Font(path)
        has = font.get_charmap()
        covered = {c for c in needed if ord(c) in has}
        font.set_size(12, 72)
        # Fonts of coloured pictures have characters without outlines.
        return {c for c in covered if c.isspace() or unicodedata.combining(c) or font.load_char(ord(c)).width > 0}
    except (RuntimeError, OSError, ValueError, TypeError):
        return set()
