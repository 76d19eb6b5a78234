"""Trains architectures on the same examples with the same budget, and says how good, how large and how fast each is.

    soundbeam compare --examples examples/ --architecture compact crnn_attention --folds 3 --output compared/
    python -m soundbeam.pipelines.compare --help

Each is trained once a fold on all other folds' clips and measured on that fold's. The budget is the number of training
windows, so that the same command gives the same figures on a slower machine. Every fold that is done is written at
once, and not done again: a comparison that was stopped goes on where it was.
"""

from __future__ import annotations

import dataclasses
import io
import sys
from typing import TYPE_CHECKING

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.console.arguments import Parser, folds, positive, positive_int, share
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import Progress, say
from soundbeam.pipelines.train.program import transferred

if TYPE_CHECKING:
    from soundbeam.model.training.comparison import Choice, FoldRow


def parser() -> Parser:
    """The command line of ``soundbeam compare``."""
    p = Parser(
        "compare",
        "Trains and cross-validates architectures on the same examples with the same budget.",
        "soundbeam compare --examples examples/ --architecture compact mobilenet --folds 3 --output compared/",
    )
    p.add_argument("--examples", required=True, metavar="DIR", help="made by 'soundbeam materialize'; any fsspec URL")
    p.add_argument("--output", required=True, metavar="DIR", help="where each fold's figures go (Parquet)")
    p.add_argument(
        "--architecture", action="extend", nargs="+", default=[], metavar="NAME", help="which (default: every one)"
    )
    p.add_argument("--folds", type=folds, default=5, metavar="K", help="by source recording (default: %(default)s)")
    p.add_argument(
        "--windows",
        type=positive_int,
        default=4800,
        metavar="N",
        help="training windows of each (default: %(default)s)",
    )
    p.add_argument("--front-end", metavar="KIND", help="for all, instead of each architecture's own")
    p.add_argument("--window", type=positive, metavar="SECONDS", help="for all, instead of each architecture's own")
    p.add_argument("--weights", default="none", metavar="FROM", help="of a frozen base: see 'soundbeam train'")
    p.add_argument(
        "--warp", type=share(), metavar="SHARE", help="most that clips are stretched in a classifier's training"
    )
    p.add_argument("--seed", type=int, default=0, metavar="S", help="decides everything random (default: 0)")
    return p


@program("compare")
def main(argv: list[str] | None = None) -> int:
    """Runs ``soundbeam compare``."""
    options = parser().parse_args(argv)
    from soundbeam.model.architectures import architecture_names, get_architecture
    from soundbeam.model.training.comparison import Contestant, choose
    from soundbeam.model.training.examples import read_manifest
    from soundbeam.model.training.train import Training

    read_manifest(options.examples)  # what is wrong with the examples is said once, not for each architecture
    names = tuple(dict.fromkeys(options.architecture)) or architecture_names()
    for name in names:
        get_architecture(name)  # a misspelt one must not be told after an hour
    results = Results(options.output)
    rows, failed = [], []
    for name in names:
        training = Training(
            options.examples,
            "",
            name,
            seed=options.seed,
            front_end=options.front_end,
            window_s=options.window,
            windows=options.windows,
            warp=options.warp,
        )
        try:
            if get_architecture(name).transfer:
                training = transferred(training, options.weights)
            contestant = Contestant(training, options.folds)
            for fold in range(options.folds):
                row = results.read(name, contestant.key(fold))
                if row is None:
                    progress = Progress(f"training {name}, fold {fold + 1} of {options.folds}, batches")
                    row = contestant.measure(fold, say, progress.step)
                    results.write(row)
                    say(f"{name}, fold {row.fold} of {row.folds}: {row.right} of {row.clips} right, {row.cpu_s:.0f} s")
                rows.append(row)
        except SoundbeamError as e:
            failed.append(name)
            say(f"{name}: {e}")
    if rows:
        show(choose(rows), options.windows)
    if failed:
        raise SoundbeamError(f"not compared: {', '.join(failed)}; the reasons stand above")
    return 0


class Results:
    """A folder of one Parquet file a fold; files of other settings may lie beside them.

    Args:
        url: Its URL.
    """

    def __init__(self, url: str):
        from soundbeam.model.storage.files import place_of

        try:
            place, self._folder = place_of(url)
        except (ValueError, ImportError) as e:
            raise SoundbeamError(f"{url}: {e}") from e
        self._fs = place.fs
        if self._fs.isfile(self._folder):
            raise SoundbeamError(f"{url}: is a file; give a folder for the results")

    def read(self, architecture: str, key: str) -> FoldRow | None:
        """The row of that key; None where it is not done yet."""
        import pyarrow.parquet as pq

        from soundbeam.model.training.comparison import FoldRow

        path = self._path(architecture, key)
        if not self._fs.exists(path):
            return None
        return FoldRow(**pq.read_table(io.BytesIO(self._fs.cat_file(path))).to_pylist()[0])

    def write(self, row: FoldRow) -> None:
        """Writes a row: under another name first, so that a death leaves no half of one."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist([dataclasses.asdict(row)]), buffer)
        path = self._path(row.architecture, row.key)
        self._fs.makedirs(self._folder, exist_ok=True)
        self._fs.pipe_file(f"{path}.tmp", buffer.getvalue())
        self._fs.mv(f"{path}.tmp", path)

    def _path(self, architecture: str, key: str) -> str:
        return f"{self._folder.rstrip('/')}/{architecture}-{key[:16]}.parquet"


def show(choices: list[Choice], windows: int) -> None:
    """Prints the table, the most accurate first."""
    heads = (
        "architecture",
        "accuracy",
        "95 % interval",
        "folds",
        "parameters",
        "multiply-adds",
        "windows/s",
        "train s",
    )
    lines = [
        (
            choice.name,
            f"{choice.accuracy:.1%}",
            f"{choice.low:.1%} – {choice.high:.1%}",
            "" if choice.spread is None else f"± {choice.spread:.1%}",
            f"{choice.rows[0].parameters:,}",
            f"{choice.rows[0].multiply_adds / 1e6:,.1f} M",
            f"{choice.rows[0].windows_per_cpu_s:,.0f}",
            f"{sum(row.cpu_s for row in choice.rows) / len(choice.rows):.0f}",
        )
        for choice in choices
    ]
    widths = [max(len(line[i]) for line in (heads, *lines)) for i in range(len(heads))]
    say()
    for line in (heads, *lines):
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        say("  ".join(cells).rstrip())
    clips = sum(row.clips for row in choices[0].rows)
    say()
    say(
        f"{clips} clips held out, each once; about {windows} training windows each. Interval: Wilson, over clips. "
        "Folds: standard deviation of their accuracies. Seconds are of one core's time."
    )


if __name__ == "__main__":
    sys.exit(main())
