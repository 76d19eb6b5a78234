"""The bundle: what is saved is what is loaded, whatever is changed is refused in one line, a death leaves no bundle."""

import json
import os

import keras
import numpy as np
import pytest

from soundbeam.model.architectures.architecture import Architecture, Recipe
from soundbeam.model.classifier.bundle import BundleDescription, load_bundle, save_bundle
from soundbeam.model.classifier.bundle_files import DESCRIPTION, check_destination
from soundbeam.model.classifier.calibration import Calibration
from soundbeam.model.classifier.calls import CallRules
from soundbeam.model.classifier.count_interval import CountModel
from soundbeam.model.classifier.tensorflow_scorer import TensorFlowScorer
from soundbeam.model.errors import BundleError, SoundbeamError
from soundbeam.model.frontend import FrontEndConfig
from soundbeam.model.frontend.kinds import LogMel
from tests.placeholder import save_tone_bundle, tone


def tiny_body(shape, labels, activation):
    return keras.Sequential(
        [keras.Input(shape), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(labels, activation=activation)]
    )


TINY = Architecture(
    "tiny", "", 0.5, 0.1, FrontEndConfig((LogMel(bands=8),), frame=200, step=160, fft=256), tiny_body, Recipe(epochs=1)
)


def save(url, seed=0, **changes):
    keras.utils.set_random_seed(seed)
    values = {
        "architecture": "tiny",
        "task": "detector",
        "labels": ("föx", "owl"),
        "rate": 16000,
        "window_s": 0.5,
        "hop_s": 0.1,
        "batch": 4,
        "thresholds": {"föx": 0.25, "owl": 0.5},
        "call_rules": CallRules(1.0, 0.5, 2.0),
        "front_end": {"kind": "log_mel"},
        "report": {"seed": seed},
    }
    return save_bundle(str(url), TINY.build(2, "detector"), BundleDescription(**{**values, **changes}))


def sound(samples=24000, seed=0):
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


@pytest.mark.parametrize("where", ["local", "memory"])
def test_round_trip(tmp_path, where):
    url = str(tmp_path / "bundle") if where == "local" else f"memory://{tmp_path.name}/bundle"
    saved, loaded = save(url), load_bundle(url + "/")
    assert loaded == saved
    assert (loaded.labels, loaded.thresholds["föx"], loaded.call_rules.dip) == (("föx", "owl"), 0.25, 0.5)
    assert loaded.window_samples == 8000 and len(loaded.fingerprint) == 64


def test_scores_survive_saving(tmp_path):
    keras.utils.set_random_seed(0)
    model = TINY.build(2, "detector")
    windows = sound().reshape(3, 8000)
    np.testing.assert_allclose(save(tmp_path / "b").scorer().score_windows(windows), model(windows), atol=1e-6)


@pytest.mark.parametrize("offsets", [[0], range(0, 16001, 1600), [0, 1600, 3200, 4801, 15999], [0, 7999, 16000], []])
def test_a_segment_scores_as_its_windows_do(tmp_path, offsets):
    scorer, x, offsets = save(tmp_path / "b").scorer(), sound(), np.array(offsets, np.int64)
    windows = np.array([x[o : o + 8000] for o in offsets], np.float32).reshape(-1, 8000)
    got = scorer.score_segment(x, offsets)
    assert got.shape == (len(offsets), 2) and got.dtype == np.float32
    np.testing.assert_allclose(got, scorer.score_windows(windows), atol=1e-5)


def test_nothing_is_traced_twice(tmp_path):
    scorer = TensorFlowScorer(save(tmp_path / "b").model(), 4)
    for n in (1, 3, 4, 9):
        scorer.score_windows(np.zeros((n, 8000), np.float32))
        scorer.score_segment(sound(), np.arange(n) * 1600)
    assert scorer._scores.windows.traced() == scorer._scores.shared.traced() == 1


def test_silence_and_clipping_score_finite(tmp_path):
    windows = np.stack([np.zeros(8000), np.sign(sound(8000)), 1e6 * sound(8000)]).astype(np.float32)
    assert np.isfinite(save(tmp_path / "b").scorer().score_windows(windows)).all()


def refused(url) -> str:
    with pytest.raises(SoundbeamError) as error:
        load_bundle(str(url))
    assert "\n" not in str(error.value) and str(url) in str(error.value)
    return str(error.value)


def test_what_is_no_bundle_is_refused(tmp_path):
    assert "soundbeam train" in refused(tmp_path / "nowhere")
    (tmp_path / DESCRIPTION).write_text("[1, 2")
    assert "not the description" in refused(tmp_path)
    (tmp_path / DESCRIPTION).write_text("[1, 2]")
    assert "not the description" in refused(tmp_path)
    (tmp_path / DESCRIPTION).write_bytes(b"\xff\xfe\x00")
    assert "not the description" in refused(tmp_path)
    assert "soundbeam train" in refused(tmp_path / DESCRIPTION)
    assert "cannot be read" in refused("no-such-protocol://x/y")


