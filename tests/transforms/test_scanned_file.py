"""Whether a recording is still what was scanned: gone, changed, copied, or out of reach."""

import dataclasses
import os

import pytest

from soundbeam.model.storage.content import content_hash
from soundbeam.model.storage.files import state_of
from soundbeam.transforms.scanned_file import ScannedFile, why_not_same


@pytest.fixture
def file(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"sound" * 1000)
    uri = f"file://{tmp_path}/a.wav"
    return ScannedFile(uri, 8000, *state_of(uri), content_hash(uri))


def test_the_same_file_or_a_copy_of_it(file, tmp_path):
    assert why_not_same(file) == ""
    os.utime(tmp_path / "a.wav", (1, 1))
    assert why_not_same(file) == ""
    # As far as is known a copy: the same size.
    assert why_not_same(dataclasses.replace(file, content="")) == ""


def test_other_sound_of_the_same_length(file, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"noise" * 1000)
    os.utime(tmp_path / "a.wav", (1, 1))
    assert why_not_same(file).startswith("has changed since the scan")


def test_another_length(file, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"sound" * 1001)
    os.utime(tmp_path / "a.wav", (1, 1))
    assert why_not_same(dataclasses.replace(file, content="")).startswith("has changed since the scan")


def test_of_what_was_not_recorded_nothing_is_said(file, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"")
    assert why_not_same(ScannedFile(file.uri, 8000)) == ""


def test_a_file_that_is_gone_or_out_of_reach(file, tmp_path):
    (tmp_path / "a.wav").unlink()
    assert why_not_same(file).startswith("is gone")
    assert why_not_same(ScannedFile("nostore://a.wav", 8000)).startswith("cannot be read (")
