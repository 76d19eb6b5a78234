"""The options of programs that read annotations."""

from __future__ import annotations

import argparse

from soundbeam.pipelines.annotations.read_annotations import FORMATS, AnnotationOptions

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
        help=f"instead of recognising it: {', '.join(FORMATS)}",
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
    taken = {name: values.pop(name) for name in ("annotation_format", "label_column", "map")}
    return AnnotationOptions(**{**taken, "map": tuple(taken["map"])})
