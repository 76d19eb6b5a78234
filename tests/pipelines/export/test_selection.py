"""Which recordings and calls are exported, in which order, and what is refused."""

import csv
import dataclasses
import datetime
import json

import pytest

import soundbeam
from soundbeam.model.errors import OptionError, ResultsError, SoundbeamError
from soundbeam.model.frontend.config import FrontEndConfig
from soundbeam.model.frontend.kinds import Stft
from soundbeam.pipelines.export.contents import ordered_calls
from soundbeam.pipelines.export.contents.band import band_of
from soundbeam.pipelines.export.contents.confirmed import Verdicts
from soundbeam.pipelines.export.contents.request import Exporting
from soundbeam.pipelines.export.contents.selection import Selection
from soundbeam.pipelines.review.store import ReviewStore
from tests.pipelines.export.scanned import MORNING, calls_of, export, exported, listened, written
from tests.pipelines.review.drawn import add_sample, judge, window
from tests.placeholder import save_tone_bundle


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    return written(tmp_path_factory.mktemp("scan"))


def calls(scan, tmp_path, *options):
    """(recording, label, start) of the calls in the flat table."""
    to = exported(scan, tmp_path / "csv", "csv", *options)
    with open(to / "calls.csv", encoding="utf-8", newline="") as file:
        return [("file://" + row["recording"], row["label"], float(row["start_s"])) for row in csv.DictReader(file)]


def expected(keep):
    return [(uri, label, start) for uri, label, start, end, score in calls_of() if keep(uri, label, start, score)]


@pytest.mark.parametrize(
    ("options", "keep"),
    [
        ((), lambda uri, label, start, score: True),
        (("--label", "low"), lambda uri, label, start, score: label == "low"),
        (("--site", "ridge"), lambda uri, label, start, score: "/ridge/" in uri),
        (("--min-score", "0.8"), lambda uri, label, start, score: score >= 0.8),
        # 22:00:00 UTC on 3 May is already 4 May in Berlin.
        (("--from", "2024-05-04"), lambda uri, label, start, score: "20240503" in uri),
        (("--from", "2024-05-01", "--until", "2024-05-01"), lambda uri, label, start, score: "20240501" in uri),
        (("--label", "high", "--until", "2024-05-03"), lambda uri, label, start, score: label == "high"),
    ],
)
def test_what_is_chosen(scan, tmp_path, options, keep):
    assert calls(scan, tmp_path, *options) == expected(keep) != []


def test_a_recording_counts_on_every_day_that_it_touches(tmp_path):
    late = datetime.datetime(2024, 5, 1, 21, 59, 30, tzinfo=datetime.timezone.utc)  # half a minute before midnight
    recordings = {"file:///data/a/1.wav": ("a", late, 60.0, [("low", 10.0, 11.0, 0.5), ("low", 40.0, 41.0, 0.5)])}
    scan = written(tmp_path / "scan", recordings)
    for day, starts in (("2024-05-01", [10.0]), ("2024-05-02", [40.0]), ("2024-05-03", [])):
        summary = soundbeam.export(scan, "csv", tmp_path / "csv", from_=day, until=day)
        assert summary.recordings == (1 if starts else 0)
        assert [start for _, _, start in calls(scan, tmp_path, "--from", day, "--until", day)] == starts


def test_only_what_people_confirmed_where_nobody_judged_is_one_line(scan, tmp_path, capsys):
    assert export("--output", scan, "--format", "csv", "--to", tmp_path / "csv", "--reviewed-only") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "no verdicts in it" in line and "leave out --reviewed-only" in line and not (tmp_path / "csv").exists()


def test_only_what_people_confirmed(tmp_path):
    scan = written(tmp_path / "scan")
    ridge = "file:///data/ridge/20240501_033000.wav"
    rows = [
        window(ridge, 12.0, "low"),  # within the call from 12 to 14.5 s
        window(ridge, 3.0, "high"),  # the call of a second lies in its two
        window(ridge, 14.8, "high"),  # shares 0.2 s with the call from 13 to 15 s
        window("file:///data/creek/20240501_033000.wav", 1.0, "low"),
    ]
    add_sample(scan, rows)
    store = ReviewStore(scan)
    for row, verdict in zip(rows, ("yes", "yes", "yes", "no"), strict=True):
        judge(store, row, verdict)
    assert calls(scan, tmp_path, "--reviewed-only") == [(ridge, "high", 3.0), (ridge, "low", 12.0)]
    to = exported(scan, tmp_path / "h", "hoplite")
    with open(to / "labels.csv", newline="") as file:
        kinds = [(row["label"], row["label_type"]) for row in csv.DictReader(file)]
    assert kinds == [
        ("low", "negative"),
        ("high", "positive"),
        ("low", "positive"),
        ("high", "positive"),
        ("low", "positive"),
    ]


