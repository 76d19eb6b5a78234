"""``soundbeam search`` over real embeddings of real files: what is found, what is cut out, and what is refused."""

import csv
import shutil

import numpy as np
import pytest
import soundfile

import soundbeam
from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.pipelines.embed.program import main as embed
from soundbeam.pipelines.results import read
from soundbeam.pipelines.search.program import main as search
from tests.pipelines.embed.test_embed import argv, expected_embedding
from tests.placeholder import RATE, TONES_HZ, WINDOW_S, save_tone_bundle, tone, with_tones

# Recording → where it has low and high tones of a second and a half.
CORPUS = {
    "a/dawn.wav": ([2.0, 8.0], []),
    "a/noon.wav": ([], [3.0]),
    "b/dawn.wav": ([5.0], [1.0]),
    "b/dusk.wav": ([], []),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with ``corpus``, ``bundle``, ``emb`` and the clips ``low.wav`` and ``high.wav``."""
    home = tmp_path_factory.mktemp("search")
    save_tone_bundle(home / "bundle", labels=("low", "high"))
    for i, (name, (low, high)) in enumerate(CORPUS.items()):
        path = home / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        sound = with_tones(12.0, low, seed=i, noise=0.01) + with_tones(12.0, high, hz=TONES_HZ["high"], noise=0)
        soundfile.write(path, sound, RATE, subtype="FLOAT")
    soundfile.write(home / "low.wav", tone(1.5), RATE)
    soundfile.write(home / "high.wav", tone(0.7, TONES_HZ["high"]), RATE)
    assert embed(argv(home / "corpus", home / "bundle", home / "emb", "--site", "*/{site}/*.wav")) == 0
    return home


@pytest.fixture
def at_home(home, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return home


def by_numpy(home, queries, top, per_recording, rows=None):
    """(recording, start) and cosine of the nearest windows, from the table and the clips' samples."""
    rows = read(str(home / "emb"), "embeddings").to_pylist() if rows is None else rows
    queries = np.array([expected_embedding(q) for q in queries])
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    scored = []
    for row in rows:
        vector = np.array(row["embedding"], np.float64)
        scored.append(
            (-round(float((queries @ vector).max() / np.linalg.norm(vector)), 6), row["recording"], row["start_s"])
        )
    found, seen = [], {}
    for cosine, recording, start in sorted(scored):
        seen[recording] = seen.get(recording, 0) + 1
        if seen[recording] <= per_recording:
            found.append((recording, start, -cosine))
    return found[:top]


def padded(samples):
    return np.pad(samples, (0, max(0, round(WINDOW_S * RATE) - len(samples))))


def test_the_nearest_are_those_that_numpy_finds(at_home, capsys):
    found = soundbeam.search(at_home / "emb", at_home / "high.wav", top=5, per_recording=2)
    samples = soundfile.read(at_home / "high.wav")[0]
    expected = by_numpy(at_home, [padded(samples)], 5, 2)
    np.testing.assert_allclose(found["similarity"].to_pylist(), [e[2] for e in expected], atol=1e-5)
    names = [r.partition("/corpus/")[2] for r in found["recording"].to_pylist()]
    assert set(names[:4]) == {"a/noon.wav", "b/dawn.wav"} and max(map(names.count, names)) == 2
    assert found["site"].to_pylist()[:2] == [name[0] for name in names[:2]]
    assert found["rank"].to_pylist() == [1, 2, 3, 4, 5]
    assert found["query"].to_pylist() == [f"file://{at_home}/high.wav"] * 5


def test_a_long_clip_is_searched_window_by_window_the_last_moved_back(at_home):
    found = soundbeam.search(at_home / "emb", [str(at_home / "low.wav")], top=50, per_recording=50)
    samples = soundfile.read(at_home / "low.wav")[0]
    windows = [samples[: round(WINDOW_S * RATE)], samples[-round(WINDOW_S * RATE) :]]
    expected = by_numpy(at_home, windows, 50, 50)
    np.testing.assert_allclose(found["similarity"].to_pylist(), [e[2] for e in expected], atol=1e-5)


def test_of_several_clips_the_nearest_counts_and_is_told(at_home):
    clips = [str(at_home / "low.wav"), str(at_home / "high.wav")]
    found = soundbeam.search(at_home / "emb", clips, top=200, per_recording=100).to_pylist()
    for row in found:
        low, high = CORPUS[row["recording"].partition("/corpus/")[2]]
        if any(t <= row["start_s"] <= t + 0.5 for t in low):
            assert row["query"].endswith("low.wav") and row["similarity"] > 0.99
        if any(t <= row["start_s"] <= t + 0.5 for t in high):
            assert row["query"].endswith("high.wav") and row["similarity"] > 0.99


def test_a_part_of_a_recording_finds_itself(at_home):
    recording = at_home / "corpus" / "b" / "dawn.wav"
    found = soundbeam.search(at_home / "emb", f"{recording}@5.5-6.5", top=1)
    assert found["similarity"][0].as_py() == pytest.approx(1, abs=1e-5)
    assert found["query"].to_pylist() == [f"file://{recording}@5.5-6.5"]


def test_the_program_prints_and_writes_what_is_found_and_cuts_it_out(at_home, tmp_path, capsys):
    options = ("--top", "4", "--csv", "found.csv", "--clips", "clips")
    assert search(["--embeddings", str(at_home / "emb"), "--query", str(at_home / "high.wav"), *options]) == 0
    said, errors = capsys.readouterr()
    lines = said.splitlines()
    assert errors == "" and lines[0].split() == ["rank", "recording", "site", "similarity", "start", "end"]
    assert len(lines) == 1 + 4 + 3 and lines[-2:] == ["table: found.csv", "clips: clips"]
    with open("found.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    for row, line in zip(rows, lines[1:], strict=False):
        rank, name, site, *_ = line.split()
        assert row["recording"].endswith(name) and (rank, site) == (row["rank"], row["site"])
        clip, rate = soundfile.read(row["clip"].removeprefix("file://"))
        source = soundfile.read(row["recording"].removeprefix("file://"))[0]
        start, end = (round(float(row[t]) * RATE) for t in ("start_s", "end_s"))
        assert rate == RATE and len(clip) == end - start
        np.testing.assert_allclose(clip, source[start:end], atol=2e-7)
    first = rows[0]
    name = f"001_{first['recording'][-8:-4]}_{float(first['start_s']):.3f}-{float(first['end_s']):.3f}.flac"
    assert (tmp_path / "clips" / name).exists() and len(list((tmp_path / "clips").iterdir())) == 4


def test_clips_overwrite_nothing_and_one_that_is_gone_costs_only_itself(at_home, tmp_path, capsys):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "mine.txt").write_text("mine")
    call = ["--embeddings", str(tmp_path / "emb"), "--query", str(at_home / "high.wav"), "--top", "4"]
    shutil.copytree(at_home / "corpus", tmp_path / "corpus")
    assert embed(argv(tmp_path / "corpus", at_home / "bundle", tmp_path / "emb")) == 0
    assert search([*call, "--clips", "clips"]) == 1
    assert "clips: holds other files (mine.txt); give a new folder for the clips" in capsys.readouterr().err
    (tmp_path / "corpus" / "a" / "noon.wav").unlink()
    assert search([*call, "--clips", "new"]) == 0
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2 and all("no clip of rank" in line and "a/noon.wav" in line for line in errors)
    assert len(list((tmp_path / "new").iterdir())) == 2


def test_clips_are_of_the_channel_that_was_found_and_of_what_was_scanned(at_home, tmp_path, capsys):
    sounds = [with_tones(12.0, [2.0], seed=7), 0.5 * with_tones(12.0, [7.0], hz=TONES_HZ["high"], seed=8)]
    for name in ("x.wav", "y.wav"):
        soundfile.write(tmp_path / name, np.stack(sounds, 1), RATE, subtype="FLOAT")
    of = [str(tmp_path / "*.wav"), at_home / "bundle", tmp_path / "emb", "--channel", "each"]
    assert embed(argv(*of)) == 0
    soundfile.write(tmp_path / "y.wav", np.stack(sounds, 1)[RATE:], RATE, subtype="FLOAT")
    call = ["--embeddings", str(tmp_path / "emb"), "--query", str(at_home / "high.wav"), "--top", "2"]
    assert search([*call, "--per-recording", "1", "--clips", "clips", "--csv", "found.csv"]) == 0
    assert "y.wav: has changed since the scan" in capsys.readouterr().err
    with open("found.csv", newline="") as file:
        (row,) = [row for row in csv.DictReader(file) if row["clip"]]
    assert row["channel"] == "2" and row["recording"].endswith("x.wav")
    start, end = (round(float(row[t]) * RATE) for t in ("start_s", "end_s"))
    np.testing.assert_allclose(soundfile.read(row["clip"].removeprefix("file://"))[0], sounds[1][start:end], atol=2e-7)


def test_only_current_rows_are_searched(at_home, tmp_path, monkeypatch):
    corpus = tmp_path / "corpus"
    shutil.copytree(at_home / "corpus", corpus)
    assert embed(argv(corpus, at_home / "bundle", tmp_path / "emb")) == 0
    (corpus / "a" / "noon.wav").unlink()
    soundfile.write(corpus / "b" / "dawn.wav", with_tones(4.0, []), RATE, subtype="FLOAT")
    soundfile.write(corpus / "new.wav", with_tones(4.0, [1.0], hz=TONES_HZ["high"]), RATE, subtype="FLOAT")
    assert embed(argv(corpus, at_home / "bundle", tmp_path / "emb")) == 0
    found = soundbeam.search(tmp_path / "emb", at_home / "high.wav", top=1000, per_recording=1000)
    rows = read(str(tmp_path / "emb"), "embeddings").to_pylist()
    expected = by_numpy(tmp_path, [padded(soundfile.read(at_home / "high.wav")[0])], 1000, 1000, rows)
    assert len(found) == len(rows) == 23 + 23 + 7 + 7
    assert found["recording"][0].as_py().endswith("new.wav")
    places = lambda each: sorted((r, s) for r, s, *_ in each)  # noqa: E731
    assert places(zip(found["recording"].to_pylist(), found["start_s"].to_pylist(), strict=True)) == places(expected)


def test_the_classifier_must_be_that_of_the_embeddings(at_home, tmp_path, capsys):
    shutil.copytree(at_home / "bundle", tmp_path / "bundle")
    assert embed(argv(at_home / "corpus", tmp_path / "bundle", tmp_path / "emb")) == 0
    fingerprint = load_bundle(str(at_home / "bundle")).fingerprint[:12]
    shutil.rmtree(tmp_path / "bundle")
    call = ["--embeddings", str(tmp_path / "emb"), "--query", str(at_home / "low.wav"), "--top", "2"]
    assert search(call) == 1
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert (
        "its classifier cannot be read" in error
        and f"give --classifier DIR with the classifier of fingerprint {fingerprint}" in error
    )
    save_tone_bundle(tmp_path / "other", labels=("low", "high"), seed=7)
    assert search([*call, "--classifier", str(tmp_path / "other")]) == 1
    error = capsys.readouterr().err
    assert "made by another classifier than" in error and len(error.splitlines()) == 1
    assert search([*call, "--classifier", str(at_home / "bundle")]) == 0


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("nothing.wav", "nothing.wav: no such file or folder"),
        ("text.wav", "text.wav: "),
        ("low.wav@3-2", "the part ends before it starts"),
        ("low.wav@100-102", "low.wav: it has no sound after 100.0 s"),
        ("silence.wav", "all embeddings are zero; nothing is like them"),
    ],
)
def test_a_clip_that_cannot_be_used_is_one_line(at_home, tmp_path, capsys, query, words):
    shutil.copy(at_home / "low.wav", tmp_path)
    (tmp_path / "text.wav").write_text("no sound at all")
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    assert search(["--embeddings", str(at_home / "emb"), "--query", query]) == 1
    error = capsys.readouterr().err
    assert words in error and len(error.splitlines()) == 1, error


def test_an_output_without_embeddings_is_told(at_home, tmp_path, capsys):
    from soundbeam.pipelines.scan.program import main as scan

    assert scan(argv(at_home / "corpus", at_home / "bundle", tmp_path / "scanned")) == 0
    capsys.readouterr()
    assert search(["--embeddings", str(tmp_path / "scanned"), "--query", str(at_home / "low.wav")]) == 1
    assert "no embeddings in it; scan with --embeddings, or make them with 'soundbeam embed'" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        search(["--embeddings", str(at_home / "emb"), "--query", "x.wav", "--top", "0"])
    with pytest.raises(soundbeam.OptionError, match="top 0 is not"):
        soundbeam.search(at_home / "emb", "x.wav", top=0)


@pytest.mark.parametrize("workers", [["--direct_num_workers=2", "--direct_running_mode=multi_processing"]])
def test_several_workers_find_the_same(at_home, tmp_path, capsys, workers):
    call = ["--embeddings", str(at_home / "emb"), "--query", str(at_home / "low.wav"), "--csv"]
    assert search([*call, "one.csv"]) == 0 and search([*call, "many.csv", *workers]) == 0
    assert (tmp_path / "one.csv").read_text() == (tmp_path / "many.csv").read_text()
