"""Bundles from before there were converted networks: the same fingerprint, the same scores, converted once a user."""

import json

import numpy as np
import pytest

from soundbeam.model.classifier import conversion, conversion_cache
from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.model.classifier.bundle_files import DESCRIPTION, fingerprint_of
from soundbeam.model.classifier.tensorflow_scorer import TensorFlowScorer
from soundbeam.model.errors import BundleError
from tests.placeholder import RATE, save_tone_bundle, with_tones


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The user's folder for converted networks."""
    monkeypatch.setattr(conversion_cache.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "soundbeam" / "networks"


@pytest.fixture
def former(tmp_path):
    """The placeholder as it was saved then: ``classifier.json`` without the network and the front end."""
    save_tone_bundle(tmp_path / "former")
    (network,) = (tmp_path / "former").glob("network-*")
    network.unlink()
    described = json.loads((tmp_path / "former" / DESCRIPTION).read_text())
    del described["network"], described["fingerprint"]
    described["front_end"] = {}
    described["fingerprint"] = fingerprint_of(described)
    (tmp_path / "former" / DESCRIPTION).write_text(json.dumps(described))
    return str(tmp_path / "former"), described["fingerprint"]


WINDOWS = with_tones(4.0, [0.5, 2.0], noise=0.1).astype(np.float32).reshape(4, RATE)


@pytest.fixture
def conversions(monkeypatch):
    """What was converted."""
    done, convert = [], conversion.converted_network
    monkeypatch.setattr(conversion, "converted_network", lambda model: done.append(model) or convert(model))
    return done


def scores_like_tensorflow(url):
    scores = load_bundle(url).scorer().score_windows(WINDOWS)
    want = TensorFlowScorer(load_bundle(url).model()).score_windows(WINDOWS)
    assert np.ptp(want) > 0.1
    np.testing.assert_allclose(scores, want, rtol=0, atol=1e-5)


def test_it_is_converted_once_and_keeps_its_fingerprint(former, cache, conversions):
    url, fingerprint = former
    assert load_bundle(url).fingerprint == fingerprint and not load_bundle(url).network
    for _ in range(3):
        scores_like_tensorflow(url)
    assert len(conversions) == 1
    (kept,) = cache.iterdir()
    assert fingerprint in kept.name and kept.stat().st_mode & 0o77 == 0 and cache.stat().st_mode & 0o77 == 0


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b.replace(b"TFL3", b"XXXX"), lambda b: b""])
def test_a_damaged_copy_is_converted_again(former, cache, conversions, damage):
    load_bundle(former[0]).scorer()
    (kept,) = cache.iterdir()
    kept.write_bytes(damage(kept.read_bytes()))
    scores_like_tensorflow(former[0])
    assert len(conversions) == 2
    scores_like_tensorflow(former[0])
    assert len(conversions) == 2


def test_without_a_folder_it_is_converted_in_memory(former, tmp_path, conversions):
    (tmp_path / "cache").write_text("a file where the folder should be")
    scores_like_tensorflow(former[0])
    scores_like_tensorflow(former[0])
    assert len(conversions) == 2


def test_that_it_does_not_convert_is_kept_too(former, monkeypatch):
    asked = []

    def fail(model):
        asked.append(model)
        raise conversion.UnlikeError("no")

    monkeypatch.setattr(conversion, "converted_network", fail)
    for _ in range(2):
        assert isinstance(load_bundle(former[0]).scorer(), TensorFlowScorer)
    assert len(asked) == 1


def test_its_weights_are_checked_before_a_scan_begins(former, tmp_path):
    (weights,) = (tmp_path / "former").glob("weights-*")
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(BundleError, match="changed or truncated"):
        load_bundle(former[0])


def test_one_without_embeddings_is_converted_for_them(tmp_path, cache, conversions):
    url = save_tone_bundle(tmp_path / "b").url
    described = json.loads((tmp_path / "b" / DESCRIPTION).read_text())
    for name in ("licence", "activation", "names", "embedding_size", "source", "geo"):  # as before there were any
        del described[name]
    network = load_bundle(url).network
    described["fingerprint"] = fingerprint_of(described)
    (tmp_path / "b" / DESCRIPTION).write_text(json.dumps(described))
    conversions.clear()
    bundle = load_bundle(url)
    assert bundle.network == network and bundle.embedding_size == 0
    bundle.scorer().score_windows(WINDOWS)
    assert not conversions
    for _ in range(2):
        scores, embeddings = bundle.scorer(embeddings=True).embed_windows(WINDOWS)
        assert embeddings.shape == (len(WINDOWS), 1)
        np.testing.assert_allclose(scores, bundle.scorer().score_windows(WINDOWS), rtol=0, atol=1e-6)
    assert len(conversions) == 1