def test_another_version_is_refused(tmp_path):
    save(tmp_path / "b")
    edit(tmp_path / "b", lambda d: d.update(format=7))
    assert "made by bundle format 7, this soundbeam reads 2" in refused(tmp_path / "b")


def edit(folder, change):
    described = json.loads((folder / DESCRIPTION).read_text())
    change(described)
    (folder / DESCRIPTION).write_text(json.dumps(described))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["thresholds"].update(owl=0.6),
        lambda d: d["labels"].reverse(),
        lambda d: d["report"].update(seed=1),
        lambda d: d.update(extra=1),
        lambda d: d.pop("hop_s"),
        lambda d: d.pop("weights"),
        lambda d: d.pop("network"),
        lambda d: d.update(network=1),
        lambda d: d["call_rules"].update(other=1),
        lambda d: d.update(fingerprint="0" * 64),
    ],
)
def test_a_changed_description_is_refused(tmp_path, change):
    save(tmp_path / "b")
    edit(tmp_path / "b", change)
    assert "changed" in refused(tmp_path / "b")


DAMAGE = pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:-1] + b"x", lambda b: b""])


@DAMAGE
def test_a_changed_network_is_refused(tmp_path, damage):
    save(tmp_path / "b")
    (network,) = (tmp_path / "b").glob("network-*.tflite")
    network.write_bytes(damage(network.read_bytes()))
    assert "changed or truncated" in refused(tmp_path / "b")
    network.unlink()
    assert "incomplete" in refused(tmp_path / "b")


@DAMAGE
def test_changed_weights_are_refused_where_they_are_used(tmp_path, damage):
    save(tmp_path / "b")
    (weights,) = (tmp_path / "b").glob("weights-*.keras")
    weights.write_bytes(damage(weights.read_bytes()))
    load_bundle(str(tmp_path / "b")).scorer()  # which does not read them
    with pytest.raises(BundleError, match=r"weights-.*: changed or truncated"):
        load_bundle(str(tmp_path / "b")).model()
    weights.unlink()
    with pytest.raises(BundleError, match="incomplete"):
        load_bundle(str(tmp_path / "b")).model()


def test_retraining_replaces_a_bundle_as_a_whole(tmp_path):
    first = save(tmp_path / "b", seed=0)
    second = save(tmp_path / "b", seed=1)
    assert first.fingerprint != second.fingerprint == load_bundle(str(tmp_path / "b")).fingerprint
    assert len(list((tmp_path / "b").iterdir())) == 3


def test_a_death_while_saving_leaves_the_bundle_before(tmp_path, monkeypatch):
    first = save(tmp_path / "b", seed=0)

    def die(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            save(tmp_path / "b", seed=1)
        with pytest.raises(KeyboardInterrupt):
            save(tmp_path / "new", seed=1)
    assert load_bundle(str(tmp_path / "b")) == first
    assert "soundbeam train" in refused(tmp_path / "new")
    assert save(tmp_path / "new", seed=1).report == {"seed": 1}


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(SoundbeamError, match=r"holds other files \(thesis.txt\)"):
        save(tmp_path)
    with pytest.raises(SoundbeamError, match="is a file"):
        check_destination(str(tmp_path / "thesis.txt"))
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_calibration_and_counting_are_kept_and_covered_by_the_fingerprint(tmp_path):
    certain = {
        "calibration": Calibration(0.8, (-1.5,)),
        "counting": CountModel(-2.0, ((0.9, -0.5, 0.01), (1.0, 0.0, 0.0))),
    }
    saved = save_tone_bundle(tmp_path / "b", **certain)
    read = load_bundle(saved.url)
    assert (read.calibration, read.counting) == (certain["calibration"], certain["counting"])
    window = np.stack([0.4 * tone(1.0), 0.3 * tone(1.0)]).astype(np.float32)
    raw = TensorFlowScorer(read.model()).score_windows(window)
    expected = 1 / (1 + np.exp(1.5) * (1 / raw - 1) ** 0.8)  # odds to the slope, times e to the bias
    np.testing.assert_allclose(read.scorer().score_windows(window), expected, rtol=1e-4)
    segment = np.concatenate(window)
    offsets = np.arange(0, 8001, 2048)
    np.testing.assert_allclose(
        read.scorer().score_segment(segment, offsets),
        read.calibration.apply(TensorFlowScorer(read.model()).score_segment(segment, offsets)),
        atol=1e-5,
    )
    edit(tmp_path / "b", lambda d: d["calibration"].update(slope=0.9))
    assert "changed since it was made" in refused(tmp_path / "b")
