"""Examples survive a TFRecord; splits go by source, alike on every machine; what is no manifest is refused."""

import hashlib
import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.training.examples import Example, parse, read_manifest, serialize, shard_urls, split_sources


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


clip_counts = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.integers(0, 30).map(str)), st.integers(1, 60), max_size=60
)


@given(clip_counts, st.floats(0, 0.9))
def test_a_source_has_one_split_and_a_labels_share_is_kept(clips, share):
    splits = split_sources(clips, share)
    assert set(splits) == {source for _, source in clips}
    for label in {label for label, _ in clips}:
        sizes = {source: n for (of, source), n in clips.items() if of == label}
        held = [s for s in sizes if splits[s] == "validation"]
        if share == 0:
            assert not held
        elif len({label for label, _ in clips}) == 1:
            # One label by itself: within the share, but for the one source that it must have.
            assert sum(sizes[s] for s in held) <= share * sum(sizes.values()) or len(held) == 1
            assert bool(held) == (len(sizes) > 1 or sum(sizes.values()) * share >= min(sizes.values()))


def test_sources_are_taken_in_the_order_of_their_sha256():
    sources = [f"XC{i}" for i in range(100)]
    splits = split_sources({("x", s): 1 for s in sources}, 0.2)
    first = sorted(sources, key=lambda s: hashlib.sha256(s.encode()).hexdigest())[:20]
    assert {s for s in sources if splits[s] == "validation"} == set(first)


def test_a_label_of_two_sources_has_one_in_each_split():
    splits = split_sources({("x", "a"): 50, ("x", "b"): 40, ("y", "c"): 7}, 0.2)
    assert splits == {"a": "train", "b": "validation", "c": "train"}


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
