import unicodedata

import pytest

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.recording_names import RecordingNames, short_names

URIS = [
    "file:///data/siteA/20240101_060000.wav",
    "file:///data/siteB/20240101_060000.wav",
    "s3://bucket/x/a b#1.flac",
    "s3://bucket/x/100%25.wav",
    "gs://other/ünder.wav",
]


@pytest.mark.parametrize(
    ("name", "index"),
    [
        (URIS[0], 0),
        ("siteB/20240101_060000.wav", 1),
        ("../siteB/20240101_060000.wav", 1),
        ("/data/siteA/20240101_060000.wav", 0),
        (r"siteA\20240101_060000.wav", 0),
        ("a b#1.flac", 2),
        ("x/a%20b%231.flac", 2),
        ("bucket/x/a b#1.flac", 2),
        ("100%25.wav", 3),
        (unicodedata.normalize("NFD", "ünder.wav"), 4),
    ],
)
def test_a_tail_finds_its_recording(name, index):
    assert RecordingNames(URIS).find(name) == URIS[index]


@pytest.mark.parametrize(
    "name", ["", "iteA/20240101_060000.wav", "20240101_060000", "siteC/20240101_060000.wav", "wav"]
)
def test_what_is_no_tail_finds_nothing(name):
    assert RecordingNames(URIS).find(name) is None


def test_an_ambiguous_tail_names_both():
    with pytest.raises(SoundbeamError, match=r"siteA.*siteB"):
        RecordingNames(URIS).find("20240101_060000.wav")


def test_the_whole_path_goes_before_a_tail():
    names = RecordingNames(["file:///a/x.wav", "file:///b/a/x.wav"])
    assert names.find("/a/x.wav") == "file:///a/x.wav"
    assert names.find("b/a/x.wav") == "file:///b/a/x.wav"


def test_one_spelling_written_exactly_goes_before_another_decoded():
    names = RecordingNames(["file:///a%20b.wav", "file:///a b.wav"])
    assert names.find("a b.wav") == "file:///a b.wav" and names.find("a%20b.wav") == "file:///a%20b.wav"


def test_short_names():
    assert list(short_names(URIS[:2]).values()) == ["siteA/20240101_060000.wav", "siteB/20240101_060000.wav"]
    assert short_names(URIS[:1])[URIS[0]] == "20240101_060000.wav"
    assert short_names([]) == {} and short_names(URIS)[URIS[2]] == URIS[2]
