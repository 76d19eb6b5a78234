"""What a detector took for its label is heard often in training, as it is: measured with NumPy."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from soundbeam.model.frontend import FrontEnd
from soundbeam.model.training import batches as batches_module
from soundbeam.model.training.augment_detector import Mixing, WindowMixer
from soundbeam.model.training.batches import Examples, batches
from soundbeam.model.training.examples import Example, parse, read_manifest, serialize
from soundbeam.model.training.plan import task_of
from tests.model.training.test_augment_detector import PLAIN, RATE, SAMPLES, noise, power_at, tone
from tests.training_examples import TINY, write_examples


def strongest(window):
    """The frequency of most power, Hz."""
    return np.argmax(np.abs(np.fft.rfft(window))) * RATE / len(window)


def without_a_call(alarm, seed):
    mixing = dataclasses.replace(PLAIN, event_share=1.0, snr_db=(24.0, 24.0), warp=Mixing().warp)
    windows, *_ = WindowMixer(SAMPLES, RATE, mixing).mix(
        tone(1000, 0.5), tone(1000, 0.5), [noise(0.7), noise(1.3, 1)], noise(0.4, 2),
        tf.constant([seed, 2 * seed], tf.int64), tf.constant(alarm),
    )  # fmt: skip
    return windows.numpy()[1]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("seconds", [0.3, 1.0, 3.0])
def test_a_false_alarm_is_the_distractor_and_is_warped_no_more_than_a_call(seed, seconds):
    low, high = 2500 / Mixing().warp[1], 2500 / Mixing().warp[0]
    assert low - 10 <= strongest(without_a_call(tone(2500, seconds), seed)) <= high + 10


def test_an_empty_one_is_none():
    windows = [without_a_call(np.zeros(0, np.float32), seed) for seed in range(8)]
    for window in windows:
        near, total = power_at(window, 2500)
        assert near < 0.5 * total
    plain = Mixing(event_share=1.0)
    mixer, seed = WindowMixer(SAMPLES, RATE, plain), tf.constant([3, 6], tf.int64)
    sounds = tone(1000, 0.5), tone(1000, 0.5), [noise(0.7), noise(1.3, 1)], noise(0.4, 2), seed
    np.testing.assert_array_equal(mixer.mix(*sounds)[0], mixer.mix(*sounds, None)[0])


def test_an_example_says_what_it_is():
    for alarm in (True, False):
        made = Example(np.zeros(3, np.float32), "a", "s", "r", 0.0, "train", alarm)
        assert bool(parse(tf.constant(serialize(made)))["false_alarm"].numpy()) == alarm


@pytest.fixture
def with_alarms(tmp_path):
    """Examples of low tones and noise, of which the manifest says that ten of them, tones of 1,500 Hz, are alarms."""
    folder = write_examples(tmp_path / "examples", ("low", "not low", "rest"))
    t = np.arange(RATE // 4) / RATE
    alarm = (0.3 * np.sin(2 * np.pi * 1500 * t)).astype(np.float32)
    with tf.io.TFRecordWriter(f"{folder}/train-alarms.tfrecord") as writer:
        for i in range(10):
            writer.write(serialize(Example(alarm, "not low", f"alarm{i}", f"alarm{i}", 0.0, "train", True)))
    manifest = read_manifest(folder)
    manifest["shards"].append({"name": "train-alarms.tfrecord", "split": "train", "examples": 10, "bytes": 0})
    manifest["labels"]["not low"]["train"] = {"clips": 16, "sources": 16, "examples": 16}
    manifest["false_alarms"] = {"train": 10, "validation": 0}
    with open(f"{folder}/manifest.json", "w", encoding="utf-8") as file:
        json.dump(manifest, file)
    return folder


def mixed_with(folder, tmp_path, monkeypatch, n=60):
    """The alarm of each of n mixes; empty where there was none."""
    seen = []
    real = WindowMixer.mix

    def mix(self, *sounds):
        if len(sounds) > 5 and sounds[5] is not None:
            tf.py_function(lambda alarm: seen.append(alarm.numpy()), [sounds[5]], [])
        return real(self, *sounds)

    monkeypatch.setattr(WindowMixer, "mix", mix)
    manifest = read_manifest(folder)
    examples = Examples(folder, manifest, task_of(manifest, ("low",), folder), str(tmp_path))
    stream = batches(examples, TINY, FrontEnd(TINY.front_end), 0)
    for _ in stream.take(n * 2 // TINY.recipe.batch):
        pass
    return seen


def test_false_alarms_are_mixed_in_as_often_as_there_are_many(with_alarms, tmp_path, monkeypatch):
    alarms = mixed_with(with_alarms, tmp_path, monkeypatch)
    share = batches_module.MOST_FALSE_ALARMS * 10 / (10 + batches_module.ENOUGH_FALSE_ALARMS)
    heard = [alarm for alarm in alarms if len(alarm)]
    sigma = np.sqrt(share * (1 - share) / len(alarms))
    assert len(alarms) >= 60 and abs(len(heard) / len(alarms) - share) < 4 * sigma
    assert all(len(alarm) == RATE // 4 for alarm in heard)


def test_without_false_alarms_nothing_is_added(tmp_path, monkeypatch):
    assert mixed_with(write_examples(tmp_path / "examples"), tmp_path, monkeypatch) == []
