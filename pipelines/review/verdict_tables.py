"""Reads verdicts out of tables: soundbeam's own CSV, birdnetTools', Kaleidoscope's, Raven's."""

from __future__ import annotations

import dataclasses
import posixpath
import re
from collections.abc import Iterator, Sequence

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.csv_table import TableRow, read_csv
from soundbeam.model.storage.files import locate

# The names of each column, most telling first, as `_plain` writes them. R turns "Begin Time (s)" into "Begin.Time..s.".
_COLUMNS = {
    "review_id": ("review id",),
    "recording": ("recording", "begin path", "in file", "file", "filepath", "filename", "path", "begin file"),
    "start": ("start s", "file offset s", "offset", "start time", "start", "begin time s", "begin time"),
    "end": ("end s", "end time s", "end time", "end"),
    "label": ("label", "scientific name", "common name", "species"),
    "verdict": ("verdict", "validation"),
    "identity": ("manual id", "annotation"),
    "other_label": ("other label",),
    "note": ("note", "notes", "comments"),
    "reviewer": ("reviewer",),
    "begin": ("begin time s",),
    "duration": ("duration",),
    "folder": ("folder",),
    "indir": ("indir",),
    "view": ("view",),
}
# How read_csv sees them in a first line, to tell its separator.
_HEADS = sorted(
    {name for names in _COLUMNS.values() for name in names}
    | {"review_id", "start_s", "end_s", "other_label", "file offset (s)", "begin time (s)", "end time (s)", "start (s)"}
    | {"end (s)", "manual id*", "selection", "confidence"}
)
_WORDS = {
    "yes": ("yes", "y", "1", "1.0", "true", "positive", "correct"),
    "no": ("no", "n", "0", "0.0", "false", "negative", "incorrect"),
    "unsure": ("unsure", "u", "?", "uncertain", "maybe", "unknown"),
    "other": ("other",),
    "withdrawn": ("withdrawn",),
}
VERDICT_OF = {word: verdict for verdict, words in _WORDS.items() for word in words}
_NOTHING = ("", "na", "nan", "null", "none")
_NO_SOUND = ("noid", "noise")  # of Kaleidoscope: nothing of what was looked for
_TABLE_NAME = re.compile(
    r"(\.table\.\d+)?(\.birdnet)?(\.selections?(\.table)?|\.results)*\.(txt|csv|tsv)$", re.IGNORECASE
)


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What somebody said of a stretch of a recording, with another tool.

    Attributes:
        where: The file and line, or the clip, for messages.
        review_id: The window's identity; "" if it is not told.
        recording: The recording, as written; "" if it is not told.
        start_s: Where the stretch begins, seconds; None if it is not told.
        end_s: Where it ends; None if it is not told.
        label: The label in question; "" if it is not told.
        verdict: A verdict; "" if none was given; or "is OTHER", which says which label is there.
        other_label: Another label that is there; "" if none is named.
        note: A note.
        reviewer: Who said so; "" if it is not told.
    """

    where: str
    review_id: str = ""
    recording: str = ""
    start_s: float | None = None
    end_s: float | None = None
    label: str = ""
    verdict: str = ""
    other_label: str = ""
    note: str = ""
    reviewer: str = ""


def read_verdict_table(url: str) -> Iterator[Judgement]:
    """The rows of a table, those without a verdict too.

    Raises:
        SoundbeamError: It is no table, or lacks a column; or a verdict or time is none. The message names the line.
    """
    rows = read_csv(url, (), _HEADS)
    if not rows:
        raise SoundbeamError(f"{url}: has no row; nothing was judged in it")
    names = _names(url, list(rows[0].cells))
    for row in rows:
        if names["view"] and row.text(names["view"]).casefold().startswith("waveform"):
            continue  # Raven's second row of the same selection
        try:
            yield _judgement(url, row, names)
        except ValueError as e:
            raise SoundbeamError(f"{url} line {row.line}: {e}") from None


def is_table(name: str) -> bool:
    """Whether a file is a table by its name."""
    return name.lower().endswith((".csv", ".tsv", ".txt"))


def _names(url: str, there: Sequence[str]) -> dict[str, str]:
    """What a column holds → its name in this table; "" where there is none."""
    plain = {_plain(name): name for name in reversed(there)}
    names = {what: next((plain[n] for n in of if n in plain), "") for what, of in _COLUMNS.items()}
    if not names["recording"]:  # as birdnetTools looks for it
        names["recording"] = next((name for name in there if re.search("file|path", name)), "")
    have = ", ".join(there[:12]) + (", …" if len(there) > 12 else "")
    if not (names["verdict"] or names["identity"]):
        raise SoundbeamError(
            f"{url}: no column with verdicts (verdict, validation, MANUAL ID or Annotation) in its first line "
            f"(it has: {have})"
        )
    if not (names["review_id"] or names["start"]):
        raise SoundbeamError(
            f"{url}: nothing in its first line tells the windows: neither review_id nor a recording and a start "
            f"(it has: {have})"
        )
    return names


def _plain(name: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9]+", " ", name.casefold()).split())


def _judgement(url: str, row: TableRow, names: dict[str, str]) -> Judgement:
    def text(what: str) -> str:
        value = row.text(names[what]) if names[what] else ""
        return "" if value.casefold() in _NOTHING[1:] and what != "label" else value

    def seconds(what: str) -> float | None:
        return row.seconds(names[what]) if text(what) else None

    start_s, end_s = seconds("start"), seconds("end")
    if start_s is not None and seconds("duration") is not None:
        end_s = start_s + (seconds("duration") or 0.0)
    elif start_s is not None and end_s is not None and names["begin"] and names["begin"] != names["start"]:
        end_s = start_s + end_s - (seconds("begin") or 0.0)  # Raven's End Time runs on over several files
    verdict, other = _verdict(text("verdict"), text("identity"), text("other_label"))
    recording = text("recording") or (_TABLE_NAME.sub("", posixpath.basename(url)) if not names["recording"] else "")
    if names["folder"] and _plain(names["recording"]) == "in file":
        recording = "/".join(filter(None, [text("indir").rstrip("/\\"), text("folder"), recording]))
    return Judgement(
        f"{url} line {row.line}", text("review_id"), recording, start_s, end_s, text("label"), verdict, other,
        text("note"), text("reviewer"),
    )  # fmt: skip


def _verdict(word: str, identity: str, other: str) -> tuple[str, str]:
    """The verdict and another label, of what stands in the columns for them.

    Raises:
        ValueError: It is none.
    """
    if word:
        verdict = VERDICT_OF.get(word.casefold())
        if verdict is None:
            raise ValueError(f"verdict {word!r} is none of {', '.join(words[0] for words in _WORDS.values())}")
        if verdict == "other" and not other:
            raise ValueError("the verdict is 'other', but no other_label is named")
        return verdict, other if verdict == "other" else ""
    if other:
        return "other", other
    if identity.casefold() in VERDICT_OF:
        return VERDICT_OF[identity.casefold()], ""
    if _plain(identity) in _NO_SOUND:
        return "no", ""
    return (f"is {identity}", identity) if identity else ("", "")


def read_judged_clips(url: str) -> Iterator[Judgement]:
    """The clips in a folder that were sorted into folders such as ``Positive`` and ``Negative``, and its tables.

    A clip's name tells its window: by the ``review_id`` at its end, as ``soundbeam review sample --clips`` writes it,
    or as BirdNET names clips, ``0.87_3_NAME_12.0s_15.0s.wav``. The folder above Positive may be named like the label.

    Raises:
        SoundbeamError: A table in it cannot be read.
    """
    place, folder = locate(url)
    for entry in place.walk([folder]):
        if not isinstance(entry, dict):
            raise SoundbeamError(f"{place.uri(entry.path)}: cannot be read ({entry.error})")
        path = entry["name"]
        *above, parent, name = path.split("/")
        if name.startswith("."):
            continue
        if is_table(name):
            yield from read_verdict_table(place.uri(path))
            continue
        verdict = VERDICT_OF.get(parent.casefold(), "")
        identity, recording, start_s, end_s = _of_clip(name)
        label = above[-1] if verdict and above else ""
        yield Judgement(place.uri(path), identity, recording, start_s, end_s, label, verdict)


_OWN_CLIP = re.compile(r".*_([0-9a-f]{16})\.\w+")
_BIRDNET_CLIP = re.compile(r"[\d.]+_\d+_(?P<name>.+)_(?P<start>\d+(\.\d+)?)s?_(?P<end>\d+(\.\d+)?)s?\.\w+")


def _of_clip(name: str) -> tuple[str, str, float | None, float | None]:
    """The review id, recording, start and end that a clip's name tells."""
    if own := _OWN_CLIP.fullmatch(name):
        return own[1], "", None, None
    if birdnet := _BIRDNET_CLIP.fullmatch(name):
        return "", birdnet["name"], float(birdnet["start"]), float(birdnet["end"])
    return "", "", None, None
