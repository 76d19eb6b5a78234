"""Makes a small corpus of artificial recordings and clips, or lays real clips over real backgrounds.

    soundbeam synthesize --output corpus
    soundbeam synthesize --clips held_out/ --backgrounds 'quiet/*.wav' --output mixes --target capuchinbird
    soundbeam synthesize --clips speakers.csv --callers 3 --output mixes --snr 20 40

The first writes corpus/recordings (calls of birds over wind, rain, insects and other birds' chirps; WAV, FLAC, OGG and
MP3, mono and stereo, 11.025 to 48 kHz), corpus/clips/call and corpus/clips/other (of other individuals) and
corpus/annotations.csv (recording, start_s, end_s, label, snr_db: every call; a recording without a call has no row).
The same options give the same sound, byte for byte in WAV and FLAC. The others: see `pipelines.synthesize.mixes`.
"""

from __future__ import annotations

import sys

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.console.arguments import Parser, positive, positive_int
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.synthesize.corpus import make_corpus


def parser() -> Parser:
    """The program's options."""
    p = Parser(
        "synthesize",
        "Makes a small corpus of artificial recordings and labelled clips, with an annotation table; or, with\n"
        "--clips, lays those clips over backgrounds, to measure a detector or classifier on.",
        "soundbeam synthesize --output corpus --recordings 10 --minutes 2\n"
        "  soundbeam synthesize --clips held_out/ --backgrounds 'quiet/*.wav' --output mixes --target capuchinbird",
    )
    p.add_argument(
        "--output", required=True, metavar="DIR", help="folder to write; new, empty, or made by synthesize before"
    )
    p.add_argument("--recordings", type=positive_int, default=10, metavar="N", help="how many (default 10)")
    p.add_argument("--minutes", type=positive, default=2.0, metavar="M", help="length of each (default 2)")
    p.add_argument("--seed", type=int, default=0, metavar="S", help="another number gives another corpus (default 0)")
    mixes = p.add_argument_group("mixes")
    mixes.add_argument(
        "--clips", metavar="DIR", help="held-out clips: one folder a label, or a CSV, as for materialize"
    )
    mixes.add_argument(
        "--backgrounds",
        nargs="+",
        metavar="PATTERN",
        help="recordings without a target: files, globs, folders, @lists (default: faint noise)",
    )
    mixes.add_argument(
        "--target", nargs="+", metavar="LABEL", help="what calls; all other labels are distractors (default: all call)"
    )
    mixes.add_argument(
        "--callers", type=positive_int, metavar="N", help="sources in one recording, of the targets in turn (default 1)"
    )
    mixes.add_argument(
        "--snr", nargs=2, type=float, metavar=("LOW", "HIGH"), help="dB of a call above the background (default -5 18)"
    )
    mixes.add_argument("--rate", type=positive_int, metavar="HZ", help="of the mixes (default 16000)")
    return p


@program("synthesize")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    options = parser().parse_args(argv)
    if options.seed < 0:
        raise SoundbeamError(f"--seed {options.seed}: give a whole number from 0 on")
    if options.clips is None:
        for name in ("backgrounds", "target", "callers", "snr", "rate"):
            if getattr(options, name) is not None:
                raise SoundbeamError(f"--{name} is for mixes only: give --clips with it")
        return make_corpus(options)
    from soundbeam.pipelines.synthesize.mixes import make_mixes

    return make_mixes(options)


if __name__ == "__main__":
    sys.exit(main())
