"""The package's face in Python: the same scores and calls as a scan's, from anywhere."""

import doctest
import importlib
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

import soundbeam
from soundbeam.pipelines.results import latest_run
from tests import ROOT
from tests.other_models import write_tflite
from tests.placeholder import HOP_S, RATE, expected_score, tone, with_tones

AT = {"a.wav": (1.0, 5.0), "b.wav": (2.5,), "c.wav": ()}


@pytest.fixture(scope="module")
def home(tmp_path_factory, tone_bundle):
    """A folder with ``bundle``, ``recordings``, ``clips``, annotations, and ``scanned``, the tables of a scan."""
    home = tmp_path_factory.mktemp("api")
    (home / "bundle").symlink_to(tone_bundle.removeprefix("file://"))
    (home / "recordings").mkdir()
    for name, at in AT.items():
        soundfile.write(home / "recordings" / name, with_tones(10, at), RATE)
    soundbeam.scan(str(home / "recordings"), str(home / "bundle"), str(home / "scanned"))
    return home


@pytest.fixture(scope="module")
def classifier(home):
    return soundbeam.load_classifier(str(home / "bundle"))


def keyed(table):
    return sorted(table.select(["recording", "label", "start_s", "end_s", "score"]).to_pylist(), key=lambda r: str(r))


def test_predict_gives_the_scores_that_numpy_gives(home, classifier):
    path = home / "recordings" / "a.wav"
    sound, _ = soundfile.read(path)
    table = classifier.predict(path)
    assert table.column_names == ["recording", "start_s", "end_s", "label", "score"]
    assert table["start_s"].to_pylist() == [k * HOP_S for k in range(19)]
    assert set(table["recording"].to_pylist()) == {path.as_uri()}
    expected = [expected_score(sound[round(s * RATE) :][:RATE]) for s in table["start_s"].to_pylist()]
    np.testing.assert_allclose(table["score"].to_numpy(), expected, atol=1e-4)


def test_two_labels_have_a_row_each(home, two_tone_bundle):
    table = soundbeam.load_classifier(two_tone_bundle).predict(str(home / "recordings" / "a.wav"))
    assert table["label"].to_pylist() == ["low", "high"] * 19


def test_predictions_and_calls_are_the_scans_to_the_last_digit(home, classifier):
    everything = str(home / "recordings")
    assert keyed(classifier.calls(everything)) == keyed(soundbeam.read_table(str(home / "scanned"), "calls"))
    assert len(classifier.calls(everything)) == 3
    predicted, scanned = classifier.predict(everything), soundbeam.read_table(str(home / "scanned"), "predictions")
    assert keyed(predicted) == keyed(scanned)


@pytest.mark.parametrize(("rate", "channels"), [(RATE, 1), (11025, 2)])
def test_samples_are_scored_as_their_file(tmp_path, classifier, rate, channels):
    sound = np.stack([with_tones(70, (1.0, 30.0), rate, seed=k) for k in range(channels)], 1).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", sound, rate, subtype="FLOAT")
    for of in (classifier.predict, classifier.calls):
        of_file, of_samples = of(tmp_path / "x.wav"), of(sound, rate=rate)
        assert of_samples["recording"].null_count == len(of_samples)
        assert of_samples.drop_columns("recording") == of_file.drop_columns("recording")


def test_read_and_stream_tables(home):
    output = str(home / "scanned")
    counts = soundbeam.read_table(output, "counts")
    found = {r["recording"].rpartition("/")[2]: r["calls"] for r in counts.to_pylist()}
    assert found == {name: len(at) for name, at in AT.items()}
    assert sum(map(len, soundbeam.stream_table(output, "calls"))) == 3
    with pytest.raises(soundbeam.ResultsError, match="no table 'call'"):
        soundbeam.read_table(output, "call")


def test_a_scan_from_a_thread(home, tmp_path):
    found = []

    def work():
        found.append(soundbeam.scan(f"{home}/recordings/*.wav", f"{home}/bundle", str(tmp_path), runner="FnApiRunner"))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found[0].calls == {"low": 3} and found[0].recordings == {"ok": 3} and found[0].windows == 57
    assert keyed(soundbeam.read_table(str(tmp_path), "calls")) == keyed(
        soundbeam.read_table(str(home / "scanned"), "calls")
    )
    again = soundbeam.scan(f"{home}/recordings/*.wav", f"{home}/bundle", str(tmp_path))
    assert again.run is None and again.unchanged == 3


