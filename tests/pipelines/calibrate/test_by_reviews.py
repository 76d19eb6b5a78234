"""``calibrate --reviews``: thresholds and probabilities from an oracle's verdicts on written scans."""

import numpy as np
import pytest

import soundbeam
from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.pipelines.calibrate.program import main
from soundbeam.pipelines.results import read
from soundbeam.pipelines.review.program import main as review
from tests.pipelines.review.oracle import judge_all, truth_of
from tests.pipelines.written_scan import result, write_scan
from tests.placeholder import save_bins_bundle

SLOPE, HEIGHT = 0.6, -1.5


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return save_bins_bundle(tmp_path_factory.mktemp("bundles") / "one", ("call",), threshold=0.5).url


@pytest.fixture(scope="module")
def reviewed(bundle, tmp_path_factory):
    """A scan whose scores are probabilities once their log-odds are × 0.6 − 1.5; 400 windows were judged."""
    rng = np.random.default_rng(0)
    results = [result(f"file:///r/{k}.wav", 602.0, scores=sigmoid(rng.normal(-3, 3, 601))[:, None]) for k in range(30)]
    fingerprint = load_bundle(bundle).fingerprint
    out = write_scan(tmp_path_factory.mktemp("scan"), results, fingerprint=fingerprint)
    assert review(["sample", "--output", out, "-n", "400"]) == 0
    truth = truth_of(out, SLOPE, HEIGHT)
    judge_all(out, truth)
    return out, truth


def test_probabilities_and_threshold_are_those_of_the_verdicts(bundle, reviewed, tmp_path, capsys):
    out, truth = reviewed
    argv = ["--classifier", bundle, "--reviews", out, "--to", str(tmp_path / "new"), "--precision", "0.8"]
    assert main(argv) == 0
    said = capsys.readouterr().out
    assert "call: 400 verdicts; threshold 0.5 → " in said and "report.html" in said
    old, new = load_bundle(bundle), load_bundle(str(tmp_path / "new"))
    assert new.fingerprint != old.fingerprint and new.calibration is not None
    assert new.calibration.slope == pytest.approx(SLOPE, abs=0.12)
    assert new.calibration.biases[0] == pytest.approx(HEIGHT, abs=0.45)
    assert new.call_rules.dip == pytest.approx(old.call_rules.dip * new.calibration.slope)
    score = read(out, "predictions")["score"].to_numpy()
    there = np.array(list(truth.values()))
    calibrated = new.calibration.apply(score.astype(np.float64)[:, None])[:, 0]
    over = calibrated >= new.thresholds["call"]
    assert there[over].mean() == pytest.approx(0.8, abs=0.08)
    figures = new.report["reviewed"]["labels"]["call"]
    assert figures["after"]["precision"]["low"] <= there[over].mean() <= figures["after"]["precision"]["high"]
    before = score >= np.float32(0.5)
    assert figures["before"]["precision"]["low"] <= there[before].mean() <= figures["before"]["precision"]["high"]
    page = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    assert "<h2>Reviewed</h2>" in page and "call, before" in page


def test_the_best_f1_without_a_precision(bundle, reviewed, tmp_path):
    out, truth = reviewed
    new = soundbeam.calibrate(bundle, to=tmp_path / "new", reviews=out)
    score, there = read(out, "predictions")["score"].to_numpy(), np.array(list(truth.values()))
    bundle_now = load_bundle(str(tmp_path / "new"))
    calibrated = bundle_now.calibration.apply(score.astype(np.float64)[:, None])[:, 0]

    def f1(over):
        return 2 * there[over].sum() / (over.sum() + there.sum())

    best = max(f1(calibrated >= t) for t in np.linspace(0.02, 0.9, 60))
    assert f1(calibrated >= bundle_now.thresholds["call"]) > best - 0.05
    assert new.labels == ("call",)


def test_a_label_that_nobody_reviewed_keeps_its_scores(reviewed, tmp_path):
    two = save_bins_bundle(tmp_path / "two", ("call", "other"), threshold=0.4).url
    rng = np.random.default_rng(1)
    labels = ("call", "other")
    results = [
        result(f"file:///r/{k}.wav", 302.0, scores=sigmoid(rng.normal(-2, 3, (301, 2))), labels=labels)
        for k in range(10)
    ]
    out = write_scan(tmp_path / "scan", results, labels, fingerprint=load_bundle(two).fingerprint)
    assert review(["sample", "--output", out, "--label", "call", "-n", "100"]) == 0
    of_call = {
        (row["recording"], row["start_s"]): row["score"] > 0.7
        for row in read(out, "predictions").to_pylist()
        if row["label"] == "call"
    }
    judge_all(out, of_call)
    assert main(["--classifier", two, "--reviews", out, "--to", str(tmp_path / "new")]) == 0
    new = load_bundle(str(tmp_path / "new"))
    assert new.thresholds["other"] == 0.4 and new.calibration is not None
    scores = np.array([[0.3, 0.3], [0.9, 0.9]])
    np.testing.assert_array_equal(new.calibration.apply(scores)[:, 1], scores[:, 1])
    assert not np.allclose(new.calibration.apply(scores)[:, 0], scores[:, 0])
    assert new.call_rules == load_bundle(two).call_rules


def test_errors_are_one_line(bundle, reviewed, tmp_path, capsys):
    out, _ = reviewed
    other = save_bins_bundle(tmp_path / "other", ("call",), threshold=0.3).url
    assert main(["--classifier", other, "--reviews", out, "--to", str(tmp_path / "new")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "were scored by another classifier" in line and not (tmp_path / "new").exists()
    empty = write_scan(tmp_path / "scan", [result("file:///r/a.wav")], fingerprint=load_bundle(bundle).fingerprint)
    assert main(["--classifier", bundle, "--reviews", empty, "--to", str(tmp_path / "new")]) == 1
    assert "no sample in it" in capsys.readouterr().err
    for more in (["--reviews", out, "--output", out], ["--annotations", "a.csv"], []):
        with pytest.raises(SystemExit) as ended:
            main(["--classifier", bundle, "--to", str(tmp_path / "new"), *more])
        assert ended.value.code == 2
    assert "--reviews takes the place of --annotations and --output" in capsys.readouterr().err
    with pytest.raises(soundbeam.OptionError, match="either annotations and output, or reviews"):
        soundbeam.calibrate(bundle, to=tmp_path / "new")
