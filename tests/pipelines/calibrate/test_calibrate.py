"""``calibrate``: thresholds, probabilities and rules from stored scores that the test makes up."""

import dataclasses

import numpy as np
import pytest
import soundfile

import soundbeam
from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.model.classifier.calls import CallRules
from soundbeam.pipelines.calibrate.program import main
from tests.pipelines.written_scan import result, write_scan
from tests.placeholder import RATE, save_bins_bundle, save_tone_bundle, with_tones

LABELS = ("low", "high", "odd")
WINDOW_S, HOP_S, WINDOWS, RECORDINGS = 1.0, 1.0, 60, 12


def logit(p):
    return np.log(p / (1 - p))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    rules = CallRules(runs=True)
    return save_bins_bundle(folder / "tone", LABELS, threshold=0.25, call_rules=rules)


def corpus(seed=0, slope=0.5, bias=-1.5):
    """Windows side by side whose scores are probabilities once their log-odds are times 0.5, less 1.5.

    Returns:
        uri → scores [windows, labels], and the lines of the annotations: a call is one window.
    """
    rng = np.random.default_rng(seed)
    scores, lines = {}, ["recording,start_s,end_s,label"]
    for i in range(RECORDINGS):
        uri = f"file:///corpus/{i}.wav"
        heights = rng.uniform(-6, 8, (WINDOWS, len(LABELS)))
        heights[1::2] = -6  # between any two calls there is a window without one
        truth = rng.random(heights.shape) < sigmoid(slope * heights + bias)
        truth[1::2] = False
        scores[uri] = sigmoid(heights)
        lines += [
            f"{i}.wav,{window},{window + 1},{LABELS[label]}"
            for window, label in np.argwhere(truth[:, :2])
        ]  # fmt: skip
    return scores, lines


def written(folder, bundle, scores, **more):
    results = [
        result(uri, WINDOWS, (), values, labels=LABELS, window_s=WINDOW_S, hop_s=HOP_S, floor=more.get("min_score"))
        for uri, values in scores.items()
    ]
    values = {"fingerprint": bundle.fingerprint, "window_s": WINDOW_S, "hop_s": HOP_S, "classifier": bundle.url}
    thresholds = dict.fromkeys(LABELS, 0.25)
    return write_scan(folder, results, LABELS, rate=8000, **{**values, "thresholds": thresholds, **more})


def run(bundle, tmp_path, lines, *more, output="out"):
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    argv = ["--classifier", bundle.url, "--annotations", tmp_path / "a.csv", "--output", tmp_path / output]
    return main([str(a) for a in [*argv, "--to", tmp_path / "new", *more]])


def f1_of(scores, lines, label, threshold):
    """The best that windows side by side allow, by counting."""
    true = {tuple(line.split(",")[:2]) for line in lines[1:] if line.endswith(f",{label}")}
    found = {
        (f"{uri[-6:].strip('/')}", str(window))
        for uri, values in scores.items()
        for window in np.flatnonzero(values[:, LABELS.index(label)] >= threshold)
    }
    found = {(name.rpartition("/")[2], window) for name, window in found}
    return 2 * len(true & found) / (len(true) + len(found)), len(true & found) / max(len(found), 1)


def test_scores_become_probabilities_and_thresholds_are_the_best(bundle, tmp_path, capsys):
    scores, lines = corpus()
    written(tmp_path / "out", bundle, scores)
    assert run(bundle, tmp_path, lines) == 0
    said = capsys.readouterr().out
    new = load_bundle(str(tmp_path / "new"))
    assert new.fingerprint != bundle.fingerprint
    assert (new.weights_sha256, new.network_sha256) == (bundle.weights_sha256, bundle.network_sha256)
    for i in range(2):
        slope, bias = new.calibration.of_label(i)
        assert slope == pytest.approx(0.5, abs=0.1) and bias == pytest.approx(-1.5, abs=0.4)
    for label in LABELS[:2]:
        best = max(f1_of(scores, lines, label, t)[0] for t in np.linspace(0.01, 0.9999, 500))
        slope, bias = new.calibration.of_label(LABELS.index(label))
        of_network = sigmoid((logit(new.thresholds[label]) - bias) / slope)
        figures = new.report["calibrated"]["labels"][label]
        assert f1_of(scores, lines, label, of_network)[0] == pytest.approx(figures["f1"], abs=0.01)
        assert figures["f1"] >= best - 0.03 and figures["f1"] > figures["before"]["f1"]
        low, high = figures["precision_interval"]
        assert low < figures["precision"] < high
    assert "1 labels without an annotated call keep their thresholds and scores" in said
    assert new.thresholds["odd"] == 0.25 and new.hop_s == HOP_S and new.call_rules.runs
    page = (tmp_path / "new" / "report.html").read_text()
    assert "Calibrated on" in page and "12 annotated recordings" in page


