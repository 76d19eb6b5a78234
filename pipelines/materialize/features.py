"""Turns clips into features, for ``soundbeam materialize --features``: a table, or spectrograms as pictures."""

from __future__ import annotations

import argparse
import csv
import functools
import json
import re
from typing import Any

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.pictures.spectrogram_png import COLOURS
from soundbeam.model.storage.files import locate
from soundbeam.pipelines.annotations.read_annotations import tell
from soundbeam.pipelines.clips import describe_rejects, print_troubles
from soundbeam.pipelines.console.arguments import positive
from soundbeam.pipelines.console.output import say
from soundbeam.pipelines.materialize.clip_sources import find_sources
from soundbeam.transforms.examples.clip_decoding import stream_clip
from soundbeam.transforms.examples.conditioning import Conditioning
from soundbeam.transforms.examples.write_features import INDEX, SUMMARY, TABLE, draw_png, finish


def image_size(text: str) -> tuple[int, int]:
    """An argparse type: ``WIDTHxHEIGHT`` in pixels."""
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match or not all(8 <= int(n) <= 4096 for n in match.groups()):
        raise argparse.ArgumentTypeError(f"{text} is no size such as 299x299, of 8 to 4096 pixels a side")
    return int(match[1]), int(match[2])


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of features to a parser."""
    parser.add_argument(
        "--features",
        choices=("table", "images"),
        help="instead of examples: 'table', one row of numbers a clip (Parquet and CSV), or 'images', spectrograms as "
        "PNG in a folder a label",
    )
    parser.add_argument(
        "--image-size", type=image_size, default=(299, 299), metavar="WxH", help="pixels of an image (default: 299x299)"
    )
    parser.add_argument("--colours", choices=COLOURS, default="viridis", help="of images (default: %(default)s)")
    parser.add_argument(
        "--chunk",
        type=positive,
        default=20.0,
        metavar="SECONDS",
        help="longest stretch in one image; longer recordings have several (default: %(default)s)",
    )


def make_features(options, conditioning: Conditioning, beam_opts) -> dict[str, Any]:
    """Builds and runs the pipeline; returns the summary that it wrote, and ``labels_without_clips``.

    Raises:
        SoundbeamError: There are no clips, or none that can be used.
    """
    import apache_beam as beam

    from soundbeam.pipelines.runners.run import run
    from soundbeam.transforms.examples.write_features import DrawPictures, MakeRows

    place, folder = locate(options.examples)
    sources = find_sources(options, tell)
    stale = pictures_of(place.fs, folder)
    if place.fs.exists(f"{folder}/{SUMMARY}"):
        place.fs.rm_file(f"{folder}/{SUMMARY}")
    pipeline = beam.Pipeline(options=beam_opts)
    clips_and_rejects = sources.read(pipeline)
    settings: dict[str, Any] = {"features": options.features, "rate": options.rate, **sources.recorded}
    settings |= conditioning.recorded()
    if options.features == "table":
        step: Any = MakeRows(conditioning.read, options.rate)
    else:
        width, height = options.image_size
        settings |= {"image_size": [width, height], "colours": options.colours, "chunk_s": options.chunk}
        draw = functools.partial(draw_png, conditioning, options.rate, width, height, options.colours)
        step = DrawPictures(place.uri(folder), stream_clip, draw, options.rate, options.chunk)
    made = clips_and_rejects["clips"] | "Features" >> step
    rejects = (clips_and_rejects["rejects"], made["rejects"]) | "AllRejects" >> beam.Flatten()
    _ = (
        pipeline
        | "Settings" >> beam.Create([settings])
        | "WriteSummary"
        >> beam.Map(finish, place.uri(folder), beam.pvalue.AsList(made["made"]), beam.pvalue.AsList(rejects))
    )
    run(pipeline)
    with place.fs.open(f"{folder}/{SUMMARY}", "r", encoding="utf-8") as file:
        summary = json.load(file)
    if options.features == "images":
        for name in stale - pictures_of(place.fs, folder):
            place.fs.rm_file(f"{folder}/{name}")
    if not summary["made"]:
        place.fs.rm_file(f"{folder}/{SUMMARY}")
        raise SoundbeamError(f"{sources.name}: no clip that can be used{describe_rejects(summary['rejects'])}")
    return {**summary, "labels_without_clips": sorted(set(sources.labels or ()) - set(summary["labels"]))}


def pictures_of(fs, folder: str) -> set[str]:
    """The pictures that a folder's index lists, by their path in the folder; none if there is no index."""
    path = f"{folder}/{INDEX}"
    if not fs.exists(path):
        return set()
    with fs.open(path, "r", encoding="utf-8", newline="") as file:
        names = {row.get("file") or "" for row in csv.DictReader(file)}
    return {name for name in names if name.endswith(".png") and ".." not in name.split("/")}


def report(summary: dict[str, Any], folder: str, wall_s: float) -> None:
    """Prints how many features there are, and which clips were rejected."""
    what, images = ("rows", False) if summary["features"] == "table" else ("images", True)
    for label, n in summary["labels"].items():
        say(f"{label}: {n} {what if n != 1 else what[:-1]}")
    print_troubles(summary["labels"], summary["labels_without_clips"], summary["rejects"], f"{folder}/{SUMMARY}")
    where = f"{folder}/{INDEX} lists them" if images else f"{folder}/{TABLE}.parquet and {TABLE}.csv"
    say(f"{summary['made']} {what}, {len(summary['rejects'])} rejected, in {wall_s:.0f} s: {where}")
