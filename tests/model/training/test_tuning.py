"""Thresholds and rules: the choice is the best one that a plain search over find_calls finds."""

import numpy as np

from soundbeam.model.classifier.calls import CallRules, find_calls
from soundbeam.model.synthesis.mixing import DecodedClip
from soundbeam.model.synthesis.validation_soundscapes import mix_soundscapes
from soundbeam.model.training.soundscape_scores import SoundscapeScores
from soundbeam.model.training.thresholds import candidate_rules, choose_rules
from soundbeam.model.training.tuning import f1, measure_label
from tests.training_examples import TINY


def scored(seed, calls, quiet=0.02, loud=0.9, hop=0.5, window=4.0):
    """Scores that rise round each call, with noise."""
    rng = np.random.default_rng(seed)
    start = np.arange(120) * hop
    centre = start + window / 2
    height = np.full(len(start), quiet)
    for begin, end in calls:
        near = np.exp(-(((centre - (begin + end) / 2) / 1.2) ** 2))
        height = np.maximum(height, loud * near)
    return SoundscapeScores(
        start, np.clip(height + 0.02 * rng.standard_normal(len(start)), 0, 1), np.array(calls).reshape(-1, 2)
    )


SCAPES = [
    scored(0, [(10, 13), (20, 23), (24.5, 27.5)]),
    scored(1, []),
    scored(2, [(5, 8)]),
    scored(3, [(30, 33), (34.5, 37.5), (39, 42), (50, 53)], loud=0.7),
]


def errors(rules, threshold):
    counts = [len(find_calls(s.start_s, s.start_s + 4, s.scores, threshold, rules)) for s in SCAPES]
    return [abs(n - len(s.calls)) for n, s in zip(counts, SCAPES, strict=True)]


def test_every_call_is_counted_with_the_chosen_rules():
    rules, threshold = choose_rules(SCAPES, candidate_rules(4.0, 0.5))
    assert errors(rules, threshold) == [0, 0, 0, 0]
    figures = measure_label(SCAPES, threshold, rules, 4.0)
    assert (figures.exact_share, figures.mean_absolute_error, figures.f1) == (1.0, 0.0, 1.0)


def test_no_candidate_is_better():
    rules, threshold = choose_rules(SCAPES, candidate_rules(4.0, 0.5))
    best = min(sum(errors(r, t)) for r in candidate_rules(4.0, 0.5)[::7] for t in (0.1, 0.3, 0.5, 0.7))
    assert sum(errors(rules, threshold)) <= best


def test_the_threshold_keeps_clear_of_both_sides():
    _, threshold = choose_rules([scored(0, [(10, 13)]), scored(1, [])], [CallRules(1.0, 1.0, 1.0)])
    assert 0.05 < threshold < 0.85


def test_calls_that_are_rare_are_not_given_up():
    """Finding nothing is right in 38 of 40 soundscapes and wrong in two; in one of those nobody could find anything."""
    found = scored(0, [(10, 13), (20, 23), (30, 33)])
    missed = SoundscapeScores(found.start_s, scored(1, []).scores, np.arange(24.0).reshape(-1, 2))
    threshold = choose_rules([found, missed, *(scored(i, []) for i in range(2, 40))], [CallRules(1.0, 1.0, 1.0)])[1]
    assert len(find_calls(found.start_s, found.start_s + 4, found.scores, threshold, CallRules(1.0, 1.0, 1.0))) == 3


def test_each_of_many_labels_calls_in_some_soundscapes_and_never_alone():
    labels = ("a", "b", "c", "d", "e", "f")
    tone = np.sin(np.arange(2000) / 3).astype(np.float32)
    clips = [DecodedClip(tone, label, f"{label}{k}") for label in (*labels, "rest") for k in range(2)]
    scapes = mix_soundscapes(clips, labels, 1000, 0)
    heard = [{label for *_, label in scape.events} for scape in scapes]
    assert all(len(its) <= 3 for its in heard) and not any("rest" in its for its in heard)
    assert min(sum(label in its for its in heard) for label in labels) >= 8
    alone = mix_soundscapes(clips, ("a",), 1000, 0)
    assert {label for scape in alone for *_, label in scape.events} == {"a"}


def test_side_by_side_windows_try_dips_only():
    assert {(r.smooth_s, r.min_gap_s) for r in candidate_rules(3.0, 3.0)} == {(0.0, 0.0)}
    assert len(candidate_rules(TINY.window_s, TINY.hop_s)) > len(candidate_rules(3.0, 3.0))


def test_f1_where_nothing_is_there():
    assert f1(np.zeros(3, bool), np.zeros(3, bool)) is None
    assert f1(np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 1], bool)) == 2 / 5
