"""The options of programs that read annotations."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from typing import Any

from soundbeam.model.errors import OptionError
from soundbeam.pipelines.annotations.read_annotations import FORMATS, AnnotationOptions

OPTIONS = tuple(field.name for field in dataclasses.fields(AnnotationOptions))
HELP = (
    "of any tool (Raven, Audacity, BirdNET, Kaleidoscope, …), or a CSV recording,start_s,end_s,label: a file, a folder "
    "or a glob; path or fsspec URL"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of reading to a parser."""
    parser.add_argument(
        "--annotation-format",
        choices=FORMATS,
        metavar="NAME",
        help="instead of recognising it: raven, audacity, birdnet, … (docs/exchange.md lists them)",
    )
    parser.add_argument(
        "--label-column", metavar="NAME", help="the annotations' column of labels, where it has a name of your own"
    )
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="rename a label of the annotations (repeatable), or a CSV old,new",
    )


def options_of(namespace: argparse.Namespace) -> AnnotationOptions:
    """The options that were given; takes them out of the namespace."""
    values = vars(namespace)
    taken = {name: values.pop(name) for name in OPTIONS}
    return AnnotationOptions(**{**taken, "map": tuple(taken["map"])})


def options_from(keywords: Mapping[str, Any]) -> AnnotationOptions:
    """The options from a Python call; ``map`` may be a dict of old and new names, or one text.

    Raises:
        OptionError: There is no such option.
    """
    values = dict(keywords)
    if unknown := [name for name in values if name not in OPTIONS]:
        raise OptionError(f"annotations are read without an option {unknown[0]!r}; there are {', '.join(OPTIONS)}")
    renamed = values.get("map", ())
    if isinstance(renamed, Mapping):
        renamed = [f"{old}={new}" for old, new in renamed.items()]
    values["map"] = (renamed,) if isinstance(renamed, str) else tuple(renamed)
    return AnnotationOptions(**values)
