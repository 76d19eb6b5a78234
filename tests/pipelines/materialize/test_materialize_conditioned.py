"""``materialize --condition``: what training is shown of a clip, a scan is shown of the same sound."""

import dataclasses

import numpy as np
import pytest
import soundfile
import tensorflow as tf

import soundbeam.model.training.plan
from soundbeam.model.architectures.assemble import FRONT_END
from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.model.errors import SoundbeamError
from soundbeam.model.frontend import FrontEnd, FrontEndConfig
from soundbeam.model.frontend.conditioning import condition, parse, unpack_noise
from soundbeam.model.training.batches import Examples, batches
from soundbeam.model.training.examples import parse as parse_example
from soundbeam.model.training.examples import read_manifest, shard_urls
from soundbeam.model.training.plan import conditioned
from soundbeam.pipelines.materialize.program import main as materialize
from soundbeam.pipelines.scan.program import main as scan
from soundbeam.pipelines.train.program import main as train
from soundbeam.pipelines.window_scores import read_window_scores
from tests.training_examples import RATE, TINY, sound

WINDOW = 4000
PLAIN = dataclasses.replace(TINY, recipe=dataclasses.replace(TINY.recipe, mix=False, steps=4, epochs=1))


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(soundbeam.model.training.plan, "get_architecture", lambda name: PLAIN)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for label in ("low", "rest"):
        (folder / label).mkdir()
        for k in range(6):
            soundfile.write(folder / label / f"s{k}.wav", sound(label, WINDOW / RATE, k), RATE, subtype="FLOAT")
    soundfile.write(folder / "noise.flac", 0.02 * np.random.default_rng(5).standard_normal(2 * RATE), RATE)
    return folder


def test_the_scans_window_is_the_trainings_example(clips, tmp_path):
    # Makes examples, trains and scans: some ten seconds.
    asked = ["--condition", "pre-emphasis,loudness=-23,denoise=0.5", "--noise", str(clips / "noise.flac")]
    where = ["--clips", str(clips), "--examples", str(tmp_path / "e"), "--rate", str(RATE), "--window", "0.5"]
    assert materialize([*where, *asked]) == 0
    manifest = read_manifest(str(tmp_path / "e"))
    assert manifest["condition"] == "pre-emphasis=0.97,loudness=-23,denoise=0.5" and "cuts" not in manifest
    assert train(["--examples", str(tmp_path / "e"), "--classifier", str(tmp_path / "b"), "--architecture", "x"]) == 0
    bundle = load_bundle(str(tmp_path / "b"))
    assert (bundle.front_end["condition"], bundle.front_end["noise"]) == (manifest["condition"], manifest["noise"])

    steps = parse(manifest["condition"])[1]
    raw = np.stack([sound(label, WINDOW / RATE, k) for label in ("low", "rest") for k in range(6)])
    want = np.asarray(FrontEnd(PLAIN.front_end)(condition(raw, RATE, steps, unpack_noise(manifest["noise"]))))
    trained = bundle.model()
    np.testing.assert_allclose(trained.get_layer(FRONT_END)(raw), want, atol=1e-4)

    task = soundbeam.model.training.plan.task_of(manifest, (), "")
    examples = Examples(str(tmp_path / "e"), manifest, task, "")
    stream = batches(examples, conditioned(PLAIN, manifest), trained.get_layer(FRONT_END), 0)
    for spectrogram in next(stream.as_numpy_iterator())[0]:
        assert np.abs(want - spectrogram).max(axis=(1, 2, 3)).min() < 1e-4

    soundfile.write(tmp_path / "r.wav", raw[:2].reshape(-1), RATE, subtype="FLOAT")
    arguments = ["--recordings", str(tmp_path / "r.wav"), "--classifier", bundle.url, "--hop", "0.5"]
    assert scan([*arguments, "--output", str(tmp_path / "out")]) == 0
    found = read_window_scores(str(tmp_path / "out"), [(tmp_path / "r.wav").as_uri()], bundle.labels)
    ((start_s, _, found_scores),) = found.values()
    assert start_s.tolist() == [0.0, 0.5]
    scorer = bundle.scorer()
    scores = scorer.score_spectrograms(want[:2])
    np.testing.assert_allclose(found_scores, scores, atol=1e-5)
    unlike = scorer.score_spectrograms(np.asarray(FrontEnd(PLAIN.front_end)(raw[:2])))
    # Calibrated by twelve clips, scores are near 0 and 1: their logarithms tell them apart.
    np.testing.assert_allclose(np.log(found_scores), np.log(scores), atol=0.02)
    assert np.abs(np.log(unlike) - np.log(scores)).max() > 0.5


def test_clips_are_trimmed_and_split_and_know_where_they_were(tmp_path):
    (tmp_path / "clips" / "call").mkdir(parents=True)
    quiet = np.zeros(RATE)
    whole = np.concatenate([quiet, sound("low", 1.0, 1), quiet, sound("low", 0.5, 2), quiet])
    soundfile.write(tmp_path / "clips" / "call" / "a.wav", whole, RATE, subtype="FLOAT")
    (tmp_path / "clips" / "call" / "bad.wav").write_text("no sound")
    where = ["--clips", str(tmp_path / "clips"), "--rate", str(RATE), "--validation", "0"]
    for cut, starts, lengths in (("trim=40", [1.0], [2.5]), ("split=40", [1.0, 3.0], [1.0, 0.5])):
        assert materialize([*where, "--examples", str(tmp_path / cut), "--condition", cut]) == 0
        manifest = read_manifest(str(tmp_path / cut))
        assert manifest["cuts"] == cut and "condition" not in manifest and len(manifest["rejects"]) == 1
        shards = tf.data.TFRecordDataset(shard_urls(str(tmp_path / cut), manifest, "train"))
        found = sorted((float(e["start_s"]), e["waveform"].numpy()) for e in shards.map(parse_example))
        assert [start for start, _ in found] == pytest.approx(starts, abs=0.2)  # a frame is 0.256 s here
        assert [len(samples) / RATE for _, samples in found] == pytest.approx(lengths, abs=0.33)
        for start, samples in found:
            first = round(start * RATE)
            np.testing.assert_allclose(samples, whole[first : first + len(samples)], atol=1e-6)


def test_what_cannot_be_is_one_line(clips, tmp_path, capsys, monkeypatch):
    where = ["--clips", str(clips), "--examples", str(tmp_path / "e")]
    for arguments, said in (
        (["--condition", "echo"], "there is no conditioning 'echo'"),
        (["--condition", "trim", "--features", "images"], "trim does not go with --features images"),
        (["--noise", "n.wav"], "--noise is for --condition denoise"),
        (["--condition", "denoise", "--noise", str(clips / "none.wav")], "none.wav"),
    ):
        assert materialize([*where, *arguments]) == 1
        error = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
        assert len(error) == 1 and said in error[0]
    assert not (tmp_path / "e").exists()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert materialize([*where, "--condition", "denoise,loudness"]) == 1
    assert "needs noisereduce and pyloudnorm; install it: pip install 'soundbeam[zoo]'" in capsys.readouterr().err


def test_windows_too_short_for_a_loudness_are_refused():
    short = dataclasses.replace(PLAIN, window_s=0.3)
    with pytest.raises(SoundbeamError, match=r"a loudness needs 0\.4 s"):
        conditioned(short, {"condition": "loudness=-23"})
    assert conditioned(PLAIN, {}).front_end == PLAIN.front_end == FrontEndConfig.from_plain(PLAIN.front_end.plain())
