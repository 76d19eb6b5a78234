"""A night with nothing new: what it starts and imports, and that it ends as Beam's pipeline would end it."""

import json
import os
import subprocess
import sys

import pytest
import soundfile

from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.output.staging import Staging
from soundbeam.pipelines.scan import nothing_new
from soundbeam.pipelines.scan.nothing_new import find_unchanged
from soundbeam.pipelines.scan.program import main
from tests.placeholder import RATE, with_tones

# What a program imports from the start, whatever it is to do.
HEAVY = {"matplotlib", "tensorflow", "keras", "jinja2", "pandas", "librosa", "apache_beam", "scipy", "ai_edge_litert"}
NOT_DECODING = {"soundfile", "soxr", "av", "soundbeam.transforms.isolation", "soundbeam.model.classifier.scorer"}
SCAN = f"""
import sys
started = []
sys.addaudithook(lambda event, _: started.append(event) if event in
                 ("subprocess.Popen", "os.fork", "os.posix_spawn", "os.exec", "os.system") else None)
from soundbeam.pipelines.scan.program import main
code = main(sys.argv[1:])
print(code, sorted({HEAVY | NOT_DECODING} & set(sys.modules)), started)
"""


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    for i, name in enumerate(["a.wav", "b.wav", "sub/c.wav"]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, with_tones(2.0, (1.0,), seed=i), RATE)
    (folder / "bad.wav").write_text("no sound")
    (folder / "empty.wav").touch()
    (folder / ".hidden.wav").write_text("no sound")
    (folder / "photo.jpg").write_text("no sound")
    return folder


@pytest.fixture
def arguments(corpus, tone_bundle, tmp_path):
    return ["--recordings", str(corpus), "--classifier", tone_bundle, "--output", str(tmp_path / "out")]


def in_a_new_process(arguments):
    done = subprocess.run([sys.executable, "-c", SCAN, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_scan_with_nothing_new_imports_no_beam_and_starts_no_process(arguments):
    first = in_a_new_process(arguments)
    assert "apache_beam" in first[-1] and "subprocess.Popen" in first[-1]  # so that both would be seen
    assert "soundbeam.transforms.isolation" in first[-1]
    second = in_a_new_process(arguments)
    assert second[0].startswith("nothing new: 6 recordings were scanned before")
    assert second[-1] == "0 [] []"


@pytest.mark.parametrize(
    "module", ["scan.program", "scan.job", "scan.summary", "scan.monitoring", "label.program", "cli"]
)
def test_importing_a_program_imports_nothing_heavy(module):
    code = f"import sys, soundbeam.pipelines.{module}; print({HEAVY} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout == "set()\n", done.stdout + done.stderr


def said(capsys, arguments, *options):
    """Exit code, the lines for people, and the figures that do not tell the time."""
    code = main([*arguments, "--summary-json", "-", *options])
    out, err = capsys.readouterr()
    figures = json.loads(out)
    return code, err, {k: v for k, v in figures.items() if k not in ("started_at", "ended_at", "wall_s")}


@pytest.mark.parametrize("patterns", ["twice", "glob", "list"])
def test_it_says_what_the_pipeline_says(corpus, arguments, tmp_path, capsys, patterns):
    (tmp_path / "list.txt").write_text(f"# two\n{corpus}/a.wav\n{corpus}/sub\n")
    glob = str(corpus / "*.WAV"), str(corpus / "*.wav")
    named = {"twice": [corpus, corpus / "a.wav"], "glob": glob, "list": [f"@{tmp_path}/list.txt"]}
    arguments[1:2] = map(str, named[patterns])
    assert main(arguments) == 0
    capsys.readouterr()
    here = said(capsys, arguments)
    by_beam = said(capsys, arguments, "--direct_num_workers=1")
    assert here == by_beam and here[2]["status"] == "nothing_new" and here[2]["unchanged"] >= 2


def unchanged(arguments, retry_failed=False):
    output = Output(arguments[-1])
    (run,) = {info.settings for info in output.runs()}
    found = find_unchanged([arguments[1]], Staging(output).ledger(run, []), retry_failed)
    return found and found.files


def test_whatever_there_is_to_do_is_left_to_the_pipeline(corpus, arguments):
    assert main(arguments) == 0
    assert unchanged(arguments) == 6
    assert unchanged(arguments, retry_failed=True) is None
    (corpus / "d.wav").write_bytes((corpus / "a.wav").read_bytes())
    assert unchanged(arguments) is None  # a new file
    (corpus / "d.wav").rename(corpus.parent / "away.wav")
    assert unchanged(arguments) == 6
    (corpus / "sub" / "c.wav").rename(corpus.parent / "c.wav")
    assert unchanged(arguments) is None  # one that is gone
    (corpus.parent / "c.wav").rename(corpus / "sub" / "c.wav")
    assert unchanged(arguments) == 6
    os.utime(corpus / "a.wav", (1, 1))
    assert unchanged(arguments) is None  # one that was changed


def test_a_file_that_went_and_came_back_is_new(corpus, arguments):
    assert main(arguments) == 0
    (corpus / "a.wav").rename(corpus.parent / "a.wav")
    assert main(arguments) == 0
    assert unchanged(arguments) == 5  # the ledger says that it is gone, and so it is
    (corpus.parent / "a.wav").rename(corpus / "a.wav")
    assert unchanged(arguments) is None


def test_a_store_is_not_listed_twice(monkeypatch):
    def asked(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(nothing_new, "read_done", asked)
    with pytest.raises(KeyboardInterrupt):
        find_unchanged(["/there"], [(0, "file:///ledger.parquet")], False)
    assert find_unchanged(["s3://nobody/there"], [(0, "file:///ledger.parquet")], False) is None
    assert find_unchanged(["/there"], [(0, "s3://nobody/ledger.parquet")], False) is None


def test_an_unreadable_ledger_is_left_to_the_pipeline(corpus, tmp_path):
    (tmp_path / "part.parquet").write_text("no table")
    assert find_unchanged([str(corpus)], [(0, f"file://{tmp_path}/part.parquet")], False) is None