def test_a_scan_from_a_spawned_process(home, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, sys\nimport soundbeam\n\n"
        "def work(arguments):\n    return soundbeam.scan(*arguments).calls\n\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(work, [sys.argv[1:]]))\n"
    )
    arguments = [f"{home}/recordings/*.wav", f"{home}/bundle", str(tmp_path / "results")]
    ran = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, cwd=ROOT)
    assert ran.stdout == "[{'low': 3}]\n", ran.stderr


def test_importing_it_loads_neither_tensorflow_nor_beam():
    code = "import sys, soundbeam; print({'tensorflow', 'keras', 'apache_beam'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout == "set()\n"


def test_a_bad_file_is_named(tmp_path, classifier):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound at all" * 100)
    for path in (bad, tmp_path / "missing.wav"):
        with pytest.raises(soundbeam.DecodeError, match=path.name) as raised:
            classifier.calls(path)
        assert "\n" not in str(raised.value) and isinstance(raised.value, soundbeam.SoundbeamError)


def test_a_file_that_breaks_off_gives_what_came_before_and_a_warning(tmp_path, classifier):
    cut = tmp_path / "cut.wav"
    soundfile.write(cut, with_tones(10, (1.0,)), RATE)
    cut.write_bytes(cut.read_bytes()[: 44 + 2 * 5 * RATE])
    with pytest.warns(UserWarning, match=r"cut\.wav"):
        assert len(classifier.calls(cut)) == 1


def test_a_scan_of_nothing_but_bad_files_says_so(home, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"no sound at all" * 100)
    with pytest.raises(soundbeam.ScanError, match="not one of 1 files"):
        soundbeam.scan(str(tmp_path / "bad.wav"), f"{home}/bundle", str(tmp_path / "results"))


def test_options_that_cannot_be(home, classifier):
    with pytest.raises(soundbeam.OptionError, match="rate"):
        classifier.predict(tone(1))
    with pytest.raises(soundbeam.OptionError, match="threshold"):
        soundbeam.scan("x", f"{home}/bundle", "y", threshold=2)
    with pytest.raises(soundbeam.SoundbeamError, match="--runer"):
        soundbeam.scan("x", f"{home}/bundle", "y", runer="X")


def test_the_examples_in_the_docstrings(tmp_path, tone_bundle, monkeypatch):
    (tmp_path / "bundle").symlink_to(tone_bundle.removeprefix("file://"))
    (tmp_path / "recordings").mkdir()
    for name in ("recording.wav", "recordings/a.wav"):
        soundfile.write(tmp_path / name, with_tones(10, (1.0, 5.0)), RATE)
    (tmp_path / "annotations.csv").write_text("recording,start_s,end_s,label\na.wav,1,2.5,low\na.wav,5,6.5,low\n")
    for label, hz in (("low", 1000.0), ("other", 3000.0)):
        (tmp_path / "clips" / label).mkdir(parents=True)
        for k in range(6):
            soundfile.write(tmp_path / "clips" / label / f"source{k}.wav", tone(1.5, hz + 10 * k), RATE)
    write_tflite(tmp_path / "model.tflite")
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner()
    order = ("load_classifier", "materialize", "train", "scan", "evaluate", "read_table")  # what one needs comes first
    for name in (
        "soundbeam",
        "soundbeam.classifier",
        "soundbeam.programs",
        "soundbeam.reviewed",
        "soundbeam.sound",
        "soundbeam.model.errors",
    ):
        module = importlib.import_module(name)
        tests = [t for t in doctest.DocTestFinder().find(module) if t.examples]
        assert tests, name
        if name == "soundbeam.reviewed":
            judge_some("results")
        last = {o: i for i, o in enumerate(order)}
        for test in sorted(tests, key=lambda t: last.get(t.name.rpartition(".")[2], len(order))):
            runner.run(test)
    assert not runner.summarize(verbose=False).failed


