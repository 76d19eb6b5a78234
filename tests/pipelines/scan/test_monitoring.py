"""What a monitor reads: one line of JSON and Prometheus' text, when a scan ended well, found nothing, or failed."""

import dataclasses
import json
import os
import re
from datetime import datetime, timezone

import pytest
import soundfile

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.scan.monitoring import Monitor, prometheus
from soundbeam.pipelines.scan.program import main
from soundbeam.pipelines.scan.request import Scan
from tests import ROOT
from tests.placeholder import RATE, with_tones

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)*)\} (\S+)')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"')


def parse(text):
    """Prometheus' text format, strictly: {(metric, labels): value}, every metric with its HELP and TYPE before it."""
    assert text.endswith("\n")
    samples, helped, typed = {}, set(), {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, _ = re.fullmatch(r"# HELP (\S+) (.+)", line).groups()
            assert name not in helped
            helped.add(name)
        elif line.startswith("# TYPE "):
            name, kind = re.fullmatch(r"# TYPE (\S+) (gauge|counter)", line).groups()
            assert name not in typed
            typed[name] = kind
        else:
            name, labels, value = SAMPLE.fullmatch(line).groups()
            assert list(typed)[-1] == name and name in helped  # samples of one metric stand together
            plain = {k: re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], v) for k, v in LABEL.findall(labels)}
            key = name, frozenset(plain.items())
            assert key not in samples
            samples[key] = float(value)
    return samples


@pytest.fixture
def scan(tone_bundle, tmp_path):
    soundfile.write(tmp_path / "a.wav", with_tones(36.0, [1.0, 5.0]), RATE)
    (tmp_path / "bad.wav").write_text("no sound")

    def run(*options, recordings=tmp_path, output=tmp_path / "out"):
        arguments = ["--recordings", recordings, "--classifier", tone_bundle, "--output", output, *options]
        return main([str(a) for a in arguments])

    run.output = str(tmp_path / "out")
    return run


def test_a_scan_that_ended_well_and_one_that_found_nothing_new(scan, tmp_path):
    files = ["--summary-json", tmp_path / "s.json", "--metrics", tmp_path / "m.prom"]
    assert scan(*files) == 0
    text = (tmp_path / "s.json").read_text()
    report = json.loads(text)
    assert text.count("\n") == 1 and text.endswith("\n")
    assert (report["status"], report["exit_code"], report["error"]) == ("ok", 0, None)
    assert report["recordings"] == {"ok": 1, "failed": 1}
    assert (report["hours"], report["windows"], report["calls"]) == (0.01, 71, {"low": 2})
    assert os.path.isdir(f"{scan.output}/runs/run={report['run']}") and len(report["classifier"]) == 64
    started, ended = (datetime.fromisoformat(report[k].replace("Z", "+00:00")) for k in ("started_at", "ended_at"))
    assert started <= ended <= datetime.now(timezone.utc) and report["wall_s"] > 0
    samples = parse((tmp_path / "m.prom").read_text())
    of = lambda name, **labels: samples["soundbeam_scan_" + name, frozenset({"output": scan.output, **labels}.items())]  # noqa: E731
    assert (of("success"), of("exit_code"), of("audio_seconds")) == (1, 0, 36)
    assert [of("recordings", status=s) for s in ("ok", "partial", "failed", "skipped")] == [1, 0, 1, 0]
    assert of("calls", label="low") == 2 and of("duration_seconds") == report["wall_s"]
    assert of("ended_timestamp_seconds") == ended.timestamp()
    assert of("info", run=report["run"], classifier=report["classifier"]) == 1

    assert scan(*files) == 0
    again = json.loads((tmp_path / "s.json").read_text())
    assert (again["status"], again["run"], again["unchanged"], again["recordings"]) == ("nothing_new", None, 2, {})
    (tmp_path / "a.wav").rename(tmp_path / "a.away")
    assert scan(*files) == 0
    gone = json.loads((tmp_path / "s.json").read_text())
    assert (gone["status"], gone["gone"], gone["recordings"], gone["calls"]) == ("ok", 1, {}, {"low": 0})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.away", "bad.wav", "m.prom", "out", "s.json"]


