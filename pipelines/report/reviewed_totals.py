"""What reviewers' verdicts say of the labels in a report: totals beside those of the scan, and how good it was."""

from __future__ import annotations

from collections.abc import Sequence

from soundbeam.model.errors import ResultsError
from soundbeam.pipelines.results import latest_run
from soundbeam.pipelines.review.figures_of_review import LabelReview
from soundbeam.pipelines.review.review_numbers import review_figures
from soundbeam.pipelines.review.store import ReviewStore


def reviews_of(output: str, labels: Sequence[str]) -> dict[str, LabelReview]:
    """Label → what its verdicts come to, of the labels on which there are some.

    Args:
        output: The scan's output folder.
        labels: Those in the report.

    Raises:
        ResultsError: There is no verdict on any of them, or those that there are cannot be weighed, or are of windows
            that an earlier classifier scored.
    """
    judged = judged_labels(output)
    chosen = [label for label in labels if label in judged]
    if not chosen:
        raise ResultsError(
            f"{output}: no reviews of {', '.join(labels[:3]) or 'a label'} in it yet; judge windows with "
            f"'soundbeam review --output {output}', or leave out --reviews"
        )
    reviews = {label: review_figures(output, label).labels[0] for label in chosen}
    newest = latest_run(output).parameters.fingerprint
    for label, review in reviews.items():
        if review.classifier != newest:  # its totals would stand beside another classifier's calls
            raise ResultsError(
                f"{output}: the verdicts on {label} are of windows that classifier {review.classifier[:12]} scored, "
                f"and the report is of {newest[:12]}; draw and judge with 'soundbeam review sample' again, or "
                "leave out --reviews"
            )
    return reviews


def judged_labels(output: str) -> set[str]:
    """The labels on which there are verdicts."""
    return set(ReviewStore(output).current()["label"].to_pylist())
