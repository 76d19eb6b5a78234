"""``scan --deployments``: how far calls are expected at their place and in their week is what NumPy says."""

import json
from datetime import datetime, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import soundfile

import soundbeam
from soundbeam.pipelines.places import deployments_of
from soundbeam.pipelines.results import read
from soundbeam.pipelines.scan.program import main
from soundbeam.transforms.decoding import split_recordings
from tests.placeholder import RATE, TONES_HZ, save_tone_bundle, with_tones
from tests.places import expected, geo_network, save_with_geo, week_48

LABELS = ("low", "high")
TABLE = """site,latitude,longitude,start,end,timezone
ridge,46.5,8.25,2024-01-01,2024-06-30,Europe/Zurich
ridge,46.5,8.25,2024-07-01,,Europe/Zurich
creek,-12,-70.5,2024-02-01T12:00,2024-02-03,America/Lima
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("geo")
    return save_with_geo(folder / "geo", save_tone_bundle(folder / "plain", LABELS), geo_network()).url


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    names = (
        "ridge/20240131_233000.wav", "ridge/20240801_053000.wav", "creek/20240201_053000.wav",
        "creek/20240203_233000.wav", "shore/20240131_053000.wav", "ridge/dawn.wav",
    )  # fmt: skip
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(exist_ok=True)
        sound = with_tones(8, [1.0, 5.0], seed=seed) + with_tones(8, [3.0], hz=TONES_HZ["high"])
        soundfile.write(folder / name, sound, RATE, subtype="FLOAT")
    (folder / "ridge" / "20240102_000000.wav").write_bytes(b"RIFF")
    return folder


@pytest.fixture
def scan(bundle, corpus, tmp_path):
    def run(*options, table=TABLE, classifier=bundle, site="{site}/*"):
        (tmp_path / "deployments.csv").write_text(table, encoding="utf-8")
        of_site = ["--site", site] if site else []
        argv = ["--recordings", corpus, "--classifier", classifier, "--output", tmp_path / "out", *of_site]
        return main([str(a) for a in [*argv, "--deployments", tmp_path / "deployments.csv", *options]])

    run.output = str(tmp_path / "out")
    return run


def rows(output, table="calls"):
    return sorted(
        ({**row, "name": "/".join(row["recording"].split("/")[-2:])} for row in read(output, table).to_pylist()),
        key=lambda row: (row["name"], row.get("start_s", 0), row.get("label", "")),
    )


def test_calls_tell_how_far_they_are_expected_by_place_and_local_week(scan, capsys):
    assert scan() == 0
    places = {
        "ridge/20240131_233000.wav": (46.5, 8.25, datetime(2024, 1, 31)),
        "ridge/20240801_053000.wav": (46.5, 8.25, datetime(2024, 8, 1)),
        "creek/20240203_233000.wav": (-12, -70.5, datetime(2024, 2, 3)),
    }
    told = rows(scan.output)
    assert len(told) == 6 * 3
    for row in told:
        place = places.get(row["name"])
        if place is None:
            assert row["expected"] is None
        else:
            want = expected(*place[:2], week_48(place[2]))[LABELS.index(row["label"])]
            assert row["expected"] == pytest.approx(want, abs=1e-6)
    said = capsys.readouterr().out
    assert "expected in 1 recordings: their sites are not in --deployments: shore" in said
    assert "expected in 1 recordings: made when their sites had no deployment: creek" in said
    assert "expected in 1 recordings: their time is not known: ridge" in said
    kept = deployments_of(scan.output)
    assert len(kept.rows) == 3 and kept.timezone_of("creek") == "America/Lima"
    # The clock of a site is that of its deployments, and not that of --timezone.
    at = {row["name"]: row["recorded_at"] for row in rows(scan.output, "recordings")}
    assert at["creek/20240203_233000.wav"] == datetime(2024, 2, 3, 23, 30, tzinfo=ZoneInfo("America/Lima"))
    assert at["shore/20240131_053000.wav"] == datetime(2024, 1, 31, 5, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "ranges"])
def test_calls_that_are_not_expected_are_left_out_and_counted(scan, monkeypatch, capsys, cut):
    if cut:
        monkeypatch.setattr(split_recordings, "RANGE_S", 3.0)
        monkeypatch.setattr(split_recordings, "SMALLEST_SHARE", 0.0)
    more = ("--segment", "2") if cut else ()
    # On the ridge: low 0.35 in January and 0.98 in August, high about 0.03; at the creek: low 0.12 and high 0.2.
    least = 0.1
    assert scan("--min-expected", str(least), *more) == 0
    kept = {(row["name"], row["label"]) for row in rows(scan.output)}
    counts = {(row["name"], row["label"]): row for row in rows(scan.output, "counts")}
    out = 0
    for name, place in {
        "ridge/20240131_233000.wav": (46.5, 8.25, datetime(2024, 1, 31)),
        "ridge/20240801_053000.wav": (46.5, 8.25, datetime(2024, 8, 1)),
        "creek/20240203_233000.wav": (-12, -70.5, datetime(2024, 2, 3)),
    }.items():
        for i, label in enumerate(LABELS):
            likely = expected(*place[:2], week_48(place[2]))[i] >= least
            found = 2 if label == "low" else 1
            row = counts[name, label]
            assert ((name, label) in kept) == likely
            assert (row["calls"], row["unlikely"]) == ((found, 0) if likely else (0, found))
            assert (row["calls_low"], row["calls_high"]) == (0, 0) or likely
            out += row["unlikely"]
    assert out >= 2
    for name in ("shore/20240131_053000.wav", "creek/20240201_053000.wav", "ridge/dawn.wav"):  # not known
        assert [(counts[name, label]["calls"], counts[name, label]["unlikely"]) for label in LABELS] == [(2, 0), (1, 0)]
    assert counts["ridge/20240102_000000.wav", "low"]["unlikely"] is None
    assert f"{out} calls of 1 labels were left out, which are expected less than 0.1" in capsys.readouterr().out
    info = json.loads(next(Path(scan.output).glob("runs/*/run.json")).read_text())
    assert info["counters"]["calls_unlikely"] == out and info["min_expected"] == least and info["geo"]
    assert len(rows(scan.output, "predictions")) == 6 * 15 * 2  # all of them


def test_without_site_a_table_of_one_site_is_for_all_recordings(scan, capsys):
    assert scan(table="site,latitude,longitude\nhere,10,20\n", site=None) == 0
    for row in rows(scan.output):
        if row["name"] != "ridge/dawn.wav":
            when = datetime.strptime(row["name"].split("/")[1][:8], "%Y%m%d")
            want = expected(10, 20, week_48(when))[LABELS.index(row["label"])]
            assert row["expected"] == pytest.approx(want, abs=1e-6)
    capsys.readouterr()
    assert scan(site=None) == 1
    assert "is of 2 sites (ridge, creek); say with --site PATTERN" in capsys.readouterr().err


def test_another_table_is_another_scan_and_the_same_in_another_order_is_not(scan, capsys):
    head, *lines = TABLE.splitlines(keepends=True)
    assert scan() == 0 and scan(table="\ufeff" + (head + "".join(lines[::-1])).replace(",", ";")) == 0
    assert "nothing new" in capsys.readouterr().out
    assert scan(table=TABLE.replace("46.5", "46,5").replace(",", ";").replace("46;5", "46,5").replace("8.25", "8,25")
                .replace("-70.5", "-70,5")) == 0  # fmt: skip
    assert "nothing new" in capsys.readouterr().out
    assert scan(table=TABLE.replace("46.5", "47")) == 0 and scan("--min-expected", "0.01") == 0
    assert "nothing new" not in capsys.readouterr().out
    assert len({row["run"] for row in read(scan.output, "recordings").to_pylist()}) == 1


def test_a_classifier_without_the_network_gives_no_column_and_cannot_leave_out(scan, tmp_path, capsys):
    plain = save_tone_bundle(tmp_path / "plain").url
    assert scan(classifier=plain) == 0
    assert "no column expected in calls" in capsys.readouterr().out
    assert "expected" not in read(scan.output, "calls").column_names
    assert scan("--min-expected", "0.03", classifier=plain) == 1
    assert "has no network for place and season" in capsys.readouterr().err


def test_a_network_of_other_labels_is_one_line(scan, bundle, tmp_path, capsys):
    wrong = save_with_geo(tmp_path / "wrong", save_tone_bundle(tmp_path / "plain", LABELS), geo_network(3)).url
    assert scan(classifier=wrong) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "gives 3, instead of 3 and one for each of 2 labels" in line


def test_min_expected_needs_deployments(corpus, bundle, tmp_path):
    with pytest.raises(soundbeam.OptionError, match="needs deployments"):
        soundbeam.scan(corpus, bundle, tmp_path / "out", min_expected=0.03)


def test_from_python(corpus, bundle, tmp_path):
    (tmp_path / "d.csv").write_text(TABLE)
    summary = soundbeam.scan(
        corpus, bundle, tmp_path / "out", deployments=tmp_path / "d.csv", site="{site}/*", min_expected=0.1
    )
    assert set(summary.unlikely) == {"high"} and summary.unplaced["no deployment"] == {"shore": 1}