@pytest.mark.parametrize(("start_s", "verdict"), [(12.0, "no"), (12.5, "no"), (13.0, None)])
def test_a_window_with_half_of_a_call_does_not_reject_it(tmp_path, start_s, verdict):
    """Windows of 2 s, a call from 12 to 14 s: they share 2, 1.5 and 1 s."""
    scan = written(tmp_path / "scan")
    row = window("file:///data/ridge/20240501_033000.wav", start_s, "low")
    add_sample(scan, [row])
    judge(ReviewStore(scan), row, "no")
    found = Verdicts(scan).on(row["recording"], "low", None, 12.0, 14.0)
    assert (found and found.verdict) == verdict


def test_failed_recordings_are_told_and_not_effort(tmp_path, capsys):
    bad = listened("file:///data/ridge/bad.wav", "ridge", MORNING, None, [], status="failed", error="broken")
    scan = written(tmp_path / "scan", extra=[bad])
    to = exported(scan, tmp_path / "raven", "raven")
    assert not list(to.rglob("bad*"))
    assert "not in it: 1 recordings that could not be listened to" in capsys.readouterr().out


def test_the_order_does_not_depend_on_that_of_the_tables_nor_on_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(ordered_calls, "_SLICE", 7)
    recordings = {}
    for i in (5, 0, 9, 3, 8, 1, 7, 2, 6, 4):
        found = [("low", float(k), k + 0.5, 0.5) for k in range((i * 7) % 23)]
        recordings[f"file:///data/a/{i}.wav"] = ("a", MORNING, 60.0, found[::-1])
    scan = written(tmp_path / "scan", recordings)
    expected = [(uri, start) for uri in sorted(recordings) for start in sorted(c[1] for c in recordings[uri][3])]
    for in_memory in (10, 1_000_000):
        with Selection(Exporting(scan, "csv", "x"), in_memory=in_memory) as selection:
            for _ in range(2):
                rows = [(r.uri, call.start_s) for r in selection.listened() for call in r.calls]
                assert rows == expected
            assert [r.uri for r in selection.listened()] == sorted(recordings)


def test_each_channel(tmp_path):
    result = listened("file:///data/a.wav", None, None, 10.0, [("low", 1.0, 2.0, 0.5)])
    second = listened("file:///data/a.wav", None, None, 10.0, [("low", 4.0, 5.0, 0.5)])
    both = dataclasses.replace(result, channel=1, other_channels=(dataclasses.replace(second, channel=2),))
    scan = written(tmp_path / "scan", {}, extra=[both], channel="each", site=None)
    to = exported(scan, tmp_path / "raven", "raven")
    lines = [line.split("\t")[2:4] for line in (to / "a.Table.1.selections.txt").read_text().splitlines()[1:]]
    assert lines == [["1", "1.0"], ["2", "4.0"]]


def test_names_that_would_be_one(tmp_path):
    names = ["a.wav", "a.flac", "A.mp3", "b.wav", "c/b.wav"]
    recordings = {f"file:///data/{name}": (None, None, 10.0, []) for name in names}
    to = exported(written(tmp_path / "scan", recordings), tmp_path / "audacity", "audacity")
    found = sorted(str(path.relative_to(to)) for path in to.rglob("*.txt"))
    assert found == ["A.mp3.txt", "a.flac.txt", "a.wav.txt", "b.txt", "c/b.txt"]


def test_the_band_is_the_classifiers(tmp_path):
    mel = FrontEndConfig(rate=16000)
    assert band_of(mel.plain()) == (mel.features[0].low_hz, mel.features[0].high_hz) == (60.0, 7600.0)
    assert band_of(FrontEndConfig((Stft(),), rate=16000, normalise="none").plain()) is None  # hears all
    assert band_of({}) is None  # an imported model does not say


