"""Examples survive a TFRecord; splits go by source, alike on every machine; what is no manifest is refused."""

import hashlib
import json

import numpy as np
import pytest
import tensorflow as tf

from model.errors import SoundbeamError
from model.examples import Example, parse, read_manifest, serialize, shard_urls, split_of


def test_an_example_is_parsed_as_it_was_serialized():
    waveform = np.random.default_rng(0).standard_normal(1234).astype(np.float32)
    example = Example(waveform, "föx", "site 7", "file:///a b.wav", 2.5, "train")
    parsed = parse(tf.constant(serialize(example)))
    np.testing.assert_array_equal(parsed["waveform"].numpy(), waveform)
    assert parsed["label"].numpy().decode() == "föx"
    assert parsed["source"].numpy().decode() == "site 7"
    assert parsed["recording"].numpy().decode() == "file:///a b.wav"
    assert (parsed["start_s"].numpy(), parsed["split"].numpy()) == (2.5, b"train")


def test_the_waveform_stands_as_little_endian_float32_bytes():
    message = tf.train.Example.FromString(serialize(Example(np.array([1.0, -0.5]), "a", "s", "r", 0.0, "train")))
    assert message.features.feature["waveform"].bytes_list.value[0] == bytes.fromhex("0000803f000000bf")


def test_a_split_depends_on_the_source_alone_and_keeps_the_share():
    sources = [f"XC{i}" for i in range(4000)]
    splits = [split_of(s, 0.2) for s in sources]
    assert abs(splits.count("validation") / len(sources) - 0.2) < 0.02
    first = int(hashlib.sha256(b"XC0").hexdigest()[:16], 16) / 2**64
    assert split_of("XC0", first + 1e-9) == "validation" and split_of("XC0", first - 1e-9) == "train"
    assert {split_of(s, 0.0) for s in sources} == {"train"}


def test_a_larger_share_only_adds_sources():
    small = {s for s in map(str, range(500)) if split_of(s, 0.1) == "validation"}
    large = {s for s in map(str, range(500)) if split_of(s, 0.3) == "validation"}
    assert small < large


@pytest.mark.parametrize("text", ["", "not json", "[1]", json.dumps({"format": 99}), "\x00\x01"])
def test_what_is_no_manifest_is_refused_in_one_line(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(SoundbeamError, match=r"manifest\.json") as e:
        read_manifest(str(tmp_path))
    assert "\n" not in str(e.value)


def test_a_folder_without_manifest_is_no_examples(tmp_path):
    with pytest.raises(SoundbeamError, match="soundbeam materialize"):
        read_manifest(str(tmp_path))


def test_only_the_manifests_shards_count(tmp_path):
    shards = [{"name": "train-0", "split": "train"}, {"name": "v-0", "split": "validation"}]
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 1, "shards": shards}))
    (tmp_path / "train-1").write_bytes(b"of an earlier run")
    manifest = read_manifest(str(tmp_path))
    assert shard_urls("x/", manifest, "train") == ["x/train-0"]
