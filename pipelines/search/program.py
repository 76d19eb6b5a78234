"""Finds the windows of recordings that sound most like some clips.

    soundbeam search --embeddings embeddings/ --query call.wav --csv found.csv --clips found/
    soundbeam search --embeddings s3://bucket/embeddings --query calls/ night.flac@12.0-15.0 --top 500

What sounds alike is what the classifier hears alike: windows are compared by the cosine of the angle between
their embeddings and those of the clips' windows. Every window is compared.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.numbers import number
from soundbeam.pipelines.console.arguments import Parser, option_names, positive_int
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import print_table, say
from soundbeam.pipelines.recording_names import short_names

if TYPE_CHECKING:
    import pyarrow as pa


def parser() -> Parser:
    """The program's options."""
    p = Parser(
        "search",
        "Finds the windows that sound most like some clips, by the embeddings that 'soundbeam embed' or\n"
        "'soundbeam scan --embeddings' wrote. Any Beam option may follow, e.g. --runner=FlinkRunner.",
        "soundbeam search --embeddings embeddings/ --query call.wav --top 50 --clips found/",
    )
    p.add_argument("--embeddings", required=True, metavar="DIR", help="the folder with the embeddings")
    p.add_argument(
        "--query", required=True, nargs="+", metavar="CLIP",
        help="files, globs, folders, or parts: night.wav@12.0-15.0; of several the nearest counts",
    )  # fmt: skip
    p.add_argument("--top", type=positive_int, default=100, metavar="N", help="windows to find (%(default)s)")
    p.add_argument(
        "--per-recording", type=positive_int, default=2, metavar="N", help="at most of one recording (%(default)s)"
    )
    p.add_argument("--classifier", metavar="DIR", help="the embeddings' classifier, if it was moved")
    p.add_argument("--csv", metavar="FILE", help="also write the table there; path or fsspec URL")
    p.add_argument("--clips", metavar="DIR", help="a new folder for the sound of what is found, as FLAC")
    return p


@program("search")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    own = parser()
    options, rest = own.parse_known_args(argv)
    from soundbeam.pipelines.runners.options import beam_options
    from soundbeam.pipelines.search.nearest_windows import search
    from soundbeam.pipelines.search.request import Search

    values = vars(options)
    csv = values.pop("csv")
    try:
        beam_opts = beam_options(rest, option_names(own))
        request = Search(**values)
    except SoundbeamError as e:
        own.error(str(e))
    found = search(request, beam_opts)
    print_found(found)
    if csv:
        from soundbeam.pipelines.csv_writing import write_table

        write_table(found, csv)
        say(f"table: {csv}")
    if request.clips:
        say(f"clips: {request.clips}")
    return 0


def print_found(found: pa.Table) -> None:
    """Prints what was found, with names as short as they can be."""
    if not len(found):
        say("there is no window to compare with")
        return
    names = short_names(found["recording"].unique().to_pylist())
    clips = short_names(found["query"].unique().to_pylist())
    optional = [name for name in ("channel", "site") if found[name].null_count < len(found)]
    optional += ["query"] if len(clips) > 1 else []
    heads = ["rank", "recording", *optional, "similarity", "start", "end"]
    rows = []
    for row in found.to_pylist():
        cells = {**row, "recording": names[row["recording"]], "query": clips[row["query"]]}
        more = ["" if cells[name] is None else str(cells[name]) for name in optional]
        numbers = [f"{row['similarity']:.4f}", f"{row['start_s']:.2f}", f"{row['end_s']:.2f}"]
        rows.append([str(row["rank"]), cells["recording"], *more, *numbers])
    print_table(heads, rows, text_columns=2 + len(optional))
    say(f"{len(found)} windows, cosine {number(found['similarity'][0].as_py())} or less")


if __name__ == "__main__":
    sys.exit(main())
