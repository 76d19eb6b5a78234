"""The programs as functions, with the same configurations and the same code as the command lines."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from soundbeam.classifier import Classifier
from soundbeam.model.errors import OptionError
from soundbeam.model.storage.files import path_text

if TYPE_CHECKING:
    import pyarrow as pa

    Path = str | os.PathLike[str]

_log = logging.getLogger("soundbeam")


@dataclasses.dataclass(frozen=True)
class ScanSummary:
    """How a scan ended.

    Attributes:
        output: The folder of the tables.
        run: The name of the run; None if nothing was new.
        classifier: The bundle's fingerprint.
        recordings: status → number of files.
        hours, windows: How much was scanned.
        labels: How many labels the scan is about.
        calls: label → number of calls; of more than 100 labels only those with a call, the most frequent first.
        range: label → lowest and highest plausible number of calls.
        counted, heard: label → number of recordings that were counted, and of those with a call.
        bad: The first files that failed or are partial: status, recording, error.
        unchanged, before_since, gone: How many files were scanned before, were left out, and no longer exist.
        renamed: How many files were scanned before under other names.
        duplicates: How many recordings are the same files as others, under other names.
        notes: Kind of note → number of recordings.
        left_out: Kind → how many files of the folders are no recordings by their names.
        hints: What patterns missed that they may have meant, a line each.
        resumed_runs: Runs that had been interrupted and were resumed.
        scan_s: How many seconds the scan took.
        licence: The classifier's, of an imported model.
        unlikely: label → number of calls that were left out as less expected there and then than ``min_expected``.
        unplaced: Why nothing is known to be expected → site → number of recordings.
        min_expected: As it was given.
        expects: Whether calls say how far they are expected there and then.
        built_for: ``dry run`` or ``template`` if the job was built but not run, else "".

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
    labels: int = 0
    calls: dict[str, int] = dataclasses.field(default_factory=dict)
    range: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    counted: dict[str, int] = dataclasses.field(default_factory=dict)
    heard: dict[str, int] = dataclasses.field(default_factory=dict)
    bad: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    unchanged: int = 0
    before_since: int = 0
    gone: int = 0
    renamed: int = 0
    duplicates: int = 0
    notes: dict[str, int] = dataclasses.field(default_factory=dict)
    left_out: dict[str, int] = dataclasses.field(default_factory=dict)
    hints: list[str] = dataclasses.field(default_factory=list)
    resumed_runs: list[str] = dataclasses.field(default_factory=list)
    scan_s: float = 0.0
    licence: str = ""
    unlikely: dict[str, int] = dataclasses.field(default_factory=dict)
    unplaced: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)
    min_expected: float | None = None
    expects: bool = False
    built_for: str = ""


