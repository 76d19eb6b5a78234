"""The console script: ``soundbeam PROGRAM …``; each program is also ``python -m soundbeam.pipelines.PROGRAM …``."""

from __future__ import annotations

import importlib
import sys

PROGRAMS = {
    "synthesize": "make artificial recordings and clips, or lay clips over recordings, with an annotation table",
    "materialize": "turn labelled clips into training examples (TFRecord)",
    "train": "train a classifier on training examples",
    "import": "make a classifier of a model that others trained: BirdNET, TFLite, SavedModel, Keras",
    "compare": "train and cross-validate architectures with the same budget",
    "scan": "find and count the classifier's sounds in recordings",
    "embed": "write the embedding of every window of recordings",
    "search": "find the windows that sound most like some clips",
    "tables": "list the runs of a scan's output, and which rows are current",
    "review": "draw windows of a scan, look at them, and say what the verdicts come to",
    "evaluate": "compare a scan with annotations",
    "calibrate": "set thresholds, rules for calls and probabilities from annotated recordings",
    "label": "tell what clips are of: their highest labels, with scores",
    "show": "draw one recording's spectrogram with its calls and scores",
}
# Programs whose package in `soundbeam.pipelines` has another name: that of ``import`` would be no Python name.
PACKAGES = {"import": "import_model"}

USAGE = "usage: soundbeam PROGRAM [options]\n\nFinds and counts a sound in any number of recordings.\n\nprograms:\n"


def main(argv: list[str] | None = None) -> int:
    """Runs one program and returns its exit code."""
    from soundbeam.pipelines.console.process import prepare_process, restart_in_utf8

    if argv is None:
        restart_in_utf8()
        argv = sys.argv[1:]
    prepare_process()
    from soundbeam.pipelines.console.errors import printed

    if not argv or argv[0] in ("-h", "--help"):
        lines = "".join(f"  {name:<12} {what}\n" for name, what in PROGRAMS.items())
        print(f"{USAGE}{lines}\n'soundbeam PROGRAM --help' tells its options and shows an example.")
        return printed("", 0) if argv else 2
    name = argv[0]
    if name not in PROGRAMS:
        print(f"soundbeam: error: no program {name!r}; there are {', '.join(PROGRAMS)}", file=sys.stderr)
        return 2
    return run_program(name, argv[1:])


def run_program(name: str, argv: list[str] | None = None) -> int:
    """Prepares the process for a program, imports it, runs it, and returns its exit code.

    Imported late: 'soundbeam --help' must not wait for TensorFlow, and both it and Beam look on loading at what was
    prepared.

    Args:
        name: As in ``PROGRAMS``.
        argv: Its arguments; by default this process's.
    """
    from soundbeam.pipelines.console.errors import program
    from soundbeam.pipelines.console.surroundings import check_surroundings

    package = PACKAGES.get(name, name)

    @program(name)
    def checked(argv: list[str] | None = None) -> int:
        check_surroundings()
        code: int = importlib.import_module(f"soundbeam.pipelines.{package}.program").main(argv)
        return code

    return checked(argv)


def launch(name: str) -> int:
    """Runs a program that was started by ``python -m``, without the current folder, which Python puts on the path."""
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]  # before anything else is imported
    from soundbeam.pipelines.console.process import restart_in_utf8

    restart_in_utf8()
    return run_program(name)


if __name__ == "__main__":
    sys.exit(main())