def test_a_scan_that_failed_says_why(scan, tmp_path, capsys):
    files = ["--summary-json", tmp_path / "s.json", "--metrics", tmp_path / "m.prom"]
    assert scan(*files, recordings=tmp_path / "*.mp3") == 1
    report = json.loads((tmp_path / "s.json").read_text())
    assert (report["status"], report["exit_code"], report["run"]) == ("failed", 1, None)
    assert report["error"] in capsys.readouterr().err and "no audio file matches" in report["error"]
    samples = parse((tmp_path / "m.prom").read_text())
    assert samples["soundbeam_scan_success", frozenset({("output", scan.output)})] == 0
    # Not one file could be scanned: the run is there, and still that is a failure.
    assert scan(*files, recordings=tmp_path / "bad.wav") == 1
    report = json.loads((tmp_path / "s.json").read_text())
    assert (report["status"], report["recordings"]) == ("failed", {"failed": 1}) and report["run"]


def test_a_dash_leaves_standard_output_to_the_line_alone(scan, capsys):
    assert scan("--summary-json", "-") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["calls"] == {"low": 2} and out.count("\n") == 1
    assert "low: 2 calls (2 to 2) in 1 of 2 recordings" in err


def test_a_place_that_cannot_be_written_is_told_before_the_scan(scan, tmp_path, capsys):
    for option in ("--summary-json", "--metrics"):
        assert scan(option, tmp_path / "none" / "file") == 1
        assert scan(option, tmp_path) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4 and all("cannot be written" in line for line in lines)
    assert not os.path.exists(scan.output)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(28, "No space left on device", "/x"), 1, "disk full"),
        (ZeroDivisionError("what\nnobody\nexpects"), 1, "ZeroDivisionError: what nobody expects"),
    ],
)
def test_whatever_ends_a_scan_is_reported_with_the_exit_code(tmp_path, capsys, error, code, said):
    @program("scan")
    def failing(argv):
        with Monitor("out", str(tmp_path / "s.json"), None):
            raise error

    assert failing([]) == code
    report = json.loads((tmp_path / "s.json").read_text())
    assert report["exit_code"] == code and said in report["error"] and report["status"] == "failed"


def test_odd_names_are_escaped(tmp_path):
    odd = 'a "b"\\c\nd{e="f"} ü'
    with Monitor(odd, str(tmp_path / "s.json"), str(tmp_path / "m.prom")) as monitor:
        monitor.figures = {"run": "r", "classifier": "c", "calls": {odd: 3, "": 1}}
    samples = parse((tmp_path / "m.prom").read_text(encoding="utf-8"))
    assert samples["soundbeam_scan_calls", frozenset({("output", odd), ("label", odd)})] == 3
    report = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert report["output"] == odd and prometheus(report) == (tmp_path / "m.prom").read_text(encoding="utf-8")


def test_no_secret_of_a_url_is_reported(tmp_path):
    url = "s3://user:hush@bucket/out?X-Amz-Signature=hush2"
    with pytest.raises(SoundbeamError), Monitor(url, str(tmp_path / "s.json"), str(tmp_path / "m.prom")):
        raise SoundbeamError(f"{url}: no such bucket")
    for name in ("s.json", "m.prom"):
        assert "bucket/out" in (tmp_path / name).read_text() and "hush" not in (tmp_path / name).read_text()


def test_the_docs_name_every_field_and_metric(tmp_path):
    docs = (ROOT / "docs" / "nightly.md").read_text(encoding="utf-8")
    with Monitor("out", str(tmp_path / "s.json"), str(tmp_path / "m.prom")):
        pass
    (example,) = re.findall(r"^```json\n(.*?)\n```$", docs, re.MULTILINE | re.DOTALL)
    assert list(json.loads(example)) == list(json.loads((tmp_path / "s.json").read_text()))
    helped = re.findall(r"# HELP (\S+)", (tmp_path / "m.prom").read_text())
    assert helped == re.findall(r"^    (soundbeam_scan_\w+)(?![\w ]*==)", docs, re.MULTILINE)


def test_the_options_are_all_of_the_scan_or_of_its_monitor():
    from soundbeam.pipelines.scan.program import parser

    names = {a.dest for a in parser()._actions} - {"help", "storage_options"}
    assert names - {"summary_json", "metrics"} == {f.name for f in dataclasses.fields(Scan) if f.init}
