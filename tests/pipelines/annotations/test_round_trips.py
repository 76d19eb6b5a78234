"""What export writes is read again as the same rows, to the millisecond."""

import pytest

from soundbeam.pipelines.annotations.matching import recordings_of
from soundbeam.pipelines.annotations.read_annotations import AnnotationOptions, read_annotations
from soundbeam.pipelines.recording_names import RecordingNames
from tests.pipelines.export.scanned import RECORDINGS, calls_of, exported, written


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    return written(tmp_path_factory.mktemp("scan"))


def read(folder, **options):
    """(recording, label, start, end in ms) of what is heard, and the recordings that were listened to."""
    annotations = read_annotations(str(folder), AnnotationOptions(**options))
    uri_of = recordings_of(annotations, RecordingNames(RECORDINGS))
    heard = [(uri_of(a), a.label, round(a.start_s * 1000), round(a.end_s * 1000)) for a in annotations if a.end_s]
    return sorted(heard), {uri_of(a) for a in annotations}


EXPECTED = sorted((uri, label, round(start * 1000), round(end * 1000)) for uri, label, start, end, _ in calls_of())
# OpenSoundscape's table says of each stretch which labels are in it, also a part of a call.
LABELS_OF_STRETCHES = sorted(
    {
        (uri, label, start, end)
        for uri, _, start, end in EXPECTED
        for other, label, first, last in EXPECTED
        if other == uri and first < end and last > start
    }
)
# Formats that have a file of each recording tell of those without a call.
OF_EACH = ("raven", "audacity")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("raven", []),
        ("raven", ["--combined"]),
        ("audacity", []),
        ("birdnet", []),
        ("birdnet", ["--combined"]),
        ("kaleidoscope", []),
        ("hawkears", []),
        ("warbler", []),
        ("hoplite", []),
        ("opensoundscape", []),
        ("aoef", []),
        ("csv", []),
    ],
)
def test_the_same_rows_come_back(scan, tmp_path, name, options):
    if name == "aoef":
        pytest.importorskip("soundevent", reason="the extra [formats] is not installed")
    heard, listened = read(exported(scan, tmp_path / "to", name, *options))
    assert heard == (LABELS_OF_STRETCHES if name == "opensoundscape" else EXPECTED)
    calls = {uri for uri, *_ in calls_of()}
    assert listened >= (set(RECORDINGS) if name in OF_EACH and not options else calls)


def test_the_named_format_reads_the_same(scan, tmp_path):
    to = exported(scan, tmp_path / "to", "audacity")
    assert read(f"{to}/**/*.txt", annotation_format="audacity")[0] == EXPECTED
