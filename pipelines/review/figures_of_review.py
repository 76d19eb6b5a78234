"""What a report of reviews holds; plain values, so that JSON says the same."""

from __future__ import annotations

import dataclasses

from soundbeam.model.estimation.precision import ReliabilityBin, StratumShare, Threshold
from soundbeam.model.estimation.totals import Estimate
from soundbeam.pipelines.review.weighed_verdicts import Reviewers


@dataclasses.dataclass(frozen=True)
class ScoreStratum:
    """A stratum of the draw: its bounds (scores, or hours of the day), and what is known of it."""

    low: float
    high: float
    known: StratumShare


@dataclasses.dataclass(frozen=True)
class OperatingPoint:
    """A threshold.

    Attributes:
        threshold: The lowest score.
        windows: How many windows reach it.
        precision: The share of these with the sound.
        recall: The share of the windows with the sound that reach it.
    """

    threshold: float
    windows: int
    precision: Estimate
    recall: Estimate


@dataclasses.dataclass(frozen=True)
class DomainTotal:
    """A site, a night or an hour.

    Attributes:
        name: Its name; "" where it is not known.
        windows: How many were scored.
        judged: How many of these were judged.
        naive_windows: Windows at or above the classifier's threshold.
        naive_calls: Calls that the scan found.
        total: Windows with the sound.
    """

    name: str
    windows: int
    judged: int
    naive_windows: int
    naive_calls: int
    total: Estimate


@dataclasses.dataclass(frozen=True)
class Presence:
    """A night at a site.

    Attributes:
        site, night: Its names; "" where one is not known.
        status: ``confirmed``: a person heard the sound; ``likely``: with a probability of 0.9 there is one; ``none``.
        chance: The probability that at least one window has the sound; 1 where it is confirmed.
    """

    site: str
    night: str
    status: str
    chance: float


@dataclasses.dataclass(frozen=True)
class Difference:
    """A site or month, and how its verdicts agree with what the scores say there.

    Attributes:
        kind, name: ``site`` or ``month``, and which.
        judged, yes, expected: Windows judged, judged to have the sound, and as many as the fit expects.
        p_value: How likely a difference at least as large is by chance.
        differs: Whether it is named; of those named, on average at most one in ten differs by chance.
    """

    kind: str
    name: str
    judged: int
    yes: int
    expected: float
    p_value: float
    differs: bool


@dataclasses.dataclass(frozen=True)
class LabelReview:
    """What the verdicts on one label come to.

    Attributes:
        label: Its name.
        design: How the windows were drawn.
        samples: The draws that are weighed.
        classifier: The fingerprint of the classifier that scored them.
        windows: How many windows there are.
        window_s, hop_s: Their length, and the seconds between the starts of two.
        counts: Verdict → windows.
        weighed: How many verdicts the numbers are made from.
        threshold: The classifier's own.
        naive_windows: Windows at or above it.
        total: Windows with the sound.
        without_fit: The same from the strata's verdicts alone.
        unseen: The lowest stratum: no more of its windows than this have the sound, by its verdicts alone (95 %).
        naive_calls: Calls that the scan found.
        calls: Calls, one for each highest window around; None where too few of these were judged.
        apart_s: How far apart two calls start at least.
        strata: Of the draw, the lowest first.
        slope, height: The fit: log-odds of the share = height + slope × log-odds of the score.
        points: Precision and recall at thresholds, from the lowest.
        own: The point of the classifier's own threshold; None where no window reaches it.
        target: The threshold for the wanted precision.
        reliability: Whether scores are probabilities, in tenths.
        calibration_error: The expected calibration error.
        sites, nights, hours: Totals by each.
        presence: Nights at sites.
        differences: Sites and months with verdicts.
        reviewers: How far people agree.
        error: The share of a single person's verdicts that are wrong; None without windows that two judged.
        notes: What a reader should know.
    """

    label: str
    design: str
    samples: list[str]
    classifier: str
    windows: int
    window_s: float
    hop_s: float
    counts: dict[str, int]
    weighed: int
    threshold: float
    naive_windows: int
    total: Estimate
    without_fit: Estimate
    unseen: float | None
    naive_calls: int
    calls: Estimate | None
    apart_s: float
    strata: list[ScoreStratum]
    slope: float
    height: float
    points: list[OperatingPoint]
    own: OperatingPoint | None
    target: Threshold
    reliability: list[ReliabilityBin]
    calibration_error: Estimate
    sites: list[DomainTotal]
    nights: list[DomainTotal]
    hours: list[DomainTotal]
    presence: list[Presence]
    differences: list[Difference]
    reviewers: Reviewers
    error: Estimate | None
    notes: list[str]


@dataclasses.dataclass(frozen=True)
class ReviewFigures:
    """What all verdicts in an output folder come to.

    Example:
        >>> ReviewFigures("results/", []).labels
        []
    """

    output: str
    labels: list[LabelReview]
