"""The report's sentences: what was done, for a methods section, and how to cite it. Each figure is the scan's own."""

from __future__ import annotations

import datetime
from typing import Any

from soundbeam.model.estimation.totals import Estimate
from soundbeam.model.numbers import number
from soundbeam.pipelines.report.material import Material

_ENGINES = {
    "ai-edge-litert": "LiteRT",
    "apache-beam": "Apache Beam",
    "soundfile": "soundfile",
    "soxr": "soxr",
    "tensorflow": "TensorFlow",
    "keras": "Keras",
}
NAME = "soundbeam: finding and counting sounds in recordings"


def plural(n: int, one: str, several: str = "") -> str:
    """``1 call``, ``1,234 calls``."""
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def hours_text(hours: float) -> str:
    """Hours with as many digits as they deserve."""
    return f"{hours:,.0f} h" if hours >= 100 else f"{hours:.1f} h" if hours >= 10 else f"{hours:.2f} h"


def date_text(day: datetime.date | None) -> str:
    """``31 January 2024``; a dash where it is unknown."""
    return f"{day.day} {day:%B %Y}" if day else "–"


def listed(names: list[str], most: int = 6) -> str:
    """``a, b and c``; of many the first, and how many more."""
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def versions(material: Material) -> dict[str, str]:
    """Package → the version, or versions, of the runs that are current."""
    found: dict[str, list[str]] = {}
    for info in material.runs:
        for package, version in info.versions.items():
            if version not in found.setdefault(package, []):
                found[package].append(version)
    return {package: " and ".join(of_package) for package, of_package in found.items()}


def failed_text(material: Material) -> str:
    """How many files could not be listened to, as a clause."""
    statuses = material.listened.statuses
    told = [
        f"{plural(statuses[status], 'file')} {what}"
        for status, what in (("failed", "failed"), ("partial", "partly"), ("skipped", "skipped"))
        if statuses[status]
    ]
    return ", ".join(told)


def methods(material: Material, intervals: str) -> str:
    """The methods paragraph.

    Args:
        material: What was gathered.
        intervals: A sentence that says how the intervals of totals were made.
    """
    parameters, heard = material.info.parameters, material.listened
    told = [_recordings(material)]
    which = versions(material)
    software = f"soundbeam {which['soundbeam']}" if "soundbeam" in which else "soundbeam"
    with_engines = ", ".join(f"{_ENGINES[p]} {v}" for p, v in which.items() if p in _ENGINES)
    told.append(
        f"They were scanned with {software}{f' ({with_engines})' if with_engines else ''} by the classifier "
        f"{parameters.fingerprint[:16]} ({parameters.architecture}, "
        f"{plural(len(material.info.labels), 'label')}{f'; {parameters.licence}' if parameters.licence else ''})."
    )
    channel = {"mean": "the mean of all channels", "each": "each channel by itself"}.get(
        str(parameters.channel), f"channel {parameters.channel}"
    )
    told.append(
        f"It scored {channel} at {parameters.rate:,} Hz in windows of {parameters.window_s:g} s, one every "
        f"{parameters.hop_s:g} s, decoded by {parameters.decoder}."
    )
    told.append(_calls(material))
    if parameters.min_expected is not None:
        left_out = sum(material.total(label).unlikely for label in material.tallies)
        told.append(
            f"{plural(left_out, 'call')} of labels expected there and then with less than {parameters.min_expected:g} "
            f"{'was' if left_out == 1 else 'were'} left out."
        )
    totals = [f"{plural(material.total(label).calls, 'call')} of {material.name(label)}" for label in material.labels]
    if totals:
        told.append(f"This found {listed(totals)}.")
    told.append(intervals)
    told += [_review(material, label) for label in material.reviews]
    if heard.first:
        told.append(_rates(material))
    return " ".join(told)


def _recordings(material: Material) -> str:
    heard, parameters = material.listened, material.info.parameters
    n = heard.statuses["ok"] + heard.statuses["partial"]
    sites = [site for site in heard.sites if heard.recordings[site]]
    where = f" at {plural(len(sites), 'site')}" if sites else ""
    when = ""
    if heard.first and heard.last:
        first, last = date_text(heard.first.date()), date_text(heard.last.date())
        zones = sorted({material.clocks.timezone_of(site) for site in material.sites} or {parameters.timezone})
        when = f" from {first} to {last} (local time, {listed(zones, 3)})" if first != last else f" on {first}"
    text = f"We listened to {plural(n, 'recording')} of {hours_text(heard.total_hours)} in all{where}{when}."
    failed = heard.statuses["failed"]
    if failed:
        text += (
            f" {plural(failed, 'further file')} could not be decoded and {'is' if failed == 1 else 'are'} no part of "
            "the effort."
        )
    if heard.statuses["partial"]:
        text += f" {plural(heard.statuses['partial'], 'recording')} could be decoded only in part."
    if heard.undated[0] and heard.first:
        text += f" The time of {plural(heard.undated[0], 'recording')} ({hours_text(heard.undated[1])}) is unknown."
    return text


