"""The figures of a report, against pandas over the tables; a survey of many sites and nights."""

import datetime
import re
import zoneinfo

import numpy as np
import pandas as pd
import pytest

import soundbeam
from soundbeam.pipelines.report.program import main
from tests.pipelines.report.pages import Page
from tests.pipelines.written_survey import write_survey

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
LABELS = ("owl", "nightjar", "frog")
# The clocks are set forward in the second night.
FIRST = datetime.date(2024, 3, 29)


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey")
    more = {"site": "{site}/*", "timezone": "Europe/Berlin", "classifier": "file:///nowhere"}
    write_survey(folder / "out", 5, 9, LABELS, FIRST, rate=3.0, failed=0.05, utc_offset_h=1, **more)
    rows = [f"site{i + 1:03d},{52 + i / 10},{13 + i / 7},Europe/Berlin" for i in range(4)]  # the fifth is unknown
    (folder / "sites.csv").write_text("\n".join(["site,latitude,longitude,timezone", *rows]))
    return folder


@pytest.fixture(scope="module")
def page(survey):
    argv = ["--output", survey / "out", "--html", survey / "a b.html", "--deployments", survey / "sites.csv"]
    assert main([str(a) for a in argv]) == 0
    return Page(survey / "a b.html")


@pytest.fixture(scope="module")
def tables(survey):
    """The tables as pandas reads them, with local times by zoneinfo."""
    found = {name: pd.read_parquet(survey / "out" / name) for name in ("recordings", "calls", "counts", "predictions")}
    for name, column in (("recordings", "recorded_at"), ("calls", "started_at")):
        local = found[name][column].map(lambda t: t.to_pydatetime().astimezone(BERLIN).replace(tzinfo=None))
        found[name]["local"] = pd.to_datetime(local)
        found[name]["night"] = (found[name]["local"] - pd.Timedelta(hours=12)).dt.date.astype(str)
        found[name]["hour"] = found[name]["local"].dt.hour
    return found


@pytest.fixture(scope="module")
def heard(tables):
    """Recordings of an hour each that begin at full hours: each is one hour of effort."""
    recordings = tables["recordings"]
    return recordings[recordings["status"] == "ok"]


def test_the_labels(page, tables, heard):
    labels = page.csv("labels.csv").set_index("label")
    counts = tables["counts"].dropna(subset=["calls"]).groupby("label")[["calls", "calls_low", "calls_high"]].sum()
    assert list(labels.index) == list(counts["calls"].sort_values(ascending=False).index)
    for label in LABELS:
        assert labels.loc[label, ["calls", "low", "high"]].tolist() == counts.loc[label].tolist()
        assert labels.loc[label, "calls_per_hour"] == pytest.approx(counts.loc[label, "calls"] / len(heard), rel=1e-5)
        dates = tables["calls"].query("label == @label")["local"].dt.date.astype(str)
        assert (labels.loc[label, "first"], labels.loc[label, "last"]) == (dates.min(), dates.max())
    total = int(counts["calls"].sum())
    assert f"{total:,} calls of 3 labels" in page.text


def test_calls_by_site(page, tables):
    found = page.csv("labels-by-site.csv").set_index(["label", "site"])
    expected = tables["counts"].groupby(["label", "site"])[["calls", "calls_low", "calls_high"]].sum()
    assert found[["calls", "low", "high"]].sort_index().to_numpy().tolist() == expected.to_numpy().tolist()


def test_effort(page, heard, tables):
    found = page.csv("effort.csv").set_index(["site", "night"])
    hours = heard.groupby(["site", "night"]).size()
    assert found["hours"][found["hours"] > 0].to_dict() == pytest.approx(hours.to_dict())
    failed = tables["recordings"].query("status == 'failed'").groupby(["site", "night"]).size()
    assert found["failed_recordings"][found["failed_recordings"] > 0].to_dict() == failed.to_dict()
    assert f"{len(heard)} h" in page.text and f"{failed.sum()} files failed" in page.text


