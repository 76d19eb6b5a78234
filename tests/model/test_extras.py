"""What is missing is said in one line: by the bundle, the decoders and the end of a program."""

import dataclasses
import sys

import pytest

from soundbeam.model.classifier import conversion_cache
from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.console.errors import explain
from soundbeam.pipelines.runners.run import cause
from soundbeam.transforms.decoders import check_decoder


@pytest.fixture
def without_tensorflow(monkeypatch):
    for name in ("tensorflow", "tensorflow_io"):
        monkeypatch.setitem(sys.modules, name, None)


def test_a_converted_network_needs_no_tensorflow_and_its_weights_do(tone_bundle, without_tensorflow):
    bundle = load_bundle(tone_bundle)
    assert bundle.scorer().window_samples == bundle.window_samples
    with pytest.raises(SoundbeamError, match=r"tone: its network needs TensorFlow.+pip install"):
        bundle.model()


@pytest.mark.parametrize(
    "unconverted, told",
    [
        ("no such operation", r"which does not convert \(no such operation\),"),
        ("", "saved before they were converted,"),
    ],
)
def test_a_network_that_is_not_converted_says_why(
    tone_bundle, without_tensorflow, tmp_path, monkeypatch, unconverted, told
):
    monkeypatch.setattr(conversion_cache, "_folder", lambda: str(tmp_path))
    bundle = dataclasses.replace(load_bundle(tone_bundle), network_file="", unconverted=unconverted)
    with pytest.raises(SoundbeamError, match=f"tone: its network, {told} needs TensorFlow"):
        bundle.scorer()


def test_the_second_decoder_may_be_missing(without_tensorflow):
    check_decoder("soundfile")
    with pytest.raises(SoundbeamError, match=r"none for Windows; use --decoder=soundfile"):
        check_decoder("tensorflow-io")


@pytest.mark.parametrize(
    "name, told", [("tensorflow.python", "TensorFlow"), ("keras", "TensorFlow"), ("jinja2", "jinja2")]
)
def test_a_missing_package_is_named_with_what_to_do(name, told):
    error = ModuleNotFoundError(f"No module named '{name}'", name=name)
    beam = RuntimeError(f"Traceback …\nModuleNotFoundError: No module named '{name}' [while running 'Score']\n")
    for line in (explain(error), cause(error), cause(beam)):
        assert told in line and "pip install" in line and "\n" not in line


def test_a_module_of_soundbeams_own_is_no_package_to_install():
    error = ModuleNotFoundError("No module named 'soundbeam.other'", name="soundbeam.other")
    assert "pip" not in explain(error) + cause(error)