def test_the_new_bundle_scores_as_the_old_one_with_the_calibration(bundle, tmp_path):
    scores, lines = corpus()
    written(tmp_path / "out", bundle, scores)
    new = soundbeam.calibrate(bundle.url, annotations(tmp_path, lines), tmp_path / "out", tmp_path / "new")
    windows = np.random.default_rng(0).standard_normal((4, 8000)).astype(np.float32) * np.geomspace(0.01, 2, 4)[:, None]
    windows = windows.astype(np.float32)
    old = bundle.scorer().score_windows(windows).astype(np.float64)
    calibrated = load_bundle(str(tmp_path / "new")).scorer().score_windows(windows)
    for i in range(2):
        slope, bias = load_bundle(str(tmp_path / "new")).calibration.of_label(i)
        want = sigmoid(slope * logit(np.clip(old[:, i], 1e-4, 1 - 1e-4)) + bias)
        np.testing.assert_allclose(calibrated[:, i], want, atol=1e-5)
    np.testing.assert_array_equal(calibrated[:, 2], old[:, 2].astype(np.float32))
    assert new.labels == LABELS


def annotations(tmp_path, lines):
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "a.csv"


def test_a_calibrated_bundle_can_be_calibrated_again(bundle, tmp_path):
    scores, lines = corpus()
    written(tmp_path / "out", bundle, scores)
    soundbeam.calibrate(bundle.url, annotations(tmp_path, lines), tmp_path / "out", tmp_path / "once")
    once = load_bundle(str(tmp_path / "once"))
    rescored = {uri: once.calibration.apply(values) for uri, values in scores.items()}
    written(tmp_path / "again", once, rescored)
    soundbeam.calibrate(once.url, tmp_path / "a.csv", tmp_path / "again", tmp_path / "twice")
    twice = load_bundle(str(tmp_path / "twice"))
    np.testing.assert_allclose(twice.calibration.slopes, once.calibration.slopes, atol=1e-3)
    np.testing.assert_allclose(twice.calibration.biases, once.calibration.biases, atol=1e-2)
    for label in LABELS:
        assert twice.thresholds[label] == pytest.approx(once.thresholds[label], abs=1e-3)


def test_a_precision_is_reached_at_the_price_of_misses(bundle, tmp_path, capsys):
    scores, lines = corpus()
    written(tmp_path / "out", bundle, scores)
    assert run(bundle, tmp_path, lines, "--precision", "0.9") == 0
    new = load_bundle(str(tmp_path / "new"))
    for label in LABELS[:2]:
        slope, bias = new.calibration.of_label(LABELS.index(label))
        threshold = sigmoid((logit(new.thresholds[label]) - bias) / slope)
        assert f1_of(scores, lines, label, threshold)[1] >= 0.9 - 0.01
        assert new.report["calibrated"]["labels"][label]["precision"] >= 0.9
    assert "no threshold reaches" not in capsys.readouterr().out


def test_rules_are_new_where_they_pay(tmp_path):
    """Overlapping windows: two calls whose windows are all over the threshold are one run, and two peaks."""
    bundle = save_tone_bundle(tmp_path / "b", ("low",), threshold=0.25, call_rules=CallRules(runs=True))
    start = np.arange(0, 59.01, 0.25)
    rng = np.random.default_rng(0)
    results, lines = [], ["recording,start_s,end_s,label"]
    for i in range(8):
        faint = np.arange(4.0, 60, 12) + rng.uniform(-0.5, 0.5, 5)
        loud = np.ravel(faint[:, None] + [3.5, 6.0])[:-1]  # in pairs, with a valley higher than the faint ones
        heights = [8 - 3 * np.abs(start + 0.5 - middle) for middle in loud]
        heights += [2 - 4 * np.abs(start + 0.5 - middle) for middle in faint]
        height, at = np.max(heights, axis=0).clip(-2), np.sort([*faint, *loud])
        values = sigmoid(height + 0.1 * rng.standard_normal(len(start)))
        results.append(result(f"file:///c/{i}.wav", 60, (), values[:, None], labels=("low",), window_s=1.0, hop_s=0.25))
        lines += [f"{i}.wav,{middle - 0.4},{middle + 0.4},low" for middle in at]
    write_scan(
        tmp_path / "out", results, ("low",), fingerprint=bundle.fingerprint, window_s=1.0, hop_s=0.25,
        thresholds={"low": 0.25},
    )  # fmt: skip
    assert run(bundle, tmp_path, lines) == 0
    new = load_bundle(str(tmp_path / "new"))
    assert not new.call_rules.runs and new.hop_s == 0.25
    figures = new.report["calibrated"]["labels"]["low"]
    assert figures["f1"] > 0.95 > 0.6 > figures["before"]["f1"]
    assert figures["exact_share"] > 0.8