def test_hours_and_nights(page, heard, tables):
    calls = tables["calls"].query("label == 'owl'")
    diel = page.csv("label-1-diel.csv").set_index("hour")
    hours = heard.groupby("hour").size().reindex(range(24), fill_value=0)
    assert diel["hours"].sort_index().tolist() == pytest.approx(hours.tolist())
    assert diel["calls"][diel["hours"] > 0].sort_index().tolist() == [
        int((calls["hour"] == hour).sum()) for hour in range(24) if hours[hour]
    ]
    assert diel["calls_per_hour"].isna().sum() == (hours == 0).sum()
    cells = page.csv("label-1-hour-by-night.csv").set_index(["night", "hour"])
    expected = heard.groupby(["night", "hour"]).size()
    assert cells["hours"].sort_index().to_dict() == pytest.approx(expected.to_dict())
    numbers = calls.groupby(["night", "hour"]).size().reindex(expected.index, fill_value=0)
    assert cells["calls"].to_dict() == numbers.to_dict()
    season = page.csv("label-1-season.csv").set_index("night")
    assert season["calls"].sum() == len(calls) and season["hours"].sum() == pytest.approx(len(heard))
    # By hand, of one night: n / (n - 1) Σ (c - R h)² / (Σ h)² over the sites.
    night = calls["night"].value_counts().idxmax()
    c = calls[calls["night"] == night].groupby("site").size()
    h = heard[heard["night"] == night].groupby("site").size()
    c = c.reindex(h.index, fill_value=0)
    rate, n = c.sum() / h.sum(), len(h)
    deviation = np.sqrt(n / (n - 1) * ((c - rate * h) ** 2).sum()) / h.sum()
    t = {5: 2.13185, 4: 2.35336, 3: 2.91999}[n]
    assert season.loc[night, "low"] == pytest.approx(rate / np.exp(t * deviation / rate), rel=1e-3)


def test_sites_and_map(page, heard, tables):
    calls = tables["calls"].query("label == 'owl'").groupby("site").size()
    hours = heard.groupby("site").size()
    sites = page.csv("label-1-sites.csv").set_index("site")
    for site in hours.index:
        assert sites.loc[site, "calls_per_hour"] == pytest.approx(calls.get(site, 0) / hours[site], rel=1e-5)
    places = page.csv("label-1-map.csv").set_index("site")
    assert list(places.index) == ["site001", "site002", "site003", "site004"]
    assert places.loc["site003", "latitude"] == 52.2
    assert "The place of 1 more is unknown" in page.text


def test_scores(page, tables):
    scores = tables["predictions"].query("label == 'owl'")["score"].to_numpy()
    expected = np.histogram(scores.astype(np.float64), np.arange(51) / 50)[0]
    found = page.csv("label-1-scores.csv")["windows"].to_numpy()
    assert found.sum() == expected.sum() and np.abs(found - expected).sum() <= 4  # float32 at the edges


def test_first_last_and_accumulation(page, tables):
    found = page.csv("first-and-last.csv").set_index(["label", "site"])
    dates = tables["calls"].assign(date=tables["calls"]["local"].dt.date.astype(str)).groupby(["label", "site"])["date"]
    assert found["first"].to_dict() == dates.min().to_dict() and found["last"].to_dict() == dates.max().to_dict()
    curve = page.csv("accumulation.csv")
    nights = tables["recordings"].query("status == 'ok'")["night"].nunique()
    heard_in = tables["calls"].groupby("night")["label"].nunique().sum()
    assert len(curve) == nights and curve["labels"].iloc[0] == pytest.approx(heard_in / nights, rel=1e-5)
    assert curve["labels"].iloc[-1] == 3


def test_surest_and_doubtful_calls(page, tables):
    clips = page.csv("label-1-clips.csv")
    scores = tables["calls"].query("label == 'owl'")["score"].sort_values()
    assert len(clips.query("kind == 'surest'")) == len(clips.query("kind == 'doubtful'")) == 12
    assert clips.query("kind == 'surest'")["score"].iloc[0] == pytest.approx(scores.iloc[-1], rel=1e-5)
    assert clips.query("kind == 'doubtful'")["score"].iloc[0] == pytest.approx(scores.iloc[0], rel=1e-5)
    assert clips.groupby("recording").size().max() <= 3
    assert "None of 24 recordings could be read" in page.text  # the survey has no sound


