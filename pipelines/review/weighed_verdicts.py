"""The verdicts that numbers are made from: which draw counts, what was agreed, and what is left out."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence

import pyarrow.compute as pc

from soundbeam.model.errors import ResultsError
from soundbeam.model.estimation.agreement import kappa
from soundbeam.pipelines.review.samples import WEIGHTED, Sample, joined
from soundbeam.pipelines.review.store import ADJUDICATED, ReviewStore

_SURE = {"yes": True, "no": False, "other": False}


@dataclasses.dataclass(frozen=True)
class Reviewers:
    """How far people agree.

    Attributes:
        names: Who judged.
        pairs: Windows that two or more judged yes or no.
        unlike: Windows of these that they judged differently.
        kappa: Cohen's, of more than two reviewers Fleiss'; None where it is not defined.
    """

    names: list[str]
    pairs: int
    unlike: int
    kappa: float | None


@dataclasses.dataclass(frozen=True)
class WeighedVerdicts:
    """The verdicts on one label.

    Attributes:
        sample: All draws of one kind together, with their weights.
        samples: All draws of the label.
        heard: Review id → whether the window has the sound, of windows on which there is a sure verdict.
        doubled: Review ids of windows that two people judged alike, or that were adjudicated.
        counts: Verdict → number of judged windows; ``disagree`` where reviewers do.
        reviewers: How far they agree.
        notes: What a reader should know, a line each.
    """

    sample: Sample
    samples: list[Sample]
    heard: dict[str, bool]
    doubled: set[str]
    counts: dict[str, int]
    reviewers: Reviewers
    notes: list[str]


def reviewed_labels(store: ReviewStore, output: str) -> list[str]:
    """The labels on which there are verdicts.

    Raises:
        ResultsError: There is no sample, or no verdict.
    """
    if not store.samples():
        raise ResultsError(f"{output}: no sample in it; draw windows with 'soundbeam review sample', then judge them")
    labels = sorted(set(store.current()["label"].to_pylist()))
    if not labels:
        raise ResultsError(f"{output}: no reviews in it yet; judge windows with 'soundbeam review --output {output}'")
    return labels


def weigh(store: ReviewStore, output: str, label: str) -> WeighedVerdicts:
    """Chooses the draw, and reads what was agreed on its windows.

    Raises:
        ResultsError: No probability sample of the label has a verdict yes or no.
    """
    samples = [sample for sample in store.samples() if sample.info.label == label]
    agreed = store.consensus()
    agreed = agreed.filter(pc.equal(agreed["label"], label))
    verdicts = dict(zip(agreed["review_id"].to_pylist(), agreed["verdict"].to_pylist(), strict=True))
    heard = {identity: _SURE[verdict] for identity, verdict in verdicts.items() if verdict in _SURE}
    counts = collections.Counter("disagree" if verdict is None else verdict for verdict in verdicts.values())
    if not heard:
        raise ResultsError(
            f"{output}: of {len(verdicts)} judged windows of {label!r} none is judged yes or no; judge more, or settle "
            "disagreements with 'soundbeam review --adjudicate'"
        )
    frames: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.info.design in WEIGHTED:
            frames.setdefault(sample.info.frame, []).append(sample)
    judged_in = {frame: _known(of, heard) for frame, of in frames.items()}
    if not any(judged_in.values()):
        raise ResultsError(
            f"{output}: no verdict on a window of {label!r} that was drawn with a known probability; draw some with "
            "'soundbeam review sample --design scores' and judge them"
        )
    newest_first = list(reversed(frames))
    frame = max(newest_first, key=lambda f: judged_in[f])
    sample = joined(frames[frame])
    used = judged_in[frame]
    notes = []
    if others := len(heard) - used:
        notes.append(f"{others} verdicts on windows of other draws are not weighed; those yes count as presence")
    if frame != newest_first[0]:
        newer = frames[newest_first[0]][-1]
        notes.append(f"the draw with the most verdicts counts, {sample.name}; judge {newer.name} to have the newest")
    waiting = set(sample.rows["review_id"].to_pylist()) - verdicts.keys()
    before = {i for s in samples if s.info.frame != frame for i in s.rows["review_id"].to_pylist()}
    if waiting and before & heard.keys() & set(sample.rows["review_id"].to_pylist()):
        notes.append(
            f"{len(waiting)} windows of {sample.name} are not judged, others of it were in earlier draws: what is "
            "judged is no random part of it until all are"
        )
    doubled, reviewers = _reviewers(store, label)
    if counts["unsure"]:
        notes.append(f"{counts['unsure']} windows judged unsure are left out, as if they were like the others")
    if counts["disagree"]:
        notes.append(f"{counts['disagree']} windows that were judged differently are left out until adjudicated")
    return WeighedVerdicts(sample, samples, heard, doubled & heard.keys(), dict(counts), reviewers, notes)


def _known(samples: Sequence[Sample], heard: dict[str, bool]) -> int:
    return sum(identity in heard for sample in samples for identity in sample.rows["review_id"].to_pylist())


def _reviewers(store: ReviewStore, label: str) -> tuple[set[str], Reviewers]:
    """The windows that two people judged alike or that were adjudicated, and how far people agree."""
    current = store.current()
    current = current.filter(pc.equal(current["label"], label))
    by_id: dict[str, dict[str, bool]] = {}
    by_reviewer: dict[str, dict[str, str]] = {}
    for row in current.select(["review_id", "reviewer", "verdict"]).to_pylist():
        if row["verdict"] in _SURE:
            by_id.setdefault(row["review_id"], {})[row["reviewer"]] = _SURE[row["verdict"]]
        if row["reviewer"] != ADJUDICATED:
            by_reviewer.setdefault(row["reviewer"], {})[row["review_id"]] = row["verdict"]
    doubled, pairs, unlike = set(), 0, 0
    for identity, given in by_id.items():
        people = [yes for name, yes in given.items() if name != ADJUDICATED]
        pairs += len(people) > 1
        unlike += len(set(people)) > 1
        if ADJUDICATED in given or (len(people) > 1 and len(set(people)) == 1):
            doubled.add(identity)
    agreement = kappa(by_reviewer) if len(by_reviewer) > 1 else None
    return doubled, Reviewers(sorted(by_reviewer), pairs, unlike, agreement)
