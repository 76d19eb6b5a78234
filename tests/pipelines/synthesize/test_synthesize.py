"""The corpus on disk: formats, annotations, determinism, and what is never overwritten."""

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundbeam.model.synthesis.sounds import BACKGROUNDS
from soundbeam.pipelines.synthesize import corpus as corpora
from soundbeam.pipelines.synthesize.corpus import plan_recordings
from soundbeam.pipelines.synthesize.program import main

# As they are by default, read before they are made fewer for the tests.
SOURCES = (corpora.CALLERS, corpora.CHIRPERS + len(BACKGROUNDS) * corpora.PLACES)


def make(folder, *more, recordings=5, minutes=0.6):
    return main(["--output", str(folder), "--recordings", str(recordings), "--minutes", str(minutes), *more])


@pytest.fixture(scope="module", autouse=True)
def fewer_clips():
    """A clip or two of each kind are enough here; the plan is read in this process only."""
    with pytest.MonkeyPatch.context() as patch:
        for sources in ("CALLERS", "CHIRPERS", "PLACES"):
            patch.setattr(corpora, sources, 1)
        yield


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthesized") / "corpus"
    assert make(folder) == 0
    return folder


def annotations(folder):
    with open(folder / "annotations.csv", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def digests(folder):
    files = [p for p in Path(folder).rglob("*") if p.suffix in (".wav", ".flac", ".csv")]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_recordings_are_audio_of_the_asked_length(corpus):
    files = [p for p in (corpus / "recordings").rglob("*") if p.is_file()]
    assert len(files) == 5
    for path in files:
        info = soundfile.info(path)
        assert info.duration == pytest.approx(36, abs=0.1)  # MP3 pads
        sound, _ = soundfile.read(path, always_2d=True)
        assert 1e-3 < np.abs(sound).max() <= 1


def test_every_format_rate_and_both_channel_numbers_occur():
    plans = plan_recordings(10)
    assert {p.format for p in plans} == {"WAV", "FLAC", "OGG", "MP3"}
    assert {p.rate for p in plans} == {11025, 16000, 22050, 32000, 44100, 48000}
    assert {(p.format, p.channels) for p in plans} == {(f, c) for f in ("WAV", "FLAC", "OGG", "MP3") for c in (1, 2)}
    assert len({p.path for p in plan_recordings(4000)}) == 4000


def test_two_sites_share_a_base_name(corpus):
    names = Counter(p.name for p in (corpus / "recordings").rglob("*.wav"))
    assert max(names.values()) == 2


def test_annotations_name_calls_that_are_there(corpus):
    rows = annotations(corpus)
    assert rows and set(rows[0]) == {"recording", "start_s", "end_s", "label", "snr_db"}
    for row in rows:
        assert row["label"] == "call" and 0 <= float(row["snr_db"]) <= 18
        info = soundfile.info(corpus / row["recording"])
        assert 0 < float(row["start_s"]) < float(row["end_s"]) < info.duration
    silent = {p.relative_to(corpus).as_posix() for p in (corpus / "recordings").rglob("*.mp3")}
    assert silent and not silent & {row["recording"] for row in rows}  # the fourth of five holds no call


def test_clips_have_sources(corpus):
    assert min(SOURCES) >= 16
    names = {label: [p.stem for p in (corpus / "clips" / label).iterdir()] for label in ("call", "other")}
    sources = {label: {n.rpartition("-")[0] for n in of} for label, of in names.items()}
    assert all(len(names[k]) == 4 * len(sources[k]) for k in names)
    assert {s.rstrip("0123456789") for s in sources["other"]} == {"chirper", "wind", "rain", "insects"}


def test_stereo_differs_by_balance_only(tmp_path):
    plan = next(p for p in plan_recordings(8) if p.channels == 2 and p.format == "FLAC")
    (tmp_path / plan.path).parent.mkdir(parents=True)
    corpora.write_recording(tmp_path, plan, 0, 2.0)
    sound, _ = soundfile.read(tmp_path / plan.path)
    assert abs(np.corrcoef(sound.T)[0, 1]) > 0.999 and not np.allclose(sound[:, 0], sound[:, 1])


def test_same_seed_same_bytes_another_seed_others(corpus, tmp_path):
    assert make(tmp_path / "again") == 0
    first, again = digests(corpus), digests(tmp_path / "again")
    assert first == again and len(first) >= 20
    assert make(tmp_path / "again", "--seed", "1", recordings=2) == 0  # its own output is replaced
    changed = digests(tmp_path / "again")
    assert not set(changed.values()) & set(first.values())
    left = [p for p in (tmp_path / "again" / "recordings").rglob("*") if p.is_file()]
    assert len(left) == 2


def test_what_is_not_its_own_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("precious")
    assert make(tmp_path) == 1
    assert "holds other files" in capsys.readouterr().err
    (tmp_path / "synthesis.json").write_text(json.dumps({"files": ["../outside.txt", "/etc/hostname", "gone.wav"]}))
    outside = tmp_path.parent / "outside.txt"
    outside.write_text("precious")
    assert make(tmp_path, recordings=1, minutes=0.02) == 0
    assert outside.exists() and (tmp_path / "mine.txt").exists()


@pytest.mark.parametrize("manifest", ["{", "[]", '{"files": 3}', '{"files": [1]}'])
def test_a_broken_manifest_is_one_line(tmp_path, capsys, manifest):
    (tmp_path / "synthesis.json").write_text(manifest)
    assert make(tmp_path) == 1
    assert "broken" in capsys.readouterr().err


def test_bad_options_are_one_line(tmp_path, capsys):
    assert make("s3://bucket/x") == 1 and make(tmp_path / "x", "--seed", "-1") == 1
    (tmp_path / "file").write_text("")
    assert make(tmp_path / "file") == 1
    assert capsys.readouterr().err.count("\n") == 3


def test_a_file_that_cannot_be_written_is_one_line(tmp_path, capsys):
    assert make(tmp_path / "x", recordings=1, minutes=0.02) == 0
    blocked = tmp_path / "x" / plan_recordings(1)[0].path
    blocked.unlink()
    manifest = tmp_path / "x" / "synthesis.json"
    manifest.write_text('{"files": []}')
    blocked.mkdir()
    assert make(tmp_path / "x", recordings=1, minutes=0.02) == 1
    assert "cannot be written" in capsys.readouterr().err