class EvaluationFigures(Mapping[str, Any]):
    """The figures of ``soundbeam evaluate --json``, by attribute or by key.

    Example:
        >>> figures = EvaluationFigures({"evaluated": 3})
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
        return f"EvaluationFigures({self._figures!r})"


def scan(recordings: Path | Sequence[Path], classifier: Path, output: Path, options: Mapping[str, Any]) -> ScanSummary:
    """See `soundbeam.scan`."""
    from soundbeam.pipelines.scan.program import parser
    from soundbeam.pipelines.scan.request import Scan

    return _listen(recordings, classifier, output, options, Scan, parser())


def embed(recordings: Path | Sequence[Path], classifier: Path, output: Path, options: Mapping[str, Any]) -> ScanSummary:
    """See `soundbeam.embed`."""
    from soundbeam.pipelines.embed.program import parser
    from soundbeam.pipelines.embed.request import Embed

    return _listen(recordings, classifier, output, options, Embed, parser())


def _listen(
    recordings: Path | Sequence[Path],
    classifier: Path,
    output: Path,
    options: Mapping[str, Any],
    kind: Any,
    parser: Any,
) -> ScanSummary:
    """A run of a kind of `Listening`, whose program has a parser."""
    from soundbeam.pipelines.scan.job import scan as run
    from soundbeam.pipelines.scan.listening_options import beam_options
    from soundbeam.pipelines.scan.summary import check, figures_of

    own, beam_flags = _split(options, kind)
    patterns = [recordings] if isinstance(recordings, (str, bytes, os.PathLike)) else recordings
    request = kind(
        [path_text(pattern, "recordings") for pattern in patterns],
        path_text(classifier, "classifier"),
        path_text(output, "output"),
        **own,
    )
    figures = figures_of(run(request, beam_options(_flags(beam_flags), parser)), request.output)
    check(figures)
    return ScanSummary(output=request.output, **figures)


def search(
    embeddings: Path, query: Path | Sequence[Path], values: Mapping[str, Any], options: Mapping[str, Any]
) -> pa.Table:
    """See `soundbeam.search`."""
    from soundbeam.pipelines.console.arguments import option_names
    from soundbeam.pipelines.runners.options import beam_options
    from soundbeam.pipelines.search.nearest_windows import search as run
    from soundbeam.pipelines.search.program import parser
    from soundbeam.pipelines.search.request import Search

    clips = [query] if isinstance(query, (str, bytes, os.PathLike)) else query
    own: dict[str, Any] = {name: _plain(name, value) for name, value in values.items()}
    request = Search(path_text(embeddings, "embeddings"), [path_text(clip, "query") for clip in clips], **own)
    return run(request, beam_options(_flags(options), option_names(parser())))


def materialize(clips: Path, examples: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """See `soundbeam.materialize`."""
    from soundbeam.pipelines.console.arguments import option_names
    from soundbeam.pipelines.materialize.program import make, parser
    from soundbeam.pipelines.materialize.request import Materializing
    from soundbeam.pipelines.runners.options import beam_options

    own, beam_flags = _split(options, Materializing)
    request = Materializing(path_text(clips, "clips"), path_text(examples, "examples"), **own)
    request.check()
    return make(request, beam_options(_flags(beam_flags), option_names(parser())))


def import_model(model: Path, classifier: Path, options: Mapping[str, Any]) -> Classifier:
    """See `soundbeam.import_model`."""
    from soundbeam.model.classifier.imported import importing

    own, unknown = _split(options, importing.Importing)
    if unknown:
        raise OptionError(f"import has no option {next(iter(unknown))!r}")
    request = importing.Importing(path_text(model, "model"), path_text(classifier, "classifier"), **own)
    return Classifier(importing.import_model(request, _log.warning))


def train(examples: Path, classifier: Path, target: str | Sequence[str], options: Mapping[str, Any]) -> Classifier:
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
    of_task = Training(path_text(examples, "examples"), path_text(classifier, "classifier"), **own)
    training = with_frozen_base(of_task, weights, fine_tune)
    return Classifier(trained(training, folds_figures(training, folds, _log.info), _log.info))


def evaluate(annotations: Path | None, output: Path, clips: Path | None, precision: float | None) -> EvaluationFigures:
    """See `soundbeam.evaluate`."""
    if (annotations is None) == (clips is None):
        raise OptionError("evaluate needs either annotations or clips")
    output = path_text(output, "output")
    if clips is not None:
        from soundbeam.pipelines.evaluate.clips import evaluate_clips, plain_figures

        if precision is not None:
            raise OptionError("precision needs annotations")
        return EvaluationFigures(plain_figures(evaluate_clips(path_text(clips, "clips"), output)))
    from soundbeam.pipelines.evaluate.annotations import read_annotations
    from soundbeam.pipelines.evaluate.recordings import compare

    truth = read_annotations(path_text(annotations, "annotations"))
    return EvaluationFigures(compare(truth, output, precision))


def calibrate(
    classifier: Path,
    annotations: Path | None,
    output: Path | None,
    to: Path,
    precision: float | None,
    reviews: Path | None,
) -> Classifier:
    """See `soundbeam.calibrate`."""
    if (annotations is None or output is None) == (reviews is None) or (reviews and (annotations or output)):
        raise OptionError("calibrate needs either annotations and output, or reviews")
    paths = {"classifier": classifier, "to": to}
    if reviews is not None:
        from soundbeam.pipelines.calibrate.by_reviews import CalibratingByReviews, calibrate_by_reviews

        paths |= {"reviews": reviews}
        plain = {name: path_text(path, name) for name, path in paths.items()}
        return Classifier(calibrate_by_reviews(CalibratingByReviews(**plain, precision=precision), _log.warning))
    from soundbeam.pipelines.calibrate.calibrating import Calibrating
    from soundbeam.pipelines.calibrate.calibrating import calibrate as run

    paths |= {"annotations": annotations or "", "output": output or ""}
    plain = {name: path_text(path, name) for name, path in paths.items()}
    return Classifier(run(Calibrating(**plain, precision=precision), _log.warning))


def _split(options: Mapping[str, Any], of: type[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divides options into those that are fields of a dataclass and the others."""
    names = {field.name for field in dataclasses.fields(of) if field.init}
    own = {name: _plain(name, value) for name, value in options.items() if name in names}
    return own, {name: value for name, value in options.items() if name not in names}


def _plain(name: str, value: Any) -> Any:
    """An option as a command line gives it: of a path, the text."""
    return path_text(value, name) if isinstance(value, (bytes, os.PathLike)) else value


def _flags(options: Mapping[str, Any]) -> list[str]:
    """Keywords as flags of Beam: True is the bare flag, a list repeats the flag, None and False omit it."""
    flags = []
    for name, value in options.items():
        for each in value if isinstance(value, (list, tuple)) else [value]:
            if each is not None and each is not False:
                flags.append(f"--{name}" if each is True else f"--{name}={each}")
    return flags
