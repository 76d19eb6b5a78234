"""Which recordings annotations mean, above all where another program wrote their paths on another machine."""

import pytest

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.annotations.annotation import Annotation
from soundbeam.pipelines.annotations.matching import recordings_of
from soundbeam.pipelines.recording_names import RecordingNames

A, B, C = "file:///data/siteA/day.wav", "s3://bucket/siteB/day.wav", "file:///data/siteB/night.1.flac"


def found(*names, uris=(A, B, C), table="file:///mine/t.txt", foreign=True, say=None):
    rows = [Annotation(name, 1.0, 2.0, "x", i, table=table, foreign=foreign) for i, name in enumerate(names)]
    uri_of = recordings_of(rows, RecordingNames(uris), say)
    return [uri_of(row) for row in rows]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("C:\\rec\\SiteA\\Day.WAV", A),
        ("/mnt/x/siteB/day.wav", B),
        ("siteB/day.wav", B),
        ("night.1.flac", C),
        ("night.1", C),
        ("/anywhere/night.1", C),
        ("night", None),
        ("other.wav", None),
        ("day.wav.bak", None),
    ],
)
def test_a_path_of_another_machine_finds_its_recording(name, expected):
    assert found(name) == [expected]


def test_a_table_beside_its_site_finds_the_one_of_the_site():
    assert found("day.wav", table="file:///mine/siteB/t.txt") == [B]
    assert found("file:///mine/siteA/day", table="file:///mine/siteA/day.txt") == [A]


def test_a_table_of_ours_is_matched_by_whole_components_only():
    assert found("elsewhere/night.1.flac", "siteB/night.1.flac", foreign=False) == [None, C]


def test_what_may_be_two_is_refused():
    with pytest.raises(SoundbeamError, match=r"may be .*siteA.* or .*siteB.*; put the table into a folder"):
        found("C:\\rec\\day.wav")


def test_two_paths_do_not_mean_one_recording():
    """The site that was not scanned is left out, and not taken for the one that was."""
    lines = []
    assert found("/r/siteA/day.wav", "/r/siteZ/day.wav", uris=(A, C), say=lines.append) == [A, None]
    assert lines == []
    with pytest.raises(SoundbeamError, match=r"'/r/siteY/day.wav' and '/r/siteZ/day.wav' may both be .*siteA/day.wav"):
        found("/r/siteZ/day.wav", "/r/siteY/day.wav", uris=(A, C))


def test_a_match_by_base_name_alone_is_told():
    lines = []
    assert found("/r/siteZ/day.wav", uris=(A, C), say=lines.append) == [A]
    assert lines == [f"1 annotated recordings were found by their base names alone, e.g. /r/siteZ/day.wav as {A}"]


def test_two_tables_of_one_recording_both_count():
    tables = [f"file:///{who}/night.1.txt" for who in ("ann", "bob")]
    rows = [Annotation(t.removesuffix(".txt"), 1.0, 2.0, "x", 1, table=t, foreign=True) for t in tables]
    uri_of = recordings_of(rows, RecordingNames([A, C]))
    assert [uri_of(row) for row in rows] == [C, C]
