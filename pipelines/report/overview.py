"""The report's first part: what was listened to, with which classifier, and what was found."""

from __future__ import annotations

import numpy as np

from soundbeam.model.survey.accumulation import accumulation
from soundbeam.model.survey.effort_pictures import MOST_SITES, effort_calendar
from soundbeam.model.survey.label_pictures import accumulation_curve, first_and_last
from soundbeam.pipelines.report.csv_links import Table, csv_link
from soundbeam.pipelines.report.material import Material
from soundbeam.pipelines.report.page_pictures import Picture, date_of
from soundbeam.pipelines.report.wording import date_text, estimated, failed_text, hours_text, plural, quality

_MATRIX_SITES, _MATRIX_LABELS = 10, 12  # calls by label and site, on the first screen
_REASONS = 8


def facts(material: Material) -> list[tuple[str, str, list[str]]]:
    """Title, large figure and lines of the first screen's three boxes."""
    heard, parameters = material.listened, material.info.parameters
    n = heard.statuses["ok"] + heard.statuses["partial"]
    lines = [
        f"{plural(n, 'recording')} at {plural(len(heard.sites), 'site')}" if heard.sites else plural(n, "recording")
    ]
    if heard.first and heard.last:
        first, last = heard.first.date(), heard.last.date()
        lines.append(date_text(first) if first == last else f"{date_text(first)} to {date_text(last)}, local time")
    elif n:
        lines.append("no recording says when it was made")
    if heard.undated[0] and heard.first:
        lines.append(f"{plural(heard.undated[0], 'recording')} of unknown time")
    lines.append(failed_text(material) or "no file failed")
    classifier = [f"fingerprint {parameters.fingerprint[:16]}"]
    classifier += [f"licence: {parameters.licence}"] if parameters.licence else []
    classifier.append(f"{plural(len(material.info.labels), 'label')}, windows of {parameters.window_s:g} s")
    if material.bundle is not None:
        good = quality(material.bundle.report, material.labels)
        classifier.append(good or "its bundle does not say how good it is")
    else:
        classifier.append("how good it is cannot be told: its bundle is not where it was")
    calls = sum(material.total(label).calls for label in material.tallies)
    with_calls = sum(material.total(label).calls > 0 for label in material.tallies)
    found = [f"of {plural(with_calls, 'label')}" if with_calls else f"in {hours_text(heard.total_hours)}"]
    for label in material.labels[:3]:
        low, high = material.interval(label)
        found.append(f"{material.name(label)}: {material.total(label).calls:,} ({low:,} to {high:,})")
        if (review := material.reviews.get(label)) and review.calls:
            found.append(f"corrected by reviews: {estimated(review.calls)}")
    if len(material.labels) > 3:
        found.append(f"and {plural(len(material.labels) - 3, 'label')} more below")
    return [
        ("Listened to", hours_text(heard.total_hours), lines),
        ("By the classifier", parameters.architecture, classifier),
        ("Found", plural(calls, "call"), found),
    ]


def labels_table(material: Material) -> Table | None:
    """Calls of each label, with intervals, and per hour of effort."""
    if not material.labels:
        return None
    heads = [
        "label",
        "calls",
        "90 % interval" if material.bundle else "sums of ranges",
        "per hour",
        "90 % interval",
        "recordings with calls",
        "sites",
        "first",
        "last",
    ]
    rows, plain = [], []
    for label in material.labels:
        tally, of_site = material.total(label), material.tallies.get(label, {})
        low, high = material.interval(label)
        sites = sum(t.calls > 0 for site, t in of_site.items() if site is not None)
        rate, rate_low, rate_high = _rate(material, label)
        dates = [material.found.span[key] for key in material.found.span if key[0] == label]
        first, last = (min(d[0] for d in dates), max(d[1] for d in dates)) if dates else (None, None)
        rows.append(
            [
                material.name(label),
                f"{tally.calls:,}",
                f"{low:,}–{high:,}",
                _figure(rate),
                f"{_figure(rate_low)}–{_figure(rate_high)}" if rate_low is not None else "–",
                f"{tally.heard:,}",
                f"{sites:,}" if material.listened.sites else "–",
                str(first or "–"),
                str(last or "–"),
            ]
        )
        plain.append(
            [
                label,
                tally.calls,
                low,
                high,
                *("" if v is None else f"{v:.6g}" for v in (rate, rate_low, rate_high)),
                tally.heard,
                sites,
                first,
                last,
            ]
        )
    columns = (
        "label",
        "calls",
        "low",
        "high",
        "calls_per_hour",
        "rate_low",
        "rate_high",
        "recordings_with_calls",
        "sites",
        "first",
        "last",
    )
    return Table(heads, rows, csv_link("labels.csv", columns, plain))


def _figure(value: float | None) -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:.3g}"


def _rate(material: Material, label: str) -> tuple[float | None, float | None, float | None]:
    """Calls per hour of a label at all sites; with an interval where it has pictures and times are known."""
    if label in material.drawn and len(material.effort.day):
        found = material.rates(label, "all", 1)
        return float(found.rate[0]), float(found.low[0]), float(found.high[0])
    hours = material.listened.total_hours
    return (material.total(label).calls / hours if hours else None), None, None


