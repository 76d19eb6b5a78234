"""Makes classifier bundles: of examples, of models that others trained, of verdicts; and reads them."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from soundbeam.keywords import flags, split
from soundbeam.model.errors import OptionError
from soundbeam.model.storage.files import path_text

if TYPE_CHECKING:
    from soundbeam.classifier import Classifier

    Path = str | os.PathLike[str]
_log = logging.getLogger("soundbeam")


def load_classifier(url: Path) -> Classifier:
    """Reads a classifier bundle.

    Args:
        url: The folder of the bundle: a local path or any fsspec URL.

    Raises:
        BundleError: It is not a bundle, or is damaged.

    Example:
        >>> load_classifier("bundle/").labels
        ('low',)
    """
    from soundbeam.classifier import Classifier
    from soundbeam.model.classifier.bundle import load_bundle

    return Classifier(load_bundle(path_text(url, "url")))


def import_model(model: Path, classifier: Path, **options: Any) -> Classifier:
    """Makes a classifier bundle of a model that others trained, as ``soundbeam import`` does.

    Args:
        model: A ``.tflite`` or ``.keras`` file, a SavedModel's folder, or ``birdnet``.
        classifier: The folder for the bundle; a bundle that is there is replaced.
        options: ``labels``, ``rate``, ``activation`` and the other fields of
            `model.classifier.imported.importing.Importing`.

    Raises:
        SoundbeamError: It is no model of sounds, or something that it does not say was not given.

    Example:
        >>> import_model("model.tflite", "imported/", rate=8000, activation="sigmoid").labels
        ('low', 'high')
    """
    from soundbeam.classifier import Classifier
    from soundbeam.model.classifier.imported import importing

    own, unknown = split(options, importing.Importing)
    if unknown:
        raise OptionError(f"import has no option {next(iter(unknown))!r}")
    request = importing.Importing(path_text(model, "model"), path_text(classifier, "classifier"), **own)
    return Classifier(importing.import_model(request, _log.warning))


def materialize(clips: Path | None, examples: Path, **options: Any) -> dict[str, Any]:
    """Turns labelled clips into training examples, as ``soundbeam materialize`` does.

    Args:
        clips: A folder with one folder per label, or a CSV ``path,label[,start_s,end_s][,source]``; with
            ``recordings=``, annotations of these; or None with ``reviews=``, results with verdicts.
        examples: The folder for the examples.
        options: The other fields of `pipelines.materialize.request.Materializing`, and Beam's options.

    Returns:
        The manifest.

    Example:
        >>> sorted(materialize("clips/", "examples/", rate=8000, window=1)["labels"])
        ['low', 'other']
    """
    from soundbeam.pipelines.annotations.annotation_options import OPTIONS, options_from
    from soundbeam.pipelines.console.arguments import option_names
    from soundbeam.pipelines.materialize.program import make, parser
    from soundbeam.pipelines.materialize.request import Materializing
    from soundbeam.pipelines.runners.options import beam_options

    reading = {name: options[name] for name in OPTIONS if name in options}
    own, beam_flags = split({name: options[name] for name in options if name not in reading}, Materializing)
    for name in ("recordings", "reviews"):
        if name in own:
            several = [own[name]] if isinstance(own[name], (str, os.PathLike)) else own[name]
            own[name] = tuple(path_text(path, name) for path in several)
    of_clips = None if clips is None and own.get("reviews") else path_text(clips, "clips")
    request = Materializing(of_clips, path_text(examples, "examples"), reading=options_from(reading), **own)
    request.check()
    return make(request, beam_options(flags(beam_flags), option_names(parser())))


def train(examples: Path, classifier: Path, target: str | Sequence[str] = (), **options: Any) -> Classifier:
    """Trains a classifier on examples and writes its bundle, as ``soundbeam train`` does.

    Args:
        examples: The folder that `materialize` wrote.
        classifier: The folder for the bundle; a bundle that is there is replaced.
        target: The label, or labels, to detect; without it, all labels are distinguished.
        options: ``architecture``, ``base``, ``epochs``, ``folds``, ``weights`` and the other fields of
            `model.training.plan.Training`.

    Example:
        >>> trained = train("examples/", target="low", classifier="trained/", windows=640)
        >>> trained.labels
        ('low',)
    """
    from soundbeam.classifier import Classifier
    from soundbeam.model.training.plan import Training
    from soundbeam.pipelines.train.frozen_base import with_frozen_base
    from soundbeam.pipelines.train.program import folds_figures, trained

    values = dict(options)
    folds, weights = values.pop("folds", None), values.pop("weights", "none")
    fine_tune = values.pop("fine_tune", 0)
    own, unknown = split(values, Training)
    if unknown:
        raise OptionError(f"train has no option {next(iter(unknown))!r}")
    targets = (target,) if isinstance(target, str) else tuple(target)
    own = {"architecture": "compact", "targets": targets, **own}
    of_task = Training(path_text(examples, "examples"), path_text(classifier, "classifier"), **own)
    training = with_frozen_base(of_task, weights, fine_tune)
    return Classifier(trained(training, folds_figures(training, folds, _log.info), _log.info))


def calibrate(
    classifier: Path,
    annotations: Path | None = None,
    output: Path | None = None,
    to: Path = "",
    precision: float | None = None,
    *,
    reviews: Path | None = None,
    **reading: Any,
) -> Classifier:
    """Sets thresholds, rules and probabilities from a scan and annotations or reviews, as ``soundbeam calibrate`` does.

    Args:
        classifier, output: Folders of the bundle and of a scan with it; nothing is decoded again.
        annotations: As for `evaluate`, of recordings whose calls are all known.
        to, precision: The new bundle's folder, and the share of calls that should be right; None: the best F1.
        reviews: Instead of ``annotations`` and ``output``: the folder of a scan whose windows were reviewed.
        reading: As for `evaluate`.

    Example:
        >>> calibrate("bundle/", "annotations.csv", "results/", "calibrated/").labels
        ('low',)
    """
    from soundbeam.classifier import Classifier

    if (annotations is None or output is None) == (reviews is None) or (reviews and (annotations or output)):
        raise OptionError("calibrate needs either annotations and output, or reviews")
    paths = {"classifier": classifier, "to": to}
    if reviews is not None:
        from soundbeam.pipelines.calibrate.by_reviews import CalibratingByReviews, calibrate_by_reviews

        paths |= {"reviews": reviews}
        paths_text = {name: path_text(path, name) for name, path in paths.items()}
        return Classifier(calibrate_by_reviews(CalibratingByReviews(**paths_text, precision=precision), _log.warning))
    from soundbeam.pipelines.annotations.annotation_options import options_from
    from soundbeam.pipelines.calibrate.calibrating import Calibrating
    from soundbeam.pipelines.calibrate.calibrating import calibrate as run

    paths |= {"annotations": annotations or "", "output": output or ""}
    paths_text = {name: path_text(path, name) for name, path in paths.items()}
    return Classifier(run(Calibrating(**paths_text, precision=precision, reading=options_from(reading)), _log.warning))
