"""Gathers what a report tells, in one pass over each table."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from soundbeam.model.classifier.bundle import ClassifierBundle, load_bundle
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.survey.rate_intervals import Rates, rates
from soundbeam.pipelines import results
from soundbeam.pipelines.label_names import LabelNames
from soundbeam.pipelines.local_time import Clocks
from soundbeam.pipelines.output.run_info import RunInfo
from soundbeam.pipelines.places import deployments_of
from soundbeam.pipelines.report.found import Found, Tallies, Tally, found, tallies, total
from soundbeam.pipelines.report.request import Reporting
from soundbeam.pipelines.report.reviewed_totals import judged_labels, reviews_of
from soundbeam.pipelines.report.scored import Scored, scored
from soundbeam.pipelines.report.surveyed import EffortCells, Listened, effort_cells, listened
from soundbeam.pipelines.review.figures_of_review import LabelReview
from soundbeam.transforms.listing.deployments import Deployment, Deployments

MOST_LABELS = 50  # in tables
MOST_DRAWN = 12  # with pictures
_FEW_LABELS = 10  # of which those without a call are told, too


@dataclasses.dataclass(frozen=True, eq=False)
class Material:
    """What a report tells.

    Attributes:
        request: What was asked for.
        runs: The runs whose rows are current, oldest first.
        clocks: The clocks of the sites.
        deployments: Where recorders were; None: unknown.
        listened: What was listened to.
        effort: Hours by site, local date and hour.
        tallies: Of all labels with rows in ``counts``.
        labels: Those in tables, the most frequent first.
        drawn: Those of them with pictures.
        found: When and where calls were.
        scored: What the scores say.
        bundle: The scan's classifier; None: it is not where it was then.
        reviews: Label → what verdicts say of it, if it was asked for.
        reviewed: The labels on which there are verdicts, asked for or not.
    """

    request: Reporting
    runs: list[RunInfo]
    clocks: Clocks
    deployments: Deployments | None
    listened: Listened
    effort: EffortCells
    tallies: Tallies
    labels: list[str]
    drawn: list[str]
    found: Found
    scored: Scored
    bundle: ClassifierBundle | None
    reviews: dict[str, LabelReview]
    reviewed: set[str]

    @property
    def info(self) -> RunInfo:
        """The newest run."""
        return self.runs[-1]

    @property
    def sites(self) -> list[str | None]:
        """The sites that were listened to or failed, those without a name last."""
        return self.effort.sites

    @property
    def by_night(self) -> bool:
        """Whether more was recorded between 18 and 6 o'clock than by day: then pictures go from noon to noon."""
        night = (self.effort.hour < 6) | (self.effort.hour >= 18)
        return float(self.effort.hours[night].sum()) > float(self.effort.hours.sum()) / 2

    def name(self, label: str) -> str:
        """A label as people say it: ``Great Egret (Ardea alba)``."""
        parts = self.info.names.get(label, {})
        scientific, common = parts.get("scientific", ""), parts.get("common", "")
        if scientific and common and scientific != common:
            return f"{common} ({scientific})"
        return label

    @property
    def unit(self) -> str:
        """What pictures group times by: ``night`` or ``day``."""
        return "night" if self.by_night else "day"

    def site_text(self, site: str | None) -> str:
        """A site's name; of recordings without one, what to call them."""
        return site if site is not None else "all recordings" if len(self.sites) == 1 else "(no site)"

    def total(self, label: str) -> Tally:
        """A label's calls at all sites."""
        return total(self.tallies.get(label, {}))

    def place(self, site: str | None) -> Deployment | None:
        """Where a site is: its first deployment; None: unknown."""
        return next(iter(self.deployments.of_site(site)), None) if self.deployments else None

    def interval(self, label: str, site: str | None = None, *, everywhere: bool = True) -> tuple[int, int]:
        """The interval of a label's calls, at all sites or one; sums of the recordings' without the bundle."""
        tally = self.total(label) if everywhere else self.tallies.get(label, {}).get(site, Tally())
        if self.bundle is None:
            return min(tally.low, tally.calls), max(tally.high, tally.calls)
        if everywhere:
            return self.scored.total_interval(self.bundle, label, tally.calls)
        return self.scored.interval(self.bundle, label, site, tally.calls)

    def groups_of_time(self, day: np.ndarray, hour: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Local dates and hours → the day or night that they are of, and how many hours after its start."""
        if not self.by_night:
            return day, hour
        return day - (hour < 12), (hour - 12) % 24

    def rates(self, label: str, group: str, groups: int, first: int = 0, step: int = 1) -> Rates:
        """Calls per hour of effort, with intervals over the nights of each site.

        Args:
            label: Whose calls; one of ``drawn``.
            group: ``site``, ``hour``, ``date`` (days or nights from ``first`` on, by ``step``) or ``all``.
            groups: How many groups there are.
            first: Of ``date``: the first date, days since 1970.
            step: Of ``date``: days of a group.
        """
        calls, effort = self.found.of(label), self.effort
        site = np.concatenate([effort.site, calls[:, 0]])
        day = np.concatenate([effort.day, calls[:, 1]])
        hour = np.concatenate([effort.hour, calls[:, 2]])
        date, since = self.groups_of_time(day, hour)
        values = {"site": site, "hour": since, "date": (date - first) // step, "all": np.zeros_like(site)}
        low = int(date.min(initial=0))
        unit = site * (int(date.max(initial=0)) - low + 1) + date - low
        numbers = np.concatenate([np.zeros(len(effort.site)), calls[:, 3]])
        hours = np.concatenate([effort.hours, np.zeros(len(calls))])
        return rates(values[group], unit, numbers, hours, groups)


def gather(request: Reporting) -> Material:
    """Reads what a report tells from the tables.

    Raises:
        ResultsError: The output cannot be read.
        SoundbeamError: There is no such label, or the table of deployments cannot be read.
    """
    runs = results.select_runs(results.open_output(request.output), table="counts")
    info = runs[-1]
    deployments = deployments_of(request.output, request.deployments)
    clocks = Clocks.of(request.output, deployments)
    heard = listened(request.output, clocks)
    effort = effort_cells(request.output, deployments, heard)
    all_tallies = tallies(request.output, info.parameters.min_expected is not None, info.parameters.channel == "each")
    labels = _labels(request, info, all_tallies)
    drawn = _drawn(request, labels, all_tallies)
    bundle = _bundle(info)
    reviews = reviews_of(request.output, labels) if request.reviews else {}
    calls = found(request.output, labels, drawn, effort.sites, clocks)
    scores = scored(request.output, labels, drawn, info.parameters, bundle)
    return Material(
        request,
        runs,
        clocks,
        deployments,
        heard,
        effort,
        all_tallies,
        labels,
        drawn,
        calls,
        scores,
        bundle,
        reviews,
        judged_labels(request.output),
    )


def _labels(request: Reporting, info: RunInfo, of_all: Tallies) -> list[str]:
    """The labels in tables, the most frequent first."""
    calls = {label: total(of_all[label]).calls for label in of_all}
    if request.label:
        names = LabelNames(info.labels, info.names)
        chosen = dict.fromkeys(names.one(name) for name in request.label)
    else:
        few = len(info.labels) <= _FEW_LABELS
        chosen = dict.fromkeys(label for label in info.labels if few or calls.get(label))
    return sorted(chosen, key=lambda label: (-calls.get(label, 0), label))[:MOST_LABELS]


def _drawn(request: Reporting, labels: Sequence[str], of_all: Tallies) -> list[str]:
    """The labels with pictures: those with calls, or those that were asked for."""
    return [label for label in labels if request.label or total(of_all.get(label, {})).calls][:MOST_DRAWN]


def _bundle(info: RunInfo) -> ClassifierBundle | None:
    """The scan's classifier; None if it is not where it was then, or another one is."""
    try:
        bundle = load_bundle(info.parameters.classifier)
    except (SoundbeamError, OSError):
        return None
    return bundle if bundle.fingerprint == info.parameters.fingerprint else None
