"""The worst mistakes in validation, for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from soundbeam.model.evaluation.detection import AMBIGUOUS, NEGATIVE, POSITIVE, window_truth
from soundbeam.model.pictures.spectrogram import mel_spectrogram_db
from soundbeam.model.report.evidence import CaptionedSpectrogram, Evidence, Gallery, LabelScores
from soundbeam.model.training.soundscape_scores import SoundscapeScores

SHOWN = 8  # mistakes of a kind
_AROUND_S = 1.5  # shown before and behind a mistake
_COLUMNS, _BANDS = 260, 90


def detector_evidence(
    sounds: Sequence[np.ndarray],
    rate: int,
    scored: Sequence[Sequence[SoundscapeScores]],
    thresholds: Mapping[str, float],
    window_s: float,
    before: Sequence[Sequence[SoundscapeScores]] | None = None,
) -> Evidence:
    """Of a detector's scores in soundscapes.

    Args:
        sounds: float32 ``[samples]`` of each soundscape.
        rate: Samples a second.
        scored: For each soundscape the scores of each label, in the order of ``thresholds``.
        thresholds: label → the chosen one.
        window_s: Seconds of a window.
        before: As ``scored``, before calibration.
    """
    labels, galleries = [], []
    for i, (label, threshold) in enumerate(thresholds.items()):
        of_label = [by_label[i] for by_label in scored]
        truths = [window_truth(s.start_s, s.start_s + window_s, s.calls) for s in of_label]
        truth = np.concatenate([*truths, np.empty(0, np.int8)])
        scores = np.concatenate([*(s.scores for s in of_label), np.empty(0)])
        clear = truth != AMBIGUOUS
        raw = np.concatenate([row[i].scores for row in before])[clear] if before else None
        labels.append(LabelScores(label, truth[clear] == POSITIVE, scores[clear], threshold, raw))
        best = [best_scores(s, window_s) for s in of_label]
        faint = sorted((b, k, *call) for k, s in enumerate(of_label) for b, call in zip(best[k], s.calls, strict=True))
        galleries.append(
            Gallery(
                f"Calls of {label} with the lowest scores",
                f"the score of the best window that holds half of the call or more; missed below {threshold:.3g}",
                tuple(
                    _excerpt(sounds[k], rate, a, b, k, f"{score:.3f}{', missed' * (score < threshold)}")
                    for score, k, a, b in faint[:SHOWN]
                ),
            )
        )
        loud = highest_negatives(of_label, truths, window_s)[:SHOWN]
        galleries.append(
            Gallery(
                f"Other sounds with the highest scores of {label}",
                f"windows without any of a call; a false alarm from {threshold:.3g} on",
                tuple(
                    _excerpt(sounds[k], rate, a, b, k, f"{score:.3f}{', false alarm' * (score >= threshold)}")
                    for score, k, a, b in loud
                ),
            )
        )
    return Evidence(tuple(labels), tuple(galleries))


def best_scores(scored: SoundscapeScores, window_s: float) -> list[float]:
    """For each call the highest score of the windows that hold at least half of it, or are half filled; 0 without."""
    best = []
    for start, end in scored.calls:
        shared = np.minimum(scored.start_s + window_s, end) - np.maximum(scored.start_s, start)
        holds = shared >= min(end - start, window_s) / 2 - 1e-6
        best.append(float(scored.scores[holds].max(initial=0.0)))
    return best


def highest_negatives(
    scored: Sequence[SoundscapeScores], truths: Sequence[np.ndarray], window_s: float
) -> list[tuple[float, int, float, float]]:
    """Windows without a call, by falling score, none of which overlaps a higher one.

    Returns:
        (score, index of the soundscape, start, end in seconds) of each.
    """
    negatives = []
    for k, (s, truth) in enumerate(zip(scored, truths, strict=True)):
        free = truth == NEGATIVE
        for i in np.argsort(-s.scores, kind="stable").tolist():
            if free[i]:
                negatives.append((float(s.scores[i]), k, float(s.start_s[i]), float(s.start_s[i] + window_s)))
                free &= np.abs(s.start_s - s.start_s[i]) >= window_s - 1e-6
    return sorted(negatives, key=lambda one: (-one[0], one[1], one[2]))


def classifier_evidence(
    spectrograms: np.ndarray,
    truth: np.ndarray,
    scores: np.ndarray,
    thresholds: Mapping[str, float],
    before: np.ndarray | None = None,
) -> Evidence:
    """Of a classifier's scores of windows.

    Args:
        spectrograms: float32 ``[windows, frames, bins]``, what the network saw; a last axis of 1 may follow.
        truth: int ``[windows]``: the true label's row.
        scores: ``[windows, labels]``.
        thresholds: label → the chosen one, in the order of the rows.
        before: As ``scores``, before calibration, which leaves their order within a window.
    """
    labels, chosen = list(thresholds), scores.argmax(axis=1)
    top = scores.max(axis=1).astype(np.float64)
    wrong = np.flatnonzero(chosen != truth)
    wrong = wrong[np.argsort(-top[wrong], kind="stable")][:SHOWN]
    pictures = tuple(
        CaptionedSpectrogram(
            spectrograms[i].reshape(spectrograms.shape[1:3]).T,
            f"{labels[truth[i]]}, {scores[i, truth[i]]:.3f}, taken for {labels[chosen[i]]}, {top[i]:.3f}",
        )
        for i in wrong.tolist()
    )
    gallery = Gallery(
        "The surest mistakes", "windows as the network sees them, with the scores of both labels", pictures
    )
    return Evidence(
        tuple(
            LabelScores(
                label,
                truth == i,
                scores[:, i].astype(np.float64),
                thresholds[label],
                None if before is None else before[:, i].astype(np.float64),
            )
            for i, label in enumerate(labels)
        ),
        (gallery,),
        (chosen == truth, top),
        None if before is None else before.max(axis=1).astype(np.float64),
    )


def _excerpt(sound: np.ndarray, rate: int, start_s: float, end_s: float, index: int, said: str) -> CaptionedSpectrogram:
    first = max(0, round((start_s - _AROUND_S) * rate))
    part = sound[first : round((end_s + _AROUND_S) * rate)]
    span = tuple(float(np.clip((s * rate - first) / max(1, len(part)), 0, 1)) for s in (start_s, end_s))
    caption = f"{said}; soundscape {index + 1}, {start_s:.1f} to {end_s:.1f} s"
    return CaptionedSpectrogram(mel_spectrogram_db(part, rate, _COLUMNS, _BANDS), caption, (span[0], span[1]))