def judge_some(output):
    """Draws windows of a scan, and says yes to those of a high score."""
    from soundbeam.pipelines.review.program import main as review
    from soundbeam.pipelines.review.store import ReviewStore

    assert review(["sample", "--output", output, "-n", "12", "--spacing", "0"]) == 0
    store = ReviewStore(output)
    for row in store.samples()[-1].rows.to_pylist():
        verdict = "yes" if row["score"] > 0.5 else "no"
        store.append([{"review_id": row["review_id"], "verdict": verdict, "reviewer": "ann"}])


class PathLike:
    """A path of another library's."""

    def __init__(self, path):
        self._path = path

    def __fspath__(self):
        return self._path


@pytest.mark.parametrize("kind", [Path, lambda path: PathLike(str(path))])
def test_any_path_will_do(home, tmp_path, kind):
    expected = soundbeam.read_table(str(home / "scanned"), "counts")
    assert soundbeam.read_table(kind(home / "scanned"), "counts") == expected
    assert sum(map(len, soundbeam.stream_table(kind(home / "scanned"), "calls"))) == 3
    assert latest_run(kind(home / "scanned")).run == expected["run"][0].as_py()
    one = soundbeam.read_table(kind(home / "scanned"), "counts", recordings=[kind(home / "recordings" / "a.wav")])
    assert one["calls"].to_pylist() == [2]
    assert one == soundbeam.read_table(home / "scanned", "counts", recordings=kind(home / "recordings" / "a.wav"))
    classifier = soundbeam.load_classifier(kind(home / "bundle"))
    assert len(classifier.calls(kind(home / "recordings" / "a.wav"))) == 2
    assert len(classifier.calls([kind(home / "recordings" / "a.wav"), str(home / "recordings" / "b.wav")])) == 3
    (tmp_path / "a.csv").write_text("recording,start_s,end_s,label\na.wav,1.0,2.5,low\n")
    assert soundbeam.evaluate(kind(tmp_path / "a.csv"), kind(home / "scanned"))["evaluated"] == 3
    summary = soundbeam.scan([kind(home / "recordings")], kind(home / "bundle"), kind(tmp_path / "out"))
    assert summary.recordings == {"ok": 3} and summary.output == str(tmp_path / "out")


@pytest.mark.parametrize("bad", [b"out", None, 3, "", PathLike(b"out"), ["out"]])
def test_what_is_no_path_is_one_line(home, bad):
    message = r"is no path; give a str or a pathlib\.Path$"
    with pytest.raises(soundbeam.OptionError, match="output: .*" + message):
        soundbeam.read_table(bad, "counts")
    with pytest.raises(soundbeam.OptionError, match="output: .*" + message):
        next(soundbeam.stream_table(bad, "counts"))
    with pytest.raises(soundbeam.OptionError, match="url: .*" + message):
        soundbeam.load_classifier(bad)
    with pytest.raises(soundbeam.OptionError, match="output: .*" + message):
        soundbeam.scan(home / "recordings", home / "bundle", bad)
    with pytest.raises(soundbeam.OptionError, match="clips: .*" + message):
        soundbeam.materialize(bad, "examples")
    with pytest.raises(soundbeam.OptionError, match="classifier: .*" + message):
        soundbeam.train("examples", bad, "low")
    with pytest.raises(soundbeam.OptionError, match="output: .*" + message):
        soundbeam.evaluate("a.csv", bad)


def test_bytes_are_no_recording(home, classifier):
    for bad in (b"a.wav", [b"a.wav"]):
        with pytest.raises(soundbeam.OptionError, match=r"recordings: b'a\.wav' is no path"):
            classifier.calls(bad)
        with pytest.raises(soundbeam.OptionError, match=r"recordings: b'a\.wav' is no path"):
            soundbeam.scan(bad, home / "bundle", "out")


def test_a_url_that_pathlib_has_changed_is_told():
    with pytest.raises(soundbeam.OptionError, match=r"give URLs as text \(s3://bucket/out\)"):
        soundbeam.read_table(Path("s3://bucket/out"), "counts")
