"""Takes verdicts that were given with other tools: ``soundbeam review import``.

    soundbeam review import judged.csv --output results/
    soundbeam review import segments/ --output results/ --label 'Strix aluco_Tawny Owl' --reviewer ann

It reads soundbeam's own CSV (``review sample --csv``), BirdNET's folders Positive and Negative, birdnetTools' column
``validation``, Kaleidoscope's MANUAL ID, and Raven tables. A verdict is matched with a window of a sample by its
review_id, or else by recording and time.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from typing import Any

from soundbeam.model.errors import ResultsError, SoundbeamError
from soundbeam.pipelines.console.arguments import Parser
from soundbeam.pipelines.console.output import say

_SHOWN = 20


@dataclasses.dataclass(frozen=True)
class Imported:
    """What an import took.

    Attributes:
        verdicts: Verdict → how many were added.
        unchanged: How many were there already.
        without_verdict: How many rows or clips nobody has judged.
        unmatched: What is no window of a sample: where it stands, and why.
    """

    verdicts: Counter[str]
    unchanged: int
    without_verdict: int
    unmatched: tuple[str, ...]


def parser() -> Parser:
    """The options of ``review import``."""
    p = Parser(
        "review import",
        "Takes verdicts that were given with other tools: a CSV of 'soundbeam review sample --csv' or birdnetTools,\n"
        "Kaleidoscope's id.csv, Raven tables, or a folder of clips sorted into Positive and Negative.",
        "soundbeam review import judged.csv --output results/ --reviewer ann",
    )
    p.add_argument("source", metavar="FILE|DIR", help="the table, or the folder of clips or tables")
    p.add_argument("--output", required=True, metavar="DIR", help="the scan's output folder; path or fsspec URL")
    p.add_argument("--reviewer", metavar="NAME", help="whose verdicts they are (the login name)")
    p.add_argument("--label", metavar="L", help="only windows of this label")
    return p


def main(argv: list[str]) -> int:
    """Runs ``review import``."""
    options = parser().parse_args(argv)
    imported = import_verdicts(options.source, options.output, options.reviewer, options.label)
    for line in imported.unmatched[:_SHOWN]:
        say(f"no window: {line}")
    if len(imported.unmatched) > _SHOWN:
        say(f"… and {len(imported.unmatched) - _SHOWN} more")
    total = sum(imported.verdicts.values())
    kinds = ", ".join(f"{n} {verdict}" for verdict, n in imported.verdicts.most_common())
    more = [
        f"{n} {what}"
        for n, what in (
            (imported.unchanged, "were there already"),
            (imported.without_verdict, "without a verdict"),
            (len(imported.unmatched), "match no window of a sample"),
        )
        if n
    ]
    say("; ".join([f"imported: {total} verdicts{f' ({kinds})' if kinds else ''}", *more]))
    if imported.unmatched and not total and not imported.unchanged:
        raise SoundbeamError(
            f"{options.source}: not one of its verdicts is of a window that was drawn; is it of this output?"
        )
    return 0


def import_verdicts(source: str, output: str, reviewer: str | None = None, label: str | None = None) -> Imported:
    """Adds the verdicts in a table or folder to an output's reviews; all of them, or on an error none.

    Args:
        source: URL of the table or folder.
        output: URL of the scan's output folder.
        reviewer: Whose verdicts they are, where a table does not tell it; None: the login name.
        label: Only windows of this label; None: of all.

    Raises:
        SoundbeamError: The source cannot be read, or a row says what is no verdict; or no sample was drawn.
    """
    from soundbeam.model.storage.files import locate
    from soundbeam.pipelines.review.looking import login_name
    from soundbeam.pipelines.review.sample_windows import SampleWindows, is_label
    from soundbeam.pipelines.review.store import ReviewStore
    from soundbeam.pipelines.review.verdict_tables import read_judged_clips, read_verdict_table

    place, path = locate(source)
    if not place.fs.exists(path):
        raise SoundbeamError(f"{source}: no such file or folder")
    store = ReviewStore(output)
    samples = [s for s in store.samples() if label in (None, s.info.label)]
    if not samples:
        of = f" of {label!r}" if label else ""
        raise ResultsError(f"{output}: no sample{of} was drawn from it; draw one with 'soundbeam review sample' first")
    windows = SampleWindows(samples, label)
    given, without, unmatched = dict[tuple[str, str], dict[str, Any]](), 0, []
    who = reviewer or login_name()
    for told in read_judged_clips(source) if place.fs.isdir(path) else read_verdict_table(source):
        if not told.verdict:
            without += 1
            continue
        try:
            row = windows.find(told)
        except SoundbeamError as e:
            unmatched.append(f"{told.where}: {e}")
            continue
        verdict, other = told.verdict, told.other_label
        if verdict.startswith("is "):  # somebody named what is there; several names may stand in one cell
            there = any(is_label(name, row["label"]) for name in [other, *re.split("[;,]", other)])
            verdict, other = ("yes", "") if there else ("other", other)
        by = told.reviewer or who
        given[row["review_id"], by] = {
            "review_id": row["review_id"], "verdict": verdict, "reviewer": by, "other_label": other or None,
            "note": told.note or None,
        }  # fmt: skip
    names = ("verdict", "other_label", "note")
    current = {(r["review_id"], r["reviewer"]): [r[n] for n in names] for r in store.current().to_pylist()}
    new = [row for key, row in given.items() if current.get(key) != [row[n] for n in names]]
    store.append(new)
    return Imported(Counter(row["verdict"] for row in new), len(given) - len(new), without, tuple(unmatched))
