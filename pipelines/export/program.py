"""Writes what a scan found in the formats of other programs.

    soundbeam export --output results/ --format raven --to raven/
    soundbeam export --output results/ --format csv --to table/ --site ridge --from 2024-05-01 --until 2024-05-31
    soundbeam export --output results/ --format clips --to clips/ --best 50 --per-recording 3 --context 2

Recordings without a call have empty tables where the format knows effort. A folder that an export wrote is written
anew; one that holds other files is refused.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from soundbeam.model.errors import OptionError, SoundbeamError
from soundbeam.pipelines.console.arguments import Parser, option_names, positive_int, share
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import say
from soundbeam.pipelines.export.contents.request import FREQUENCIES, OCCASIONS, SOUND_FILES

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

    from soundbeam.pipelines.export.contents.file_format import Format
    from soundbeam.pipelines.export.exporting import Exported


def parser() -> Parser:
    """The program's options."""
    from soundbeam.pipelines.export.formats import all_formats

    formats = all_formats()

    def of(option: str) -> str:
        return ", ".join(each.name for each in formats.values() if option in each.options)

    p = Parser(
        "export",
        "Writes the calls of a scan in the format of another program:\n\n"
        + "".join(f"  {each.name:<14} {each.summary}\n" for each in formats.values())
        + "\nAny Beam option may follow, e.g. --runner=FlinkRunner; only the format clips takes one.",
        "soundbeam export --output results/ --format raven --to raven/ --site ridge --min-score 0.8",
    )
    p.usage = f"{p.prog} --output DIR --format NAME --to DIR [options]"
    p.add_argument("--output", required=True, metavar="DIR", help="the scan's output folder")
    p.add_argument("--format", required=True, metavar="NAME", help="one of those above")
    p.add_argument("--to", required=True, metavar="DIR", help="a new folder, or that of an earlier export")
    which = p.add_argument_group("which calls")
    which.add_argument("--label", nargs="+", default=(), metavar="NAME", help="only these labels")
    which.add_argument("--site", nargs="+", default=(), metavar="NAME", help="only these sites")
    which.add_argument("--from", dest="from_", metavar="DATE", help="from this day on, local time")
    which.add_argument("--until", metavar="DATE", help="until the end of this day")
    which.add_argument("--min-score", type=share(), metavar="X", help="only calls of at least this score")
    which.add_argument("--reviewed-only", action="store_true", help="only calls that a review confirmed")
    p.add_argument("--deployments", metavar="CSV", help="where and when recorders were, if not known")
    p.add_argument("--classifier", metavar="DIR", help="the scan's classifier, if it was moved: it knows the band")
    own = p.add_argument_group("of some formats only")
    own.add_argument("--combined", action="store_true", default=None, help=f"one table for all ({of('combined')})")
    own.add_argument(
        "--audio-root", metavar="DIR",
        help=f"the folder of the recordings on the reader's machine ({of('audio_root')})",
    )  # fmt: skip
    own.add_argument(
        "--frequencies", choices=FREQUENCIES,
        help=f"of each call: what the classifier hears, or measured ({of('frequencies')})",
    )  # fmt: skip
    own.add_argument(
        "--scientific-name", nargs="+", metavar="LABEL=NAME",
        help=f"where the classifier tells none ({of('scientific_name')})",
    )  # fmt: skip
    own.add_argument("--context", type=float, metavar="S", help=f"seconds around a call ({of('context')})")
    own.add_argument("--best", type=positive_int, metavar="N", help=f"clips of a label ({of('best')})")
    own.add_argument(
        "--per-recording", type=positive_int, metavar="N", help=f"of them in one recording ({of('per_recording')})"
    )
    own.add_argument("--sound", choices=SOUND_FILES, help=f"how clips are written ({of('sound')})")
    own.add_argument("--occasion", choices=OCCASIONS, help=f"what a column is ({of('occasion')})")
    return p


def beam_options_of(chosen: Format, arguments: list[str]) -> PipelineOptions | None:
    """Beam's options; None for a format that needs no Beam, which then is not loaded.

    Raises:
        SoundbeamError: Beam does not know an option, or the format takes none.
    """
    if not (arguments or chosen.by_beam):
        return None
    from soundbeam.pipelines.runners.options import beam_options

    options = beam_options(arguments, option_names(parser()))
    if not chosen.by_beam:
        raise OptionError(f"{arguments[0]} does not belong to the format {chosen.name}: no pipeline writes it")
    return options


@program("export")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    own = parser()
    options, rest = own.parse_known_args(argv)
    from soundbeam.pipelines.export.contents.request import Exporting
    from soundbeam.pipelines.export.exporting import export
    from soundbeam.pipelines.export.formats import format_of

    try:
        request = Exporting(**vars(options))
        beam_opts = beam_options_of(format_of(request), rest)
    except SoundbeamError as e:
        own.error(str(e))
    print_exported(export(request, beam_opts))
    return 0


def print_exported(exported: Exported) -> None:
    """Prints what was written, and what is not in it."""
    say(f"{exported.calls} calls in {exported.recordings} recordings → {exported.files} files in {exported.to}")
    if exported.failed:
        say(f"not in it: {exported.failed} recordings that could not be listened to")
    if exported.undated:
        say(f"not in it: {exported.undated} recordings of unknown time")
    for note in exported.notes:
        say(note)


if __name__ == "__main__":
    sys.exit(main())
