"""The labels of a model, from the file beside it."""

from __future__ import annotations

import collections
import csv
import dataclasses
import os
import re
from collections.abc import Sequence

from soundbeam.model.errors import SoundbeamError

# ``Scientific_Common``, as BirdNET names species.
_BOTH_NAMES = re.compile(r"[A-Z][a-z-]+( [a-z-]+)+_.+")
# Columns of a CSV, in the order in which they make a good label.
_COLUMNS = ("label", "labels", "display_name", "name", "class", "classes", "common_name", "scientific_name")
_CODES = ("code", "ebird_code", "ebird2021", "species_code")


@dataclasses.dataclass(frozen=True)
class Labels:
    """What a label file says.

    Attributes:
        path: Of the file.
        labels: In the order of the scores.
        names: Label → ``scientific``, ``common``, ``code``, where the file has them.
    """

    path: str
    labels: tuple[str, ...]
    names: dict[str, dict[str, str]]


def find_labels(model: str) -> str | None:
    """The label file that belongs to a model by its name: beside a file, or within the folder of a SavedModel."""
    if os.path.isdir(model):
        usual = ("labels/label_names.csv", "classes.csv", "labels.csv", "labels.txt", "assets/label.csv")
        paths = [os.path.join(model, *name.split("/")) for name in usual]
        assets = os.path.join(model, "assets")
        inside = sorted(os.listdir(assets)) if os.path.isdir(assets) else []
        tables = [os.path.join(assets, name) for name in inside if name.endswith((".csv", ".txt"))]
        paths += tables if len(tables) == 1 else []
    else:
        stem = os.path.splitext(model)[0]
        short = re.sub(r"_Model(_(FP|INT)\d+)?$", "", stem)
        paths = [
            *(f"{name}{end}" for name in (stem, short) for end in ("_Labels.txt", "_labels.txt", ".labels.txt")),
            f"{stem}.txt",
            os.path.join(os.path.dirname(model), "labels.txt"),
        ]
    return next((path for path in paths if os.path.isfile(path)), None)


def read_labels(path: str, outputs: Sequence[int | None] = ()) -> Labels:
    """Reads a label file: one label a line, or a CSV.

    A CSV has a column ``label``, ``display_name``, ``name`` or ``class``; one without heads is read by its last column.

    Args:
        path: Of the file.
        outputs: How many values the model's outputs have: a CSV with one line more than one of them has a head.

    Raises:
        SoundbeamError: It cannot be read, or has an empty or a doubled label.
    """
    try:
        with open(path, encoding="utf-8-sig", newline=None) as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as e:
        reason = "not UTF-8" if isinstance(e, UnicodeDecodeError) else (e.strerror or str(e))
        raise SoundbeamError(f"{path}: cannot be read as labels ({reason})") from e
    lines = text.rstrip().split("\n")
    if path.lower().endswith(".csv"):
        labels, codes = _columns([row for row in csv.reader(lines) if row])
        if len(labels) not in outputs and len(labels) - 1 in outputs:
            labels = labels[1:]
    else:
        labels, codes = [line.strip() for line in lines], []
    for i, label in enumerate(labels):
        if not label:
            raise SoundbeamError(f"{path}: label {i + 1} is empty; every output needs a name")
    twice = [label for label, n in collections.Counter(labels).items() if n > 1]
    if twice:
        first = labels.index(twice[0])
        second = labels.index(twice[0], first + 1)
        raise SoundbeamError(f"{path}: {twice[0]!r} stands there twice, as label {first + 1} and {second + 1}")
    return Labels(path, tuple(labels), _names(labels, codes))


def _columns(rows: Sequence[Sequence[str]]) -> tuple[list[str], list[str]]:
    heads = [head.strip().lower() for head in rows[0]] if rows else []
    column = next((heads.index(name) for name in _COLUMNS if name in heads), None)
    code = next((heads.index(name) for name in _CODES if name in heads), None)
    if column is None and code is None:
        return [row[-1].strip() for row in rows], []
    chosen = code if column is None else column

    def values(of: int | None) -> list[str]:
        return [row[of].strip() if of is not None and of < len(row) else "" for row in rows[1:]]

    return values(chosen), values(code) if code is not None else []


def _names(labels: Sequence[str], codes: Sequence[str]) -> dict[str, dict[str, str]]:
    of_both = sum(bool(_BOTH_NAMES.fullmatch(label)) for label in labels) > len(labels) / 2
    names: dict[str, dict[str, str]] = {}
    for i, label in enumerate(labels):
        scientific, _, common = label.partition("_")
        both = {"scientific": scientific, "common": common} if of_both and common else {}
        code = {"code": codes[i]} if i < len(codes) and codes[i] else {}
        if both or code:
            names[label] = {**both, **code}
    return names
