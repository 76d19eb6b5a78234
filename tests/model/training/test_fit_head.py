"""A head against logistic regression by hand; what crops of silence and recordings with hidden calls do to it."""

import numpy as np
import pytest
from scipy.optimize import minimize

from soundbeam.model.evaluation.metrics import average_precision
from soundbeam.model.training import fit_head as module
from soundbeam.model.training.embedded_clips import EmbeddedClips, crops_of
from soundbeam.model.training.fit_head import Negatives, Problem, fit_head, pooled
from soundbeam.model.training.mine_negatives import Backgrounds, fit_with_backgrounds
from soundbeam.model.windows import WindowSpec

DETECTOR = Problem(("call",), "detector")
NOTHING = EmbeddedClips.of([], 6)


def clips(counts, crops=1, seed=0, size=6, shift=2.0):
    """Clips whose first crop is shifted along the label's own axis; all other crops are noise."""
    rng = np.random.default_rng(seed)
    made = []
    for i, (label, n) in enumerate(counts.items()):
        for _ in range(n):
            vectors = rng.standard_normal((crops, size)).astype(np.float32)
            vectors[0, i] += shift if label != "other" else 0
            made.append((label, vectors))
    return EmbeddedClips.of(made, size)


def penalty_of(monkeypatch, value):
    monkeypatch.setattr(module, "_USUAL", value)  # nothing is held out: this one is taken


@pytest.mark.parametrize("penalty", [1e-3, 0.1])
def test_a_linear_detector_is_balanced_logistic_regression(monkeypatch, penalty):
    penalty_of(monkeypatch, penalty)
    train = clips({"call": 20, "other": 60})
    head, used = fit_head(DETECTOR, train, NOTHING)
    assert used == penalty and head.parameters == 7
    x = train.vectors.astype(float)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = np.array([label == "call" for label in train.labels])
    weight = np.where(y, 0.5 / 20, 0.5 / 60)

    def loss(theta):
        z = x @ theta[:6] + theta[6]
        return (weight * np.logaddexp(0, np.where(y, -z, z))).sum() + penalty / 2 * (theta[:6] ** 2).sum()

    theta = minimize(loss, np.zeros(7), method="BFGS", options={"gtol": 1e-8}).x
    want = x @ theta[:6] + theta[6]
    want *= max(1, 4 / np.abs(want).mean())  # as sure as a network
    np.testing.assert_allclose(head.logits(train.vectors)[:, 0], want, atol=5e-3)


def test_a_linear_classifier_is_multinomial_regression(monkeypatch):
    penalty_of(monkeypatch, 0.05)
    train = clips({"a": 12, "b": 12, "c": 12})
    head, _ = fit_head(Problem(("a", "b", "c"), "classifier"), train, NOTHING)
    x = train.vectors.astype(float)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    rows = np.repeat(np.arange(3), 12)

    def loss(theta):
        z = x @ theta[:18].reshape(6, 3) + theta[18:]
        each = np.logaddexp.reduce(z, axis=1) - z[np.arange(36), rows]
        return each.mean() + 0.05 / 2 * (theta[:18] ** 2).sum()

    theta = minimize(loss, np.zeros(21), method="BFGS", options={"gtol": 1e-8}).x
    z = x @ theta[:18].reshape(6, 3) + theta[18:]
    z -= z.mean(axis=1, keepdims=True)
    z *= max(1, 4 / np.abs(z).mean())
    want = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(head(train.vectors), want, atol=5e-3)


def test_what_can_be_separated_is_separated():
    head, _ = fit_head(DETECTOR, clips({"call": 40, "other": 80}, shift=9.0), clips({"call": 9, "other": 9}, seed=5))
    fresh = clips({"call": 50, "other": 200}, seed=1, shift=9.0)
    truth = np.array([label == "call" for label in fresh.labels])
    assert average_precision(truth, head(fresh.vectors)[:, 0]) == 1.0


def test_silence_in_a_clip_is_not_learned_as_its_label():
    train = clips({"call": 60, "other": 60}, crops=4, shift=6.0)
    head, _ = fit_head(DETECTOR, train, NOTHING)
    fresh = clips({"call": 200, "other": 1}, crops=4, seed=1, shift=6.0)
    logits = head.logits(fresh.vectors)[:800, 0].reshape(200, 4)
    assert (logits[:, 0] > 0).mean() > 0.95 and (logits[:, 1:] < 0).mean() > 0.95