def test_the_methods_say_what_was_done(page, tables, heard):
    methods = re.search(r"We listened to .*? \(Garwood 1936\)\.", page.text)[0]
    assert f"We listened to {len(heard)} recordings of {len(heard)} h in all at 5 sites" in methods
    assert "from 29 March 2024 to 7 April 2024 (local time, Europe/Berlin)" in methods
    failed = int((tables["recordings"]["status"] == "failed").sum())
    assert f"{failed} further files could not be decoded" in methods
    assert "soundbeam 0.1.0" in methods and "f" * 16 in methods
    assert "16,000 Hz in windows of 2 s, one every 1 s, decoded by soundfile" in methods
    for label in LABELS:
        assert f"{int((tables['calls']['label'] == label).sum()):,} calls of {label}" in methods
    assert "sums of each recording's own 90 % interval" in methods  # the bundle is not there
    assert "version = {0.1.0}" in page.text and "year = {2024}" in page.text and "f" * 64 in page.text


def test_it_opens_offline_and_runs_nothing(page):
    assert page.loads_nothing()
    assert not any(tag in ("script", "link", "iframe", "object", "base") for tag, _ in page.tags)
    assert not any(name.startswith("on") for _, values in page.tags for name in values)
    ids = [values["id"] for _, values in page.tags if "id" in values]
    assert len(ids) == len(set(ids))
    pictures = [values for tag, values in page.tags if tag == "svg"]
    assert len(pictures) == 3 + 3 * 6 and all(values["aria-label"] for values in pictures)
    assert "@media print" in page.html and "prefers-color-scheme: dark" in page.html


def test_one_label_by_its_name(survey, tmp_path):
    url = soundbeam.report(survey / "out", tmp_path / "owl.html", label="OWL")
    found = Page(tmp_path / "owl.html")
    assert url == str(tmp_path / "owl.html")
    assert list(found.csv("labels.csv")["label"]) == ["owl"]
    # Of one label, the sites' first and last dates are drawn, and no accumulation.
    assert "Of each site with owl" in found.text and "accumulation.csv" not in found.files


def test_the_same_tables_give_the_same_page(survey, page, tmp_path):
    soundbeam.report(survey / "out", tmp_path / "again.html", deployments=survey / "sites.csv")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page.html


def test_many_sites_and_nights_stay_small(tmp_path):
    labels = [f"label{i:02d}" for i in range(14)]
    write_survey(tmp_path / "out", 70, 130, labels, hours=(20, 23), fewer=1.2, site="{site}/*")
    assert main(["--output", str(tmp_path / "out"), "--html", str(tmp_path / "big.html")]) == 0
    assert (tmp_path / "big.html").stat().st_size < 15e6
    found = Page(tmp_path / "big.html")
    assert found.loads_nothing()
    of_label = pd.read_parquet(tmp_path / "out" / "counts").groupby("label")["calls"].sum()
    assert len(found.csv("labels.csv")) == (of_label > 0).sum() > 12  # of more than ten labels, those with calls
    assert "The 60 of 70 sites with most hours" in found.text
    assert "label-12-diel.csv" in found.files and "label-13-diel.csv" not in found.files
    assert "week" in found.csv("label-1-season.csv").columns


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--label", "wolf"], "no label 'wolf'; there are owl, nightjar, frog"),
        (["--deployments", "nowhere.csv"], "nowhere.csv"),
        (["--output", "nowhere"], "nowhere"),
        (["--html", "."], "is a folder; name a file in it"),
    ],
)
def test_bad_input_is_one_line(survey, tmp_path, capsys, argv, says):
    values = {"--output": str(survey / "out"), "--html": str(tmp_path / "x.html"), **dict([argv])}
    assert main([word for pair in values.items() for word in pair]) != 0
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and says in error
    assert not (tmp_path / "x.html").exists()
