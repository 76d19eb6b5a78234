"""What a worker needs, without TensorFlow: the pinned packages are enough for a scan, and their versions are ours."""

import os
import re
import runpy
import subprocess
import sys

import pytest
import soundfile

from soundbeam.pipelines.cli import main
from soundbeam.pipelines.results import read
from tests import ROOT
from tests.deploy.wheel import build_wheel
from tests.placeholder import RATE, with_tones

PINNED = ROOT / "deploy" / "requirements-worker.txt"
# What setup.py requires for training, pictures and reports only.
NOT_FOR_SCANNING = {
    "tensorflow",
    "tensorflow-io",
    "keras",
    "jinja2",
    "matplotlib",
    "pillow",
    "starlette",
    "uvicorn",
    "astral",
}


def names(text):
    return {re.sub(r"[-_.]+", "-", name).lower() for name in re.findall(r"^([A-Za-z][\w.-]*)", text, re.MULTILINE)}


def test_the_file_is_current_and_all_its_versions_are_those_of_constraints():
    made = runpy.run_path(str(ROOT / "deploy" / "requirements_worker.py"))["requirements"]()
    assert PINNED.read_text() == made, "run: make requirements-worker"
    pins = set(re.findall(r"^[\w.-]+==\S+$", made, re.MULTILINE))
    assert len(pins) > 50 and not names(made) & {"tensorflow", "keras", "tensorflow-io"}
    assert {pin.lower() for pin in pins} <= {re.sub(r"[_.]+(?=.*==)", "-", pin).lower() for pin in constraints()}


def constraints():
    return re.findall(r"^[\w.-]+==\S+$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)


def test_every_requirement_of_a_scan_is_in_it():
    (required,) = re.findall(r"install_requires=\[(.+?)\n    \]", (ROOT / "setup.py").read_text(), re.DOTALL)
    needed = names("\n".join(re.findall(r'^ +"([\w-]+)', required, re.MULTILINE)))
    assert needed - NOT_FOR_SCANNING <= names(PINNED.read_text())
    wanted = names((ROOT / "deploy" / "requirements-worker.in").read_text())
    assert needed & NOT_FOR_SCANNING == NOT_FOR_SCANNING and not wanted & NOT_FOR_SCANNING


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    return done.returncode, done.stdout, done.stderr.strip()


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """What a process of that environment is run with: it must not find this folder's modules."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {"cwd": tmp_path_factory.mktemp("elsewhere"), "env": variables}


@pytest.fixture(scope="module")
def environment(outside, tmp_path_factory):
    """The folder of programs of an environment with the pinned packages and soundbeam, and nothing else."""
    folder = tmp_path_factory.mktemp("worker")
    assert run(sys.executable, "-m", "venv", folder / "venv")[0] == 0
    python = folder / "venv" / "bin" / "python"
    for packages in (["-r", PINNED], ["--no-deps", build_wheel(folder)]):
        code, _, error = run(python, "-m", "pip", "-q", "--disable-pip-version-check", "install", *packages, **outside)
        assert code == 0, error
    return python.parent


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for i, name in enumerate(("a.wav", "b.flac", "c.ogg", "d.mp3")):
        soundfile.write(folder / name, with_tones(9.3, [2.0, 5.5], rate=2 * RATE, seed=i), 2 * RATE)
    return folder


@pytest.fixture(scope="module")
def here(recordings, tone_bundle, tmp_path_factory):
    """The output of a scan with all of soundbeam."""
    output = tmp_path_factory.mktemp("here") / "out"
    assert main(["scan", "--recordings", str(recordings), "--classifier", tone_bundle, "--output", str(output)]) == 0
    return output


def rows(output, table):
    found = read(str(output), table).drop_columns(["run"]).to_pylist()
    return sorted(found, key=lambda row: (row["recording"], row.get("start_s", 0)))


def same_rows(output, here):
    assert len(rows(here, "calls")) == 8
    return all(rows(output, table) == rows(here, table) for table in ("predictions", "calls", "counts", "recordings"))


@pytest.mark.worker
def test_only_the_pinned_packages_are_installed_and_they_fit(environment, outside):
    _, unmet, _ = run(environment / "python", "-m", "pip", "check", **outside)
    assert unmet and all(line.startswith("soundbeam ") for line in unmet.splitlines())  # what it is installed without
    _, listed, _ = run(environment / "python", "-m", "pip", "list", "--format=freeze", **outside)
    assert names(listed) - {"pip", "setuptools"} == {"soundbeam"} | names(PINNED.read_text())
    code, _, error = run(environment / "python", "-c", "import tensorflow", **outside)
    assert code and "No module named 'tensorflow'" in error


@pytest.mark.worker
def test_a_scan_there_has_the_same_rows(environment, outside, recordings, tone_bundle, here, tmp_path):
    command = [environment / "soundbeam", "scan", "--recordings", recordings, "--classifier", tone_bundle]
    assert run(*command, "--output", tmp_path, **outside)[::2] == (0, "")
    assert same_rows(tmp_path, here)


@pytest.mark.worker
def test_it_works_for_a_scan_that_was_started_where_tensorflow_is(
    environment, outside, recordings, tone_bundle, here, tmp_path
):
    command = [environment / "python", "-m", "soundbeam.pipelines.worker_pool", "--logs", tmp_path]
    pool = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **outside)
    try:
        port = re.search("workers are started by .+:([0-9]+)", pool.stdout.readline())[1]
        arguments = ["--recordings", str(recordings), "--classifier", tone_bundle, "--output", str(tmp_path / "out")]
        arguments += ["--runner=PortableRunner", "--job_endpoint=embed"]
        assert main(["scan", *arguments, "--environment_type=EXTERNAL", f"--environment_config=localhost:{port}"]) == 0
    finally:
        pool.terminate()
        pool.wait(60)
        pool.stdout.close()
    assert list(tmp_path.glob("worker-*.log")) and same_rows(tmp_path / "out", here)


@pytest.mark.worker
def test_what_needs_tensorflow_says_so_in_one_line(environment, outside, recordings, tone_bundle, tmp_path):
    clips = tmp_path / "clips.csv"
    clips.write_text(f"path,label\n{recordings}/a.wav,low\n{recordings}/b.flac,other\n")
    for program, *arguments in (
        ("materialize", "--clips", clips, "--examples", tmp_path / "examples"),
        ("train", "--examples", tmp_path / "examples", "--classifier", tmp_path / "bundle"),
        ("compare", "--examples", tmp_path / "examples", "--output", tmp_path / "compared"),
    ):
        code, _, error = run(environment / "soundbeam", program, *arguments, **outside)
        assert code == 1 and error.splitlines()[-1].startswith(f"soundbeam {program}: error: this needs TensorFlow")
        assert "pip install" in error and "Traceback" not in error
    output = ["--classifier", tone_bundle, "--output", tmp_path / "out", "--decoder=tensorflow-io"]
    code, _, error = run(environment / "soundbeam", "scan", "--recordings", recordings, *output, **outside)
    assert code == 1 and "use --decoder=soundfile" in error and len(error.splitlines()) == 1
