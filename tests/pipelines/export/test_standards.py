"""Camtrap DP by frictionless, Darwin Core by its text guide, AOEF by soundevent."""

import csv
import datetime
import json
import re
import xml.etree.ElementTree as ET

import pytest

from soundbeam.pipelines.review.store import ReviewStore
from tests.pipelines.export import camtrap_dp_1_0 as standard
from tests.pipelines.export.scanned import RECORDINGS, UTC, calls_of, export, exported, written
from tests.pipelines.review.drawn import add_sample, judge, window

NAMES = ("--scientific-name", "low=Bubo bubo", "high=Strix aluco")
RIDGE = "file:///data/ridge/20240501_033000.wav"


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    scan = written(tmp_path_factory.mktemp("scan"), started_at="2024-06-01T10:00:00+00:00")
    rows = [window(RIDGE, 12.0, "low"), window(RIDGE, 3.0, "high")]
    add_sample(scan, rows)
    for row, verdict in zip(rows, ("yes", "no"), strict=True):
        judge(ReviewStore(scan), row, verdict)
    return scan


@pytest.fixture(scope="module")
def deployments(tmp_path_factory):
    path = tmp_path_factory.mktemp("deployments") / "deployments.csv"
    path.write_text(
        "site,latitude,longitude,start,end,timezone,recorder\n"
        "ridge,52.5,13.4,2024-04-01,2024-05-03,Europe/Berlin,SM4-1\n"
        "creek,-3.25,13.5,,,Europe/Berlin,\n"
    )
    return str(path)


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def package(scan, deployments, tmp_path_factory):
    to = tmp_path_factory.mktemp("camtrap") / "dp"
    return exported(scan, to, "camtrap-dp", "--deployments", deployments, *NAMES)


def test_camtrap_dp_is_valid(package):
    frictionless = pytest.importorskip("frictionless", reason="frictionless is not installed: pip install '.[test]'")
    described = json.loads((package / "datapackage.json").read_text())
    for resource in described["resources"]:
        base = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0"
        assert resource["schema"] == f"{base}/{resource['name']}-table-schema.json"
        resource["schema"] = standard.schema(resource["name"])  # the same, since no test fetches it
    assert described["profile"] == f"{base}/camtrap-dp-profile.json"
    del described["profile"]
    report = frictionless.Package.from_descriptor(described, basepath=str(package)).validate()
    assert report.valid, report.flatten(["fieldName", "type", "note"])
    assert {name: task.stats["rows"] for name, task in zip(standard._KEYS, report.tasks, strict=True)} == {
        "deployments": 2, "media": 3, "observations": 3,
    }  # fmt: skip


def test_frictionless_would_find_what_is_wrong(package, tmp_path):
    frictionless = pytest.importorskip("frictionless", reason="frictionless is not installed: pip install '.[test]'")
    text = (package / "observations.csv").read_text().replace(",animal,", ",beast,")
    (tmp_path / "observations.csv").write_text(text)
    schema = {**standard.schema("observations"), "foreignKeys": []}
    resource = {"name": "observations", "path": "observations.csv", "schema": schema}
    assert not frictionless.Resource.from_descriptor(resource, basepath=str(tmp_path)).validate().valid


def test_camtrap_dp_tells_what_its_profile_requires(package):
    described = json.loads((package / "datapackage.json").read_text())
    assert set(standard.PACKAGE) <= described.keys() and set(standard.PROJECT) <= described["project"].keys()
    assert described["temporal"] == {"start": "2024-04-01", "end": "2024-05-04"} or described["temporal"] == {
        "start": "2024-05-01", "end": "2024-05-02",
    }  # fmt: skip
    assert [taxon["scientificName"] for taxon in described["taxonomic"]] == ["Bubo bubo", "Strix aluco"]
    longitudes, latitudes = zip(*described["spatial"]["coordinates"][0], strict=True)
    assert (min(longitudes), max(longitudes), min(latitudes), max(latitudes)) == (13.4, 13.5, -3.25, 52.5)


def test_observations_hold_the_consensus(package, scan):
    rows = {row["observationTags"]: row for row in rows_of(package / "observations.csv")}
    assert sorted(row["scientificName"] for row in rows.values()) == ["Bubo bubo", "Bubo bubo", "Strix aluco"]
    human = rows["start_s:12.0 | end_s:14.512345 | label:low"]  # the call at 3 s was denied
    assert (human["classificationMethod"], human["classifiedBy"], human["classificationProbability"]) == (
        "human",
        "ann",
        "",
    )
    assert (human["eventStart"], human["eventEnd"]) == ("2024-05-01T05:30:12+02:00", "2024-05-01T05:30:15+02:00")
    machine = rows["start_s:13.0 | end_s:15.0 | label:high"]
    assert (machine["classificationMethod"], machine["classificationTimestamp"]) == ("machine", "2024-06-01T10:00:00Z")
    assert float(machine["classificationProbability"]) == pytest.approx(0.8)