def _calls(material: Material) -> str:
    parameters = material.info.parameters
    thresholds = sorted({parameters.thresholds[label] for label in material.labels if label in parameters.thresholds})
    if not thresholds:
        thresholds = sorted(set(parameters.thresholds.values()))
    of = f"{thresholds[0]:.3g}" if len(thresholds) == 1 else f"{thresholds[0]:.3g} to {thresholds[-1]:.3g} by label"
    rules: dict[str, Any] = parameters.call_rules or {}
    if not rules:
        return f"Windows scored at or above the threshold ({of}) made calls."
    if rules.get("runs"):
        return f"Each run of neighbouring windows scored at or above the threshold ({of}) is one call."
    smooth = f", averaged over {rules['smooth_s']:g} s," if rules.get("smooth_s") else ""
    gap = f" and at least {rules['min_gap_s']:g} s lay between their peaks" if rules.get("min_gap_s") else ""
    return (
        f"Neighbouring windows whose log-odds{smooth} reached the threshold (a score of {of}) were joined into calls; "
        f"two calls were told apart where the log-odds fell by {rules.get('dip', 0):.3g} between them{gap}."
    )


def _review(material: Material, label: str) -> str:
    """What people judged, and what it corrects the label's total to."""
    review = material.reviews[label]
    name, judged = material.name(label), review.weighed
    people = plural(len(review.reviewers.names), "person", "people")
    text = (
        f"{plural(judged, 'window')} of {name}, drawn with known probabilities (design {review.design}), "
        f"{'was' if judged == 1 else 'were'} judged by {people}. Corrected by these verdicts, "
        f"{estimated(review.total)} windows have the sound"
    )
    text += f", in {estimated(review.calls)} calls" if review.calls else ""
    if review.own:
        text += (
            f"; at the threshold, precision is {estimated(review.own.precision, '.2f')} and recall "
            f"{estimated(review.own.recall, '.2f')}"
        )
    return f"{text} (90 % intervals)."


def estimated(estimate: Estimate | None, form: str = ",.0f") -> str:
    """``19 (15 to 24)``; a dash where nothing is known."""
    return f"{estimate.value:{form}} ({estimate.low:{form}} to {estimate.high:{form}})" if estimate else "–"


def _rates(material: Material) -> str:
    unit = "nights (noon to noon)" if material.by_night else "days"
    return (
        f"Rates are calls per hour of effort; their 90 % intervals take the {unit} of each site as independent units "
        "of a ratio estimator (Cochran 1977), and are at least as wide as those of a Poisson count (Garwood 1936)."
    )


def intervals_text(material: Material) -> str:
    """How the intervals of totals were made, in a sentence or two."""
    if material.bundle is None:
        return (
            "The ranges of totals are the sums of each recording's own 90 % interval, which take all errors for "
            "shared; they are no 90 % intervals of the totals."
        )
    draws = len(material.bundle.counting.draws)
    if draws > 1:
        return (
            "The 90 % intervals of totals come from the probability with which each peak of the scores is a call. What "
            f"the recordings' errors share (the fit of that probability and the share of missed calls, in {draws} "
            "bootstrap draws) is kept apart from what each peak has of its own."
        )
    return (
        "The 90 % intervals of totals take each peak of the scores for a call with the probability that its score "
        "states, and peaks for independent; errors that all recordings share, such as a background unlike any in "
        "training, are not in them."
    )


def citation(material: Material) -> tuple[str, str]:
    """How to cite the software with its version and the classifier: as text, and as BibTeX."""
    version = versions(material).get("soundbeam", "")
    fingerprint = material.info.parameters.fingerprint
    year = material.info.run[:4]
    licence = material.info.parameters.licence
    text = (
        f"The soundbeam authors ({year}). {NAME}{f' (version {version})' if version else ''} [computer software]. "
        f"Classifier {material.info.parameters.architecture}, fingerprint {fingerprint}"
        f"{f', licence {licence}' if licence else ''}."
    )
    lines = [
        "@software{soundbeam,",
        "  author = {{The soundbeam authors}},",
        f"  title = {{{{{NAME}}}}},",
        *([f"  version = {{{version}}},"] if version else []),
        f"  year = {{{year}}},",
        f"  note = {{Classifier fingerprint {fingerprint}}}",
        "}",
    ]
    return text, "\n".join(lines)


def quality(report: dict[str, Any], labels: list[str]) -> str:
    """How good the classifier was on what, from its bundle's report; "" where that says nothing."""
    calibrated = report.get("calibrated")
    if calibrated:
        of = {label: figures for label, figures in calibrated["labels"].items() if label in labels}
        shares = [
            f"{label}: precision {number(f['precision'])}, recall {number(f['recall'])}" for label, f in of.items()
        ]
        return (
            f"On the {calibrated['recordings']} annotated recordings that it was calibrated on: {'; '.join(shares[:3])}"
            if shares
            else ""
        )
    validation = report.get("validation", {})
    told = []
    for label, figures in validation.get("labels", {}).items():
        if label in labels and figures.get("precision") is not None:
            text = f"{label}: precision {number(figures['precision'])}, recall {number(figures.get('recall'))}"
            if figures.get("average_precision") is not None:
                text += f", average precision {number(figures['average_precision'])}"
            told.append(text)
    if not told:
        return ""
    n = validation.get("soundscapes")
    what = f"{n} soundscapes mixed from clips held out of training" if n else "clips held out of training"
    return f"On {what}: {'; '.join(told[:3])}{f'; and {len(told) - 3} labels more' if len(told) > 3 else ''}"
