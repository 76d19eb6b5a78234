"""What can be held of deploy/dataflow without a cloud: the job's graph, the template's options, the package."""

import json
import os
import re
import subprocess
import sys

import pytest

from soundbeam.pipelines.scan.program import main, parser
from tests import ROOT
from tests.deploy.wheel import PACKAGES, build_wheel

FOLDER = ROOT / "deploy" / "dataflow"


def test_the_launch_script_builds_the_jobs_graph_and_starts_nothing(tone_bundle, tmp_path):
    pytest.importorskip("google.cloud.dataflow", reason="the extra [dataflow] is not installed")
    (tmp_path / "in").mkdir()
    asked = {"PROJECT": "a-project", "REGION": "europe-west1", "BUCKET": "gs://bucket", "IMAGE": "soundbeam:1",
             "DRY_RUN": "1", "PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}  # fmt: skip
    output = tmp_path / "out"
    arguments = ["--recordings", tmp_path / "in", "--classifier", tone_bundle, "--output", output]
    done = subprocess.run(
        [FOLDER / "launch.sh", *arguments], env={**os.environ, **asked}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "the job was built (dry run); nothing is scanned yet" in done.stdout
    assert not (output / "runs").exists() and [p.name for p in (output / "_staging").iterdir()] == ["lock"]


@pytest.mark.parametrize("template", [True, False])
def test_only_a_templates_job_keeps_what_is_staged_for_it(tone_bundle, tmp_path, monkeypatch, template):
    monkeypatch.setattr("soundbeam.pipelines.runners.run.run", lambda pipeline: None)
    (tmp_path / "in").mkdir()
    arguments = ["--recordings", str(tmp_path / "in"), "--classifier", tone_bundle, "--output", str(tmp_path / "out")]
    how = ["--template_location=gs://bucket/job.json"] if template else ["--dry_run=True"]
    assert main([*arguments, *how]) == 0
    staged = {path.name for path in (tmp_path / "out" / "_staging").glob("*/begin.json")}
    assert staged == ({"begin.json"} if template else set())


def test_the_templates_parameters_are_options_of_scan():
    options = {action.dest: action for action in parser()._actions}
    parameters = json.loads((FOLDER / "flex-template.json").read_text())["parameters"]
    for parameter in parameters:
        action = options[parameter["name"]]
        assert f"--{parameter['name']}" in action.option_strings
        assert action.nargs != 0, "a template gives every option a value"
        assert parameter["isOptional"] == (not action.required)
        for value in action.choices or ():
            assert all(re.match(pattern, value) for pattern in parameter.get("regexes", ()))
    assert {p["name"] for p in parameters} >= {name for name, action in options.items() if action.required}


def test_the_image_copies_and_installs_what_there_is():
    text = (FOLDER / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
    pinned = (ROOT / "constraints.txt").read_text()
    assert f"apache-beam=={re.search('ARG BEAM=(.+)', text)[1]}\n" in pinned


def test_the_package_holds_every_module_and_imports_from_elsewhere(tmp_path):
    wheel = build_wheel(tmp_path)
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    quiet = {"capture_output": True, "text": True, "cwd": tmp_path}
    site = tmp_path / "site"
    installed = subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], **quiet)
    assert installed.returncode == 0, installed.stderr
    there = {str(p.relative_to(site)) for p in site.rglob("*.py")}
    own = {p.relative_to(ROOT) for package in PACKAGES for p in (ROOT / package).rglob("*.py")}
    assert there == {str(p if p.parts[0] == "soundbeam" else "soundbeam" / p) for p in own}
    assert (site / "soundbeam" / "py.typed").exists()
    modules = [
        "soundbeam.pipelines.cli",
        "soundbeam.pipelines.scan",
        "soundbeam.pipelines.scan.job",
        "soundbeam.pipelines.runners.worker",
        "soundbeam.pipelines.worker_pool",
    ]
    code = f"import importlib; [print(importlib.import_module(m).__file__) for m in {modules}]"
    ran = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(site)}, **quiet)
    assert ran.returncode == 0, ran.stderr
    assert all(line.startswith(str(site)) for line in ran.stdout.split()), ran.stdout