def test_what_standards_need_to_be_told(scan, deployments, tmp_path, capsys):
    for name, options, said in (
        ("camtrap-dp", NAMES, "tells where recorders were: give --deployments CSV"),
        ("camtrap-dp", ("--deployments", deployments), "the scientific name of 'low' is unknown, and those of 1 more"),
        ("dwc", ("--label", "low"), "give --scientific-name 'low=Genus species'"),
    ):
        assert export("--output", scan, "--format", name, "--to", tmp_path / "to", *options) == 1
        assert said in capsys.readouterr().err


def test_darwin_core_by_its_text_guide(scan, deployments, tmp_path):
    to = exported(scan, tmp_path / "dwc", "dwc", "--deployments", deployments, *NAMES)
    text = "{http://rs.tdwg.org/dwc/text/}"
    archive = ET.parse(to / "meta.xml").getroot()
    assert archive.tag == f"{text}archive"
    read = {}
    for kind, key in (("core", "id"), ("extension", "coreid")):
        described = archive.find(text + kind)
        assert described.attrib["fieldsTerminatedBy"] == "," and described.attrib["fieldsEnclosedBy"] == '"'
        assert described.attrib["linesTerminatedBy"] == "\\n" and described.attrib["ignoreHeaderLines"] == "1"
        name = described.find(f"{text}files/{text}location").text
        with open(to / name, encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        terms = {int(f.attrib["index"]): f.attrib["term"] for f in described.findall(f"{text}field")}
        assert [terms[i] for i in range(len(head))] == [f"http://rs.tdwg.org/dwc/terms/{column}" for column in head]
        row_type = described.attrib["rowType"].rpartition("/")[2]
        read[row_type] = (
            int(described.find(text + key).attrib["index"]),
            [dict(zip(head, row, strict=True)) for row in rows],
        )
    (key, events), (coreid, occurrences) = read["Event"], read["Occurrence"]
    ids = [list(event.values())[key] for event in events]
    assert len(set(ids)) == len(ids) == len(RECORDINGS)
    assert {list(o.values())[coreid] for o in occurrences} <= set(ids)
    assert len({o["occurrenceID"] for o in occurrences}) == len(occurrences) == len(calls_of()) - 1
    assert [float(event["sampleSizeValue"]) for event in events] == [RECORDINGS[uri][2] for uri in sorted(RECORDINGS)]
    assert {event["sampleSizeUnit"] for event in events} == {"second"}
    for event, uri in zip(events, sorted(RECORDINGS), strict=True):
        begin, end = map(datetime.datetime.fromisoformat, event["eventDate"].split("/"))
        assert begin.astimezone(UTC) == RECORDINGS[uri][1] and (end - begin).total_seconds() == RECORDINGS[uri][2]
    assert {o["basisOfRecord"] for o in occurrences} == {"MachineObservation"}
    verified = [
        o["identificationVerificationStatus"] for o in occurrences if re.match("low from 12.0", o["occurrenceRemarks"])
    ]
    assert verified == ["verified"]


def test_soundevent_reads_aoef(scan, tmp_path):
    pytest.importorskip("soundevent", reason="the extra [formats] is not installed")
    from soundevent import data, io

    to = exported(scan, tmp_path / "aoef", "aoef", "--audio-root", "/audio")
    (path,) = to.glob("predictions-*.json")
    read = io.load(str(path))
    assert isinstance(read, data.PredictionSet)
    found = [
        (
            "file:///data/" + str(clip.clip.recording.path)[len("/audio/") :],
            event.tags[0].tag.value,
            event.sound_event.geometry.coordinates[0],
            event.sound_event.geometry.coordinates[2],
            pytest.approx(event.score, abs=1e-6),
        )
        for clip in read.clip_predictions
        for event in clip.sound_events
    ]
    assert found == calls_of()
    recordings = {str(clip.clip.recording.path): clip.clip.recording for clip in read.clip_predictions}
    assert len(recordings) == len(RECORDINGS)  # those without a call too
    late = recordings["/audio/ridge/20240503_220000.flac"]
    assert (late.duration, late.date, late.time) == (7200.0, datetime.date(2024, 5, 4), datetime.time(0, 0))


def test_aoef_in_several_files(scan, tmp_path, monkeypatch):
    pytest.importorskip("soundevent", reason="the extra [formats] is not installed")
    from soundevent import io

    from soundbeam.pipelines.export.formats import to_aoef

    monkeypatch.setattr(to_aoef, "_MOST_CALLS", 3)
    to = exported(scan, tmp_path / "aoef", "aoef")
    sets = [io.load(str(path)) for path in sorted(to.glob("predictions-*.json"))]
    assert [sum(len(clip.sound_events) for clip in each.clip_predictions) for each in sets] == [1, 3, 1]
    assert sum(len(each.clip_predictions) for each in sets) == len(RECORDINGS)