def sites_table(material: Material) -> Table | None:
    """Calls by label and site, with intervals; None with one site, or where the sections of labels show them."""
    sites = material.sites
    if len(sites) < 2:
        return None
    rows = []
    for label in material.tallies:
        if label in material.labels:
            for site in sites:
                tally = material.tallies[label].get(site)
                low, high = material.interval(label, site, everywhere=False)
                hours = material.listened.hours.get(site, 0.0)
                rows.append([label, material.site_text(site), tally.calls if tally else 0, low, high, f"{hours:.6g}"])
    data = csv_link("labels-by-site.csv", ("label", "site", "calls", "low", "high", "hours"), rows)
    cell = {(row[0], row[1]): f"{row[2]:,} ({row[3]:,}–{row[4]:,})" for row in rows}
    shown = sites if len(sites) <= _MATRIX_SITES else []
    table = [
        [material.name(label), *(cell.get((label, material.site_text(site)), "0") for site in shown)]
        for label in material.labels[:_MATRIX_LABELS]
    ]
    return Table(["calls at", *map(material.site_text, shown)], table if shown else [], data)


def effort_picture(material: Material) -> Picture | None:
    """The calendar of the effort; None where no time is known."""
    effort = material.effort
    if not len(effort.day):
        return None
    date, _ = material.groups_of_time(effort.day, effort.hour)
    first, last = int(date.min()), int(date.max())
    hours = np.zeros((len(material.sites), last - first + 1))
    failed = np.zeros(hours.shape, np.int64)
    np.add.at(hours, (effort.site, date - first), effort.hours)
    np.add.at(failed, (effort.site, date - first), effort.failed)
    names = [material.site_text(site) for site in material.sites]
    shown = np.sort(np.argsort(-hours.sum(axis=1), kind="stable")[:MOST_SITES])
    svg = effort_calendar(
        [names[i] for i in shown], date_of(first), hours[shown], failed[shown], material.unit, "effort"
    )
    rows = [
        (names[i], date_of(first + d), f"{hours[i, d]:.6g}", failed[i, d])
        for i, d in np.argwhere((hours > 0) | (failed > 0)).tolist()
    ]
    left_out = f" The {MOST_SITES} of {len(names)} sites with most hours." if len(names) > MOST_SITES else ""
    crosses = " Crosses: recordings that failed." if failed.any() else ""
    return Picture(
        svg,
        "Effort",
        f"Hours listened at each site {'in' if material.by_night else 'on'} each {material.unit}, local time; blank "
        f"where nothing was recorded.{crosses}{left_out}",
        csv_link("effort.csv", ("site", material.unit, "hours", "failed_recordings"), rows),
        wide=True,
    )


def label_pictures(material: Material) -> list[Picture]:
    """First and last dates, and the accumulation of labels."""
    made = []
    span, heard = material.found.span, material.listened
    if span and heard.first and heard.last:
        first, days = heard.first.date(), (heard.last.date() - heard.first.date()).days + 1
        rows = [[label, material.site_text(site), *ends] for (label, site), ends in sorted(span.items(), key=str)]
        data = csv_link("first-and-last.csv", ("label", "site", "first", "last"), rows)
        by_label = len(material.labels) > 1
        keys = material.labels if by_label else material.sites[:MOST_SITES]
        dates = []
        for key in keys:
            of_key = [ends for (label, site), ends in span.items() if (label if by_label else site) == key]
            dates.append((min(e[0] for e in of_key), max(e[1] for e in of_key)) if of_key else None)
        names = (
            [material.name(key) for key in material.labels] if by_label else [material.site_text(key) for key in keys]
        )
        what = "label" if by_label else f"site with {material.name(material.labels[0])}"
        svg = first_and_last(names, dates, first, days, what, "first-and-last")
        grey = "grey: from the first to the last recording"
        made.append(
            Picture(
                svg,
                "First and last date",
                f"Of each {what}; {grey}. The data has each label at each site.",
                data,
                wide=True,
            )
        )
    if curve := _accumulation(material):
        made.append(curve)
    return made


def _accumulation(material: Material) -> Picture | None:
    """How many labels were heard within so many nights; None with one label, or one night."""
    effort = material.effort
    nights: np.ndarray = np.unique(effort.day - (effort.hour < 12))
    pairs = material.found.nights
    pairs = pairs[np.isin(pairs[:, 1], nights)]
    if len(np.unique(pairs[:, 0])) < 2 or len(nights) < 2:
        return None
    heard = np.zeros((len(material.found.all_labels), len(nights)), bool)
    heard[pairs[:, 0], np.searchsorted(nights, pairs[:, 1])] = True
    curve = accumulation(heard)
    rows = [
        (n, f"{mean:.6g}", f"{low:g}", f"{high:g}")
        for n, (mean, low, high) in enumerate(zip(*curve, strict=True), start=1)
    ]
    return Picture(
        accumulation_curve(curve, "night", "accumulation"),
        "Accumulation of labels",
        f"Labels heard within so many of the {len(nights)} nights (all sites together), drawn in any order: the mean, "
        "and nine of ten random orders.",
        csv_link("accumulation.csv", ("nights", "labels", "low", "high"), rows),
    )


def failures(material: Material) -> Table | None:
    """What could not be listened to, and why."""
    reasons = material.listened.reasons.most_common()
    if not reasons:
        return None
    plain = [(status, stage, reason, n) for (status, stage, reason), n in reasons]
    rows = [[status, f"{n:,}", stage, reason] for status, stage, reason, n in plain[:_REASONS]]
    if len(reasons) > _REASONS:
        rows.append(
            ["…", f"{sum(row[3] for row in plain[_REASONS:]):,}", "", f"{len(reasons) - _REASONS} reasons more"]
        )
    return Table(
        ["status", "files", "stage", "reason"],
        rows,
        csv_link("failures.csv", ("status", "stage", "reason", "files"), plain),
    )