def test_five_clips_are_enough_to_begin():
    head, _ = fit_head(DETECTOR, clips({"call": 5, "other": 5}, shift=8.0), NOTHING)
    fresh = clips({"call": 50, "other": 200}, seed=1, shift=8.0)
    truth = np.array([label == "call" for label in fresh.labels])
    assert average_precision(truth, head(fresh.vectors)[:, 0]) > 0.9


def test_a_hidden_layer_learns_what_no_line_divides():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (400, 6)).astype(np.float32)
    labels = np.where(x[:, 0] * x[:, 1] > 0, "call", "other")
    train = EmbeddedClips.of([(str(label), row[None]) for label, row in zip(labels, x, strict=True)], 6)
    right = []
    for hidden in (0, 16):
        head, _ = fit_head(Problem(("call",), "detector", hidden), train, train)
        right.append(((head(x)[:, 0] > 0.5) == (labels == "call")).mean())
    assert right[0] < 0.65 and right[1] > 0.95


def test_pooled_is_the_log_of_the_mean_of_exponentials():
    of = EmbeddedClips.of([("a", np.zeros((2, 6), np.float32)), ("b", np.zeros((3, 6), np.float32))], 6)
    logits = np.array([[1.0], [3.0], [0.0], [-50.0], [700.0]])
    want = [np.log((np.exp(1) + np.exp(3)) / 2), 700 - np.log(3)]
    np.testing.assert_allclose(pooled(logits, of)[:, 0], want)


def test_negatives_count_unless_they_may_hold_the_label(monkeypatch):
    train = clips({"call": 20, "other": 40}, shift=4.0)
    disguised = np.zeros((50, 6), np.float32)
    disguised[:, 0], disguised[:, 1] = 4.0, 4.0  # like calls, but for another axis
    without, _ = fit_head(DETECTOR, train, NOTHING)
    with_them, _ = fit_head(DETECTOR, train, NOTHING, Negatives(disguised, np.ones((50, 1), np.float32)))
    left_out, _ = fit_head(DETECTOR, train, NOTHING, Negatives(disguised, np.zeros((50, 1), np.float32)))
    assert without(disguised)[0, 0] > 0.5 > with_them(disguised)[0, 0]
    assert left_out(disguised)[0, 0] > 0.5


def test_calls_in_backgrounds_are_left_out_and_mistakes_learned():
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((2000, 6)).astype(np.float32)
    vectors[100:120, 0] += 7.0  # calls that nobody labelled
    vectors[1000:1400, 0] += 2.5  # another sound, a little like them, that is one in five
    vectors[1000:1400, 2] += 4.0
    backgrounds = Backgrounds(vectors, np.repeat(["a", "b"], 1000), np.tile(np.arange(1000) * 0.5, 2))
    train, lines = clips({"call": 30, "other": 60}, shift=6.0), []
    plain, _ = fit_head(DETECTOR, train, NOTHING)
    head, _ = fit_with_backgrounds(DETECTOR, train, NOTHING, None, backgrounds, 1.0, lines.append)
    assert (head(vectors[100:120])[:, 0] > 0.5).mean() > 0.8
    assert (head(vectors[1000:1400])[:, 0] > 0.5).mean() < 0.5 * (plain(vectors[1000:1400])[:, 0] > 0.5).mean()
    (line,) = lines
    usable = int(line.split(" of ")[0].replace(",", ""))
    assert 1300 <= usable <= 1980 and "of 2,000 background windows serve as negatives of call" in line


def test_crops_are_the_windows_of_a_scan_and_places_in_zeros():
    spec = WindowSpec(10, 1.0, 1.0)
    long = np.arange(1, 18, dtype=np.float32)
    np.testing.assert_array_equal(crops_of(long, spec), [long[i : i + 10] for i in (0, 5, 7)])
    short = np.ones(6, np.float32)
    np.testing.assert_array_equal(crops_of(short, spec).argmax(axis=1), [0, 2, 4])
    assert (crops_of(short, spec).sum(axis=1) == 6).all()
    np.testing.assert_array_equal(crops_of(long[:10], spec), [long[:10]])
    np.testing.assert_array_equal(crops_of(long[:9], spec).argmax(axis=1), [8, 9])
