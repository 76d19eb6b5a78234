"""``soundbeam evaluate --precision``: what it prints is what a scan with that threshold then finds."""

import json

import numpy as np
import pytest
import soundfile

from soundbeam.model.classifier.calls import CallRules
from soundbeam.pipelines.evaluate import program as evaluate
from soundbeam.pipelines.scan import program as scan
from tests.pipelines.written_scan import result, write_scan
from tests.placeholder import RATE, save_tone_bundle, tone


def figures(folder, precision, expect=0):
    argv = ["--annotations", f"{folder}/annotations.csv", "--output", f"{folder}/out", "--json", f"{folder}/f.json"]
    assert evaluate.main([*argv, *(["--precision", str(precision)] if precision else [])]) == expect
    return json.loads((folder / "f.json").read_text())["labels"] if expect == 0 else None


def test_a_scan_with_the_threshold_has_the_precision(tmp_path, capsys):
    rng = np.random.default_rng(0)
    sound = 1e-3 * rng.standard_normal(60 * RATE)
    levels = [0.5, 0.06, 0.4, 0.05, 0.3, 0.09, 0.2, 0.12, 0.15]  # faint ones are false alarms
    for i, level in enumerate(levels):
        sound[(3 + 6 * i) * RATE :][: round(1.5 * RATE)] += tone(1.5, amplitude=level)
    soundfile.write(tmp_path / "a.wav", sound, RATE)
    rows = [f"a.wav,{3 + 6 * i},{4.5 + 6 * i},low" for i, level in enumerate(levels) if level >= 0.15]
    (tmp_path / "annotations.csv").write_text("recording,start_s,end_s,label\n" + "\n".join(rows) + "\n")
    bundle = save_tone_bundle(tmp_path / "bundle", call_rules=CallRules(smooth_s=0.5, dip=0.3), threshold=0.02).url
    argv = ["--recordings", f"{tmp_path}/a.wav", "--classifier", bundle, "--output", f"{tmp_path}/out"]
    assert scan.main(argv) == 0
    before = figures(tmp_path, 0.9)["low"]
    assert before["events"]["precision"] < 0.9 and before["at_precision"]["reached"]
    told = before["at_precision"]
    assert f"threshold {told['threshold']:.9g} gives precision" in capsys.readouterr().out
    assert scan.main([*argv, "--threshold", str(told["threshold"])]) == 0
    after = figures(tmp_path, None)["low"]
    assert "at_precision" not in after
    assert after["events"] == {name: told[name] for name in after["events"]}
    assert after["events"]["precision"] >= 0.9 and after["events"]["recall"] == 1.0


def test_every_label_has_its_own(tmp_path, capsys):
    labels = ("a", "b", "c")
    scores = np.full((9, 3), 0.1)
    scores[2, 0], scores[6, 1], scores[0, 1] = 0.8, 0.7, 0.9
    write_scan(tmp_path / "out", [result("file:///r.wav", scores=scores, labels=labels)], labels)
    (tmp_path / "annotations.csv").write_text("recording,start_s,end_s,label\nr.wav,2,4,a\nr.wav,6,8,b\n")
    found = figures(tmp_path, 0.75)
    assert list(found) == ["a", "b"]
    assert found["a"]["at_precision"]["reached"] and 0.1 < found["a"]["at_precision"]["threshold"] < 0.8
    assert not found["b"]["at_precision"]["reached"] and found["b"]["at_precision"]["precision"] == 0.5
    out = capsys.readouterr().out
    assert "for precision 0.75 or more: threshold" in out and "(1 of 1 calls) and recall 1.000" in out
    assert "precision 0.75 is not reached by any threshold; the nearest: threshold" in out


def test_an_older_scan_without_its_rules_is_one_line(tmp_path, capsys):
    write_scan(tmp_path / "out", [result("file:///r.wav")], call_rules=None)
    (tmp_path / "annotations.csv").write_text("recording,start_s,end_s,label\nr.wav,2,4,call\n")
    assert figures(tmp_path, None)
    capsys.readouterr()
    figures(tmp_path, 0.9, expect=1)
    err = capsys.readouterr().err
    assert "run 'soundbeam scan --rescan'" in err and err.count("\n") == 1


def test_the_run_holds_the_bundles_rules(tone_bundle):
    from soundbeam.model.classifier.bundle import load_bundle
    from soundbeam.pipelines.scan.request import Scan, parameters_of

    parameters = parameters_of(Scan(["x"], tone_bundle, "out"), load_bundle(tone_bundle))
    assert CallRules(**parameters.call_rules) == load_bundle(tone_bundle).call_rules


@pytest.mark.parametrize("share", ["0", "1.5", "nan", "-1", "much"])
def test_a_share_that_is_none(tmp_path, capsys, share):
    with pytest.raises(SystemExit):
        figures(tmp_path, share)
    assert capsys.readouterr().err.count("\n") == 1