def test_a_classifier_that_is_another_or_gone(tmp_path):
    bundle = save_tone_bundle(tmp_path / "bundle")
    values = {"fingerprint": bundle.fingerprint, "classifier": str(tmp_path / "gone"), "rate": 8000}
    scan = written(tmp_path / "scan", **values)
    for classifier in (None, bundle.url):
        with Selection(Exporting(scan, "raven", "x", classifier=classifier)) as selection:
            assert selection.band == (0.0, 4000.0)
    other = save_tone_bundle(tmp_path / "other", seed=3)
    with pytest.raises(OptionError, match="is another one than the scan's"):
        soundbeam.export(scan, "raven", tmp_path / "raven", classifier=other.url)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "ravn"), "no format 'ravn'; there are aoef, audacity, birdnet"),
        (
            ("--format", "csv", "--combined"),
            "--combined does not belong to the format csv; it is an option of birdnet, raven",
        ),
        (("--format", "csv", "--occasion", "night"), "--occasion does not belong to the format csv"),
        (("--format", "csv", "--from", "yesterday"), "from yesterday is not a date; write 2024-01-31"),
        (
            ("--format", "csv", "--from", "2024-05-02", "--until", "2024-05-01"),
            "from 2024-05-02 is after until 2024-05-01",
        ),
        (("--format", "csv", "--runner", "FlinkRunner"), "--runner does not belong to the format csv"),
        (("--format", "csv", "--labell", "low"), "unknown option '--labell'; did you mean --label?"),
        (("--format", "clips", "--context", "-1"), "context -1.0 is no number of seconds"),
        (("--format", "dwc", "--scientific-name", "low"), "scientific_name 'low' is not LABEL=NAME"),
    ],
)
def test_options_that_are_wrong(scan, tmp_path, capsys, arguments, said):
    with pytest.raises(SystemExit) as e:
        export("--output", scan, "--to", tmp_path / "to", *arguments)
    assert e.value.code == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--label", "lwo"), "no label 'lwo'; there are low, high; nearest: low"),
        (("--site", "rigde"), "no recording is of the site 'rigde'; the scan's sites are creek, ridge"),
        (("--classifier", "nowhere"), "nowhere"),
    ],
)
def test_what_is_not_in_the_scan(scan, tmp_path, capsys, arguments, said):
    assert export("--output", scan, "--format", "raven", "--to", tmp_path / "to", *arguments) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_no_scan(tmp_path):
    with pytest.raises(ResultsError):
        soundbeam.export(tmp_path, "csv", tmp_path / "to")


def test_a_second_export_replaces_the_first_and_nothing_else(scan, tmp_path, capsys):
    to = exported(scan, tmp_path / "raven", "raven")
    before = {path.name for path in to.rglob("*") if path.is_file()}
    exported(scan, to, "raven", "--site", "creek")
    assert [path.name for path in to.rglob("*.txt")] == ["20240501_033000.Table.1.selections.txt"]
    (to / "mine.txt").write_text("mine")
    exported(scan, to, "raven")
    assert {path.name for path in to.rglob("*") if path.is_file()} == before | {"mine.txt"}
    assert not list(to.rglob("*.tmp"))


def test_a_folder_of_others_is_refused(scan, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    assert export("--output", scan, "--format", "csv", "--to", tmp_path) == 1
    assert "holds other files (notes.txt); give a new folder" in capsys.readouterr().err
    assert export("--output", scan, "--format", "csv", "--to", tmp_path / "notes.txt") == 1
    assert "is a file; give a folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_export_that_died(scan, tmp_path, monkeypatch):
    to = tmp_path / "csv"

    def full(self):
        raise OSError(28, "No space left on device")
        yield

    monkeypatch.setattr(Selection, "listened", full)
    with pytest.raises(OSError, match="No space left"):
        soundbeam.export(scan, "csv", to)
    assert [path.name for path in to.iterdir()] == ["export.json"]
    assert not json.loads((to / "export.json").read_text())["finished"]
    monkeypatch.undo()
    with pytest.raises(SoundbeamError, match="was not finished, of something else; remove it, or give a new folder"):
        soundbeam.export(scan, "csv", to, site="ridge")
    assert soundbeam.export(scan, "csv", to).calls == len(calls_of())


def test_without_the_extra(scan, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "soundevent", None)
    with pytest.raises(SoundbeamError, match=r"needs soundevent; install it: pip install 'soundbeam\[formats\]'"):
        soundbeam.export(scan, "aoef", tmp_path / "to")


def test_help_lists_all_formats(capsys):
    with pytest.raises(SystemExit):
        export("--help")
    said = capsys.readouterr().out
    formats = """raven audacity birdnet kaleidoscope opensoundscape hawkears warbler hoplite aoef csv clips occupancy
        camtrap-dp dwc"""
    for name in formats.split():
        assert f"\n  {name} " in said