def test_a_scan_with_the_new_bundle_finds_what_was_told(tmp_path):
    """Loud tones are calls, and fainter ones are not: the placeholder hears both."""
    bundle = save_tone_bundle(tmp_path / "b", ("low",), threshold=0.02)
    rng, lines = np.random.default_rng(0), ["recording,start_s,end_s,label"]
    (tmp_path / "in").mkdir()
    for i in range(8):
        at = 2.0 + 5 * np.arange(8) + rng.uniform(0, 1, 8)
        loud = np.sort(rng.permutation(8)[:4])
        sound = with_tones(44, at[loud], seed=i)
        for faint in np.setdiff1d(at, at[loud]):
            sound += rng.uniform(0.3, 0.5) * with_tones(44, [faint], noise=0)
        soundfile.write(tmp_path / "in" / f"{i}.wav", sound, RATE, subtype="FLOAT")
        lines += [f"{i}.wav,{start},{start + 1.5},low" for start in at[loud]]
    soundbeam.scan(tmp_path / "in", bundle.url, tmp_path / "out")
    soundbeam.calibrate(bundle.url, annotations(tmp_path, lines), tmp_path / "out", tmp_path / "new")
    told = load_bundle(str(tmp_path / "new")).report["calibrated"]["labels"]["low"]
    assert told["before"]["precision"] < 0.6 and told["f1"] > 0.95
    soundbeam.scan(tmp_path / "in", tmp_path / "new", tmp_path / "out")
    found = soundbeam.evaluate(tmp_path / "a.csv", tmp_path / "out").labels["low"]
    for name in ("matched", "calls", "annotations"):
        assert found["events"][name] == told[name]
    for name in ("exact_share", "mean_absolute_error"):
        assert found["counts"][name] == told[name]
    assert found["calibration_error"] == pytest.approx(told["expected_calibration_error"], abs=1e-4)


def test_scores_that_were_not_kept_count_as_the_floor(tmp_path, capsys):
    labels = tuple(f"l{i}" for i in range(12))
    bundle = save_bins_bundle(tmp_path / "b", labels, threshold=0.25, call_rules=CallRules(runs=True))
    rng = np.random.default_rng(0)
    results, lines = [], ["recording,start_s,end_s,label"]
    for i in range(10):
        values = np.full((60, 12), 0.001)
        values[::2, 0] = np.where(calls := rng.random(30) < 0.5, rng.uniform(0.1, 0.2, 30), rng.uniform(0, 0.1, 30))
        results.append(result(f"file:///c/{i}.wav", 60, (), values, labels=labels, window_s=1.0, hop_s=1.0, floor=0.05))
        lines += [f"{i}.wav,{2 * k},{2 * k + 1},l0" for k in np.flatnonzero(calls)]
    write_scan(
        tmp_path / "out", results, labels, fingerprint=bundle.fingerprint, window_s=1.0, hop_s=1.0, min_score=0.05,
        thresholds=dict.fromkeys(labels, 0.25),
    )  # fmt: skip
    assert run(bundle, tmp_path, lines) == 0
    assert "did not keep scores below 0.05: they count as 0.05" in capsys.readouterr().out
    new = load_bundle(str(tmp_path / "new"))
    slope, bias = new.calibration.of_label(0)
    assert 0.05 <= sigmoid((logit(new.thresholds["l0"]) - bias) / slope) < 0.12
    figures = new.report["calibrated"]["labels"]["l0"]
    assert figures["f1"] > 0.95 and figures["before"]["calls"] == 0
    assert {new.thresholds[label] for label in labels[1:]} == {0.25}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("classifier", "scanned with another classifier (ffffffffffff)"),
        ("calls", "has no call in the recordings"),
        ("labels", "the classifier knows none of the annotated labels"),
        ("recordings", "no annotated recording is in the scan"),
        ("nothing", "no runs"),
        ("folder", "holds other files"),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(bundle, tmp_path, capsys, change, words):
    scores, lines = corpus()
    if change != "nothing":
        written(tmp_path / "out", bundle, scores, **({"fingerprint": "f" * 64} if change == "classifier" else {}))
    if change == "calls":
        lines = [lines[0], "1.wav,,,low"]
    if change == "labels":
        lines = [lines[0], "1.wav,1,2,none"]
    if change == "recordings":
        lines = [lines[0], "other.wav,1,2,low"]
    if change == "folder":
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "mine.txt").write_text("")
    assert run(bundle, tmp_path, lines) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and (words in err or change == "nothing")
    assert not (tmp_path / "new" / "classifier.json").exists()


def test_of_a_classifier_whose_scores_add_up_only_thresholds_are_set(tmp_path, capsys):
    plain = save_bins_bundle(tmp_path / "b", LABELS, threshold=0.25, task="classifier")
    scores, lines = corpus()
    written(tmp_path / "out", plain, scores)
    assert run(plain, tmp_path, lines) == 0
    assert "scores are not calibrated: those of a classifier" in capsys.readouterr().out
    new = load_bundle(str(tmp_path / "new"))
    assert new.calibration is None and new.thresholds["low"] != 0.25
    assert dataclasses.asdict(new)["report"]["calibrated"]["precision"] is None
