"""The programs as functions: the same configurations and the same code as their command lines."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

from soundbeam.classifier import Classifier
from soundbeam.model.errors import OptionError

_log = logging.getLogger("soundbeam")


@dataclasses.dataclass(frozen=True)
class ScanSummary:
    """How a scan ended.

    Attributes:
        output: The folder of the tables.
        run: The run's name; None where nothing was new.
        classifier: The bundle's fingerprint.
        recordings: status → number of files.
        hours, windows: What was listened to.
        calls: label → number of calls.
        range: label → least and most calls.
        counted, heard: label → number of recordings that were counted, and that hold a call.
        bad: The first files that failed or are partial: status, recording, error.
        unchanged, before_since, gone: How many files were left alone, left out, and are no longer there.
        resumed_runs: Runs that had died and were resumed.
        scan_s: Seconds that it took.
        built_for: ``dry run`` or ``template`` where the job was built and nothing has run, else "".

    Example:
        >>> ScanSummary("results/", unchanged=3).run is None
        True
    """

    output: str
    run: str | None = None
    classifier: str | None = None
    recordings: dict[str, int] = dataclasses.field(default_factory=dict)
    hours: float = 0.0
    windows: int = 0
    calls: dict[str, int] = dataclasses.field(default_factory=dict)
    range: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    counted: dict[str, int] = dataclasses.field(default_factory=dict)
    heard: dict[str, int] = dataclasses.field(default_factory=dict)
    bad: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    unchanged: int = 0
    before_since: int = 0
    gone: int = 0
    resumed_runs: list[str] = dataclasses.field(default_factory=list)
    scan_s: float = 0.0
    built_for: str = ""


class Evaluation(Mapping[str, Any]):
    """The figures of ``soundbeam evaluate --json``, by attribute or by key.

    Example:
        >>> figures = Evaluation({"evaluated": 3})
        >>> figures.evaluated, figures["evaluated"]
        (3, 3)
    """

    def __init__(self, figures: Mapping[str, Any]):
        self._figures = dict(figures)

    def __getitem__(self, name: str) -> Any:
        return self._figures[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._figures:
            raise AttributeError(f"no figure {name!r}")
        return self._figures[name]

    def __iter__(self):
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)

    def __repr__(self) -> str:
        return f"Evaluation({self._figures!r})"


def scan(recordings: str | Sequence[str], classifier: str, output: str, options: Mapping[str, Any]) -> ScanSummary:
    """See `soundbeam.scan`."""
    from soundbeam.pipelines.console.arguments import option_names
    from soundbeam.pipelines.runners.options import beam_options
    from soundbeam.pipelines.scan.job import scan as run
    from soundbeam.pipelines.scan.program import parser
    from soundbeam.pipelines.scan.request import Scan
    from soundbeam.pipelines.scan.summary import check, figures_of

    own, of_beam = _split(options, Scan)
    patterns = [recordings] if isinstance(recordings, (str, os.PathLike)) else recordings
    wanted = Scan([str(p) for p in patterns], str(classifier), str(output), **own)
    _check_scan(wanted)
    wanted.check()
    figures = figures_of(run(wanted, beam_options(_flags(of_beam), option_names(parser()))), wanted.output)
    check(figures)
    return ScanSummary(output=wanted.output, **figures)


def materialize(clips: str, examples: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """See `soundbeam.materialize`."""
    from soundbeam.pipelines.console.arguments import option_names
    from soundbeam.pipelines.materialize.program import make, parser
    from soundbeam.pipelines.materialize.request import Materializing
    from soundbeam.pipelines.runners.options import beam_options

    own, of_beam = _split(options, Materializing)
    wanted = Materializing(str(clips), str(examples), **own)
    wanted.check()
    return make(wanted, beam_options(_flags(of_beam), option_names(parser())))


def train(examples: str, classifier: str, target: str | Sequence[str], options: Mapping[str, Any]) -> Classifier:
    """See `soundbeam.train`."""
    from soundbeam.model.training.plan import Training
    from soundbeam.pipelines.train.frozen_base import with_frozen_base
    from soundbeam.pipelines.train.program import folds_figures, trained

    values = dict(options)
    folds, weights = values.pop("folds", None), values.pop("weights", "none")
    fine_tune = values.pop("fine_tune", 0)
    own, unknown = _split(values, Training)
    if unknown:
        raise OptionError(f"train has no option {next(iter(unknown))!r}")
    targets = (target,) if isinstance(target, str) else tuple(target)
    own = {"architecture": "compact", "targets": targets, **own}
    training = with_frozen_base(Training(str(examples), str(classifier), **own), weights, fine_tune)
    return Classifier(trained(training, folds_figures(training, folds, _log.info), _log.info))


def evaluate(annotations: str | None, output: str, clips: str | None, precision: float | None) -> Evaluation:
    """See `soundbeam.evaluate`."""
    if (annotations is None) == (clips is None):
        raise OptionError("evaluate wants either annotations or clips")
    if clips is not None:
        from soundbeam.pipelines.evaluate.clips import evaluate_clips, plain_figures

        if precision is not None:
            raise OptionError("precision wants annotations")
        return Evaluation(plain_figures(evaluate_clips(str(clips), str(output))))
    from soundbeam.pipelines.evaluate.annotations import read_annotations
    from soundbeam.pipelines.evaluate.recordings import compare

    return Evaluation(compare(read_annotations(str(annotations)), str(output), precision))


def _check_scan(wanted: Any) -> None:
    """What the command line's types check."""
    if wanted.threshold is not None and not 0 < wanted.threshold < 1:
        raise OptionError(f"threshold {wanted.threshold} does not lie between 0 and 1")
    for name in ("hop", "segment", "batch_size", "checkpoint_every"):
        value = getattr(wanted, name)
        if value is not None and not 0 < value < float("inf"):
            raise OptionError(f"{name} {value} is not a number above zero")


def _split(options: Mapping[str, Any], of: type[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What are fields of a dataclass, and the rest."""
    names = {field.name for field in dataclasses.fields(of)}
    own = {name: value for name, value in options.items() if name in names}
    return own, {name: value for name, value in options.items() if name not in names}


def _flags(options: Mapping[str, Any]) -> list[str]:
    """Keywords as Beam's flags: True is the bare flag, a list several of it, None and False none."""
    flags = []
    for name, value in options.items():
        for each in value if isinstance(value, (list, tuple)) else [value]:
            if each is not None and each is not False:
                flags.append(f"--{name}" if each is True else f"--{name}={each}")
    return flags
