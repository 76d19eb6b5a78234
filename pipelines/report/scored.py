"""What the scores say, streamed from the table ``predictions``: their distributions, and the intervals of totals."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.model.classifier.bundle import ClassifierBundle
from soundbeam.model.classifier.calibration import log_odds, sigmoid
from soundbeam.model.classifier.calls import contiguous, find_peaks
from soundbeam.model.survey.total_intervals import PeakHeights
from soundbeam.pipelines import results
from soundbeam.pipelines.output.run_info import ScanParameters
from soundbeam.pipelines.window_scores import COLUMNS, window_scores

BINS = 50
_ROUNDING = 1e-6  # of log-odds that are summed up


@dataclasses.dataclass(eq=False)
class Scored:
    """What the scores say.

    Attributes:
        windows: int64 ``[labels, BINS]``: how many scores are in each bin of equal width from 0 to 1.
        peaks: (label, site) → the heights of the scores' peaks; empty where the bundle is not at hand.
    """

    windows: np.ndarray
    peaks: dict[tuple[str, str | None], PeakHeights] = dataclasses.field(default_factory=dict)

    def interval(self, bundle: ClassifierBundle, label: str, site: str | None, calls: int) -> tuple[int, int]:
        """The interval of a label's total at one site."""
        heights = self.peaks.get((label, site), PeakHeights(bundle.counting.floor))
        return heights.interval(bundle.counting, calls)

    def total_interval(self, bundle: ClassifierBundle, label: str, calls: int) -> tuple[int, int]:
        """The same at all sites together."""
        of_all = PeakHeights(bundle.counting.floor)
        for (of, _), heights in self.peaks.items():
            if of == label:
                of_all.numbers += heights.numbers
        return of_all.interval(bundle.counting, calls)


def scored(
    output: str,
    labels: Sequence[str],
    drawn: Sequence[str],
    parameters: ScanParameters,
    bundle: ClassifierBundle | None,
) -> Scored:
    """Reads the current rows of ``predictions``, part by part.

    Args:
        output: The scan's output folder.
        labels: Whose totals get intervals.
        drawn: Whose distributions are drawn.
        parameters: The newest run's.
        bundle: The scan's classifier; None: it is not at hand, and totals get no interval.
    """
    result = Scored(np.zeros((len(drawn), BINS), np.int64))
    names, drawn_names = pa.array(labels, pa.string()), pa.array(drawn, pa.string())
    columns = [*COLUMNS, "site", *(["channel"] if parameters.channel == "each" else [])]
    held: pa.Table | None = None  # rows of a recording that the next part may go on with
    for part in results.stream(output, "predictions", columns=columns if bundle else ["label", "score"]):
        if not len(part):
            continue
        of_drawn = pc.index_in(part["label"], value_set=drawn_names)
        known = pc.is_valid(of_drawn)
        label, score = of_drawn.filter(known).to_numpy(), part["score"].filter(known).to_numpy()
        bins = np.clip((score * BINS).astype(np.int64), 0, BINS - 1)
        result.windows += np.bincount(label * BINS + bins, minlength=result.windows.size).reshape(-1, BINS)
        if bundle:
            rows = (
                part if held is None else pa.concat_tables([held, part.replace_schema_metadata(held.schema.metadata)])
            )
            last = rows["recording"][len(rows) - 1].as_py()
            complete = len(rows) - (pc.sum(pc.equal(rows["recording"], last)).as_py() or 0)
            held = rows.slice(complete)
            _add_peaks(result, rows.slice(0, complete), names, parameters, bundle)
    if held is not None and bundle:
        _add_peaks(result, held, names, parameters, bundle)
    return result


def _add_peaks(
    result: Scored, rows: pa.Table, names: pa.Array, parameters: ScanParameters, bundle: ClassifierBundle
) -> None:
    """Counts the peaks of some recordings in, as the scan's own intervals do."""
    if not len(rows):
        return
    floor = float(sigmoid(bundle.counting.floor))
    # A peak is a mean of scores: where none is over the floor, no peak is. That is so in most recordings.
    over = pc.and_(pc.is_in(rows["label"], value_set=names), pc.greater_equal(rows["score"], floor))
    recordings = pc.unique(rows["recording"].filter(over))
    if not len(recordings):
        return
    chosen = rows.filter(pc.is_in(rows["recording"], value_set=recordings))
    if "channel" in chosen.column_names:
        channels = pc.unique(chosen["channel"]).to_pylist()
        by_channel = [chosen.filter(pc.equal(chosen["channel"], channel)) for channel in channels]
    else:
        by_channel = [chosen]
    keys = chosen.group_by("recording", use_threads=False).aggregate([("site", "min")])
    site_of = dict(zip(keys["recording"].to_pylist(), keys["site_min"].to_pylist(), strict=True))
    labels = names.to_pylist()
    for of_channel in by_channel:
        for uri, windows in window_scores([of_channel], labels).items():
            for i in np.flatnonzero(windows.scores.max(axis=0) >= floor).tolist():
                heights = _heights(windows.start_s, windows.end_s, windows.scores[:, i], labels[i], parameters, bundle)
                key = labels[i], site_of[uri]
                if key not in result.peaks:
                    result.peaks[key] = PeakHeights(bundle.counting.floor)
                result.peaks[key].add(heights)


def _heights(
    start_s: np.ndarray,
    end_s: np.ndarray,
    scores: np.ndarray,
    label: str,
    parameters: ScanParameters,
    bundle: ClassifierBundle,
) -> np.ndarray:
    """The heights of the peaks of one label's scores in one recording, as `transforms.scoring.count_calls` has them."""
    from soundbeam.transforms.scoring.count_calls import Counting

    counting = Counting((label,), (parameters.thresholds[label],), bundle.call_rules, bundle.counting)
    below = counting.below_floor(0, parameters.min_score)
    scores = np.maximum(scores, np.float32(below)).astype(np.float64)
    tops = []
    for part in contiguous(start_s, end_s):
        height, peaks = find_peaks(start_s[part], scores[part], bundle.call_rules)
        tops.append(height[peaks])
    found = np.concatenate(tops)
    return found[found > log_odds(below) + _ROUNDING] if parameters.min_score is not None else found
