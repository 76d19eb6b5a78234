"""Reviewers' verdicts on windows of a scan → a calibrated classifier bundle; nothing is decoded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from soundbeam.model.classifier.bundle import ClassifierBundle, load_bundle
from soundbeam.model.classifier.bundle_files import check_destination
from soundbeam.model.classifier.calibration import Calibration, log_odds, sigmoid
from soundbeam.model.classifier.changed_bundle import save_changed
from soundbeam.model.classifier.count_interval import AS_SCORED
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.estimation.score_fit import fit_line
from soundbeam.model.report.evidence import Evidence
from soundbeam.model.tasks import DETECTOR
from soundbeam.pipelines.console.output import redacted
from soundbeam.pipelines.review.label_posterior import LabelPosterior, label_posterior
from soundbeam.pipelines.review.store import ReviewStore
from soundbeam.pipelines.review.weighed_verdicts import reviewed_labels


@dataclasses.dataclass(frozen=True)
class CalibratingByReviews:
    """What to calibrate by which reviews.

    Attributes:
        classifier: URL of the bundle.
        reviews: URL of the output folder with the scan and the reviews.
        to: URL of the folder for the new bundle.
        precision: The share of windows over the threshold that should have the sound; None: the best F1.
    """

    classifier: str
    reviews: str
    to: str
    precision: float | None = None


def calibrate_by_reviews(request: CalibratingByReviews, say: Callable[[str], None]) -> ClassifierBundle:
    """Writes the bundle with the calibration and thresholds that the verdicts give, and the same network.

    Args:
        request: What to calibrate by which reviews.
        say: Takes lines for people.

    Raises:
        SoundbeamError: There are no verdicts on windows that this classifier scored, or the new folder holds other
            things. Nothing is written.
    """
    check_destination(request.to)
    bundle, store = load_bundle(request.classifier), ReviewStore(request.reviews)
    slopes, biases = _present(bundle)
    thresholds, figures, hops = dict(bundle.thresholds), {}, set[float]()
    for label in reviewed_labels(store, request.reviews):
        of = label_posterior(request.reviews, store, label)
        info = of.verdicts.sample.info
        if info.classifier != bundle.fingerprint:
            raise SoundbeamError(
                f"{request.reviews}: the reviewed windows of {label!r} were scored by another classifier "
                f"({info.classifier[:12]}) than {request.classifier} ({bundle.fingerprint[:12]}); give the one that "
                "scanned"
            )
        for line in of.verdicts.notes:
            say(f"{label}: {line}")
        hops.add(info.hop_s)
        at = bundle.labels.index(label)
        slope, height = fit_line(of.posterior.judged) if bundle.task == DETECTOR else (1.0, 0.0)
        slopes[at], biases[at] = slope * slopes[at], slope * biases[at] + height
        chosen = _threshold(of, request.precision, label, say)
        thresholds[label] = float(sigmoid(slope * log_odds(chosen) + height))
        figures[label] = _figures(of, chosen, thresholds[label], bundle.thresholds[label], slope, height)
    changes: dict[str, Any] = {"thresholds": thresholds, "hop_s": min(hops)}
    if bundle.task == DETECTOR:
        calibration = Calibration(float(slopes[0]), tuple(biases.tolist()), tuple(slopes.tolist()))
        changes |= {"calibration": calibration, "counting": AS_SCORED}
        if len(bundle.labels) == 1:
            dip = bundle.call_rules.dip * slopes[0] / _present(bundle)[0][0]
            changes["call_rules"] = dataclasses.replace(bundle.call_rules, dip=float(dip))
        else:
            say("the rules for calls stay as they are, because all labels share them")
    else:
        say("scores are not calibrated: those of a classifier, whose labels exclude each other, add up to 1")
    report = {
        "classifier": bundle.fingerprint,
        "reviews": redacted(request.reviews),
        "precision": request.precision,
        "labels": figures,
    }
    calibrated = save_changed(request.to, bundle, **changes, report={**bundle.report, "reviewed": report})
    from soundbeam.model.report.page import write_report

    write_report(calibrated.url, calibrated, Evidence((), ()))
    return calibrated


def _present(bundle: ClassifierBundle) -> tuple[np.ndarray, np.ndarray]:
    """Each label's slope and bias, from the network's log-odds to the calibrated ones."""
    n, present = len(bundle.labels), bundle.calibration
    if present is None or not present.biases:
        return np.ones(n), np.zeros(n)
    return np.array(present.slopes or [present.slope] * n), np.array(present.biases)


def _threshold(of: LabelPosterior, precision: float | None, label: str, say: Callable[[str], None]) -> float:
    """The score, as it is in the results, from which on a window belongs to a call."""
    if precision is None:
        return _within(of.curve.best())
    wanted = of.curve.threshold_for(precision).value
    if wanted is None:
        say(f"{label}: no threshold is known to reach a precision of {precision:g}; that of the best one is taken")
        return _within(of.curve.most_precise())
    return _within(wanted)


def _within(threshold: float) -> float:
    return float(np.clip(threshold, 1e-6, 1 - 1e-6))


def _figures(
    of: LabelPosterior, chosen: float, threshold: float, before: float, slope: float, height: float
) -> dict[str, Any]:
    verdicts = [of.verdicts.heard[row["review_id"]] for row in of.rows]
    told: dict[str, Any] = {"verdicts": len(verdicts), "yes": sum(verdicts), "slope": slope, "height": height}
    for name, at, shown in (("before", of.threshold, before), ("after", chosen, threshold)):
        point = of.curve.at(at)
        shares = [None, None] if point is None else [dataclasses.asdict(share) for share in point]
        told[name] = {"threshold": shown, "precision": shares[0], "recall": shares[1]}
    return told
