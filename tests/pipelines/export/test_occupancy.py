"""Detection histories: matrices by NumPy's count, read by R, and the R that comes with them."""

import csv
import datetime
import shutil
import subprocess

import pytest

from tests.pipelines.export.scanned import UTC, export, exported, listened, written

needs_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="Rscript is not installed")
# Nights of Berlin: 1 May 22:00 and 2 May 03:00 there are one, 2 May 13:00 is the next.
EVENING = datetime.datetime(2024, 5, 1, 20, tzinfo=UTC)
RECORDINGS = {
    "file:///data/a/1.wav": ("a", EVENING, 3600.0, []),
    "file:///data/a/2.wav": ("a", EVENING + datetime.timedelta(hours=5), 1800.0, [("low", 5.0, 6.0, 0.9)]),
    "file:///data/a/3.wav": ("a", EVENING + datetime.timedelta(hours=15), 3600.0, []),
    'file:///data/b, "c"/1.wav': ('b, "c"', EVENING + datetime.timedelta(days=3), 3600.0, [("low", 1.0, 2.0, 0.4)]),
    'file:///data/b, "c"/2.wav': ('b, "c"', EVENING + datetime.timedelta(days=3), 3600.0, [("high", 1.0, 2.0, 0.4)]),
    "file:///data/a/undated.wav": ("a", None, 3600.0, [("low", 1.0, 2.0, 0.9)]),
}


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    bad = listened("file:///data/c/1.wav", "c", EVENING, None, [], status="failed", error="broken")
    return written(tmp_path_factory.mktemp("scan"), RECORDINGS, extra=[bad])


def matrix(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_nights(scan, tmp_path, capsys):
    to = exported(scan, tmp_path / "occupancy", "occupancy")
    nights = ["2024-05-01", "2024-05-02", "2024-05-03", "2024-05-04"]
    assert matrix(to / "effort.csv") == [
        ["site", *nights], ["a", "1.5", "1.0", "NA", "NA"], ['b, "c"', "NA", "NA", "NA", "2.0"],
    ]  # fmt: skip
    assert matrix(to / "detections" / "low.csv") == [
        ["site", *nights], ["a", "1", "0", "NA", "NA"], ['b, "c"', "NA", "NA", "NA", "1"],
    ]  # fmt: skip
    assert matrix(to / "detections" / "high.csv")[1:] == [
        ["a", "0", "0", "NA", "NA"],
        ['b, "c"', "NA", "NA", "NA", "1"],
    ]
    assert "not in it: 1 recordings of unknown site or time" in capsys.readouterr().out


def test_days_weeks_and_a_selection(scan, tmp_path):
    to = exported(scan, tmp_path / "days", "occupancy", "--occasion", "day")
    assert matrix(to / "effort.csv")[:2] == [
        ["site", "2024-05-01", "2024-05-02", "2024-05-03", "2024-05-04"], ["a", "1.0", "1.5", "NA", "NA"],
    ]  # fmt: skip
    assert matrix(to / "detections" / "low.csv")[1] == ["a", "0", "1", "NA", "NA"]
    to = exported(scan, tmp_path / "weeks", "occupancy", "--occasion", "week")
    assert matrix(to / "effort.csv") == [["site", "2024-04-29"], ["a", "2.5"], ['b, "c"', "2.0"]]
    options = ["--site", "a", "--label", "low", "--min-score", "0.95", "--until", "2024-05-02"]
    to = exported(scan, tmp_path / "some", "occupancy", *options)
    assert matrix(to / "detections" / "low.csv") == [["site", "2024-05-01", "2024-05-02"], ["a", "0", "0"]]
    assert [path.name for path in (to / "detections").iterdir()] == ["low.csv"]


def test_without_sites(tmp_path, capsys):
    recordings = {"file:///data/1.wav": (None, EVENING, 10.0, [])}
    scan = written(tmp_path / "scan", recordings, site=None)
    assert export("--output", scan, "--format", "occupancy", "--to", tmp_path / "to") == 1
    assert "no recording of a known site and time in it; scan with --site PATTERN" in capsys.readouterr().err


@needs_r
def test_r_runs_what_comes_with_it(scan, tmp_path):
    to = exported(scan, tmp_path / "occupancy", "occupancy")
    # The two packages need a compiler and the internet; these stand for them, and check what they are given.
    given = """
    library <- function(...) NULL
    check <- function(y, hours) {
      stopifnot(is.matrix(y), is.matrix(hours), is.numeric(y), identical(dim(y), c(2L, 4L)))
      stopifnot(identical(dim(hours), dim(y)))
      stopifnot(identical(is.na(y), is.na(hours)), all(y %in% c(0, 1, NA)), all(hours > 0, na.rm = TRUE))
      stopifnot(identical(rownames(y), c("a", 'b, "c"')), identical(colnames(y)[1], "2024-05-01"))
    }
    unmarkedFrameOccu <- function(y, obsCovs) { check(y, obsCovs$hours); list(y = y) }
    occu <- function(formula, data) { stopifnot(inherits(formula, "formula"), is.list(data)); list() }
    backTransform <- function(model, type) { stopifnot(type == "state"); 0.5 }
    PGOcc <- function(occ.formula, det.formula, data, ...) {
      check(data$y, exp(data$det.covs$log.hours)); stopifnot(all.vars(det.formula) %in% names(data$det.covs)); list()
    }
    """
    for name in ("unmarked.R", "spOccupancy.R"):
        code = f"{given}\nstopifnot(length(parse('{name}')) > 3)\nsource('{name}')\ncat('ran\\n')"
        done = subprocess.run(["Rscript", "-e", code], cwd=to, capture_output=True, text=True)
        assert done.returncode == 0 and "ran" in done.stdout, done.stderr
