"""Each format as another program reads it: crowsetta, R, pandas as OpenSoundscape does, or by its rules' letter."""

import csv
import json
import shutil
import subprocess

import pandas as pd
import pytest

from tests.pipelines.export.scanned import RECORDINGS, calls_of, exported, listened, written

needs_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="Rscript is not installed")


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    return written(tmp_path_factory.mktemp("scan"))


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def r(code, *arguments):
    """What R prints, as lines."""
    done = subprocess.run(["Rscript", "-e", code, *map(str, arguments)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_raven_tables_are_named_as_their_recordings(scan, tmp_path):
    to = exported(scan, tmp_path / "raven", "raven")
    names = sorted(str(path.relative_to(to)) for path in to.rglob("*.txt"))
    stems = sorted(uri[len("file:///data/") :].rpartition(".")[0] for uri in RECORDINGS)
    assert names == [f"{stem}.Table.1.selections.txt" for stem in stems]


@needs_r
def test_r_reads_raven_tables(scan, tmp_path):
    to = exported(scan, tmp_path / "raven", "raven")
    code = """
    path <- commandArgs(TRUE)[1]
    t <- read.delim(path)
    stopifnot(identical(names(t)[1:7], c("Selection", "View", "Channel", "Begin.Time..s.", "End.Time..s.",
                                         "Low.Freq..Hz.", "High.Freq..Hz.")))
    stopifnot(identical(t$Selection, 1:3), all(t$View == "Spectrogram 1"), all(t$Channel == 1))
    cat(sprintf("%s %.6f %.6f %g %g\\n", t$Species, t$Begin.Time..s., t$End.Time..s., t$Low.Freq..Hz.,
                t$High.Freq..Hz.), sep = "")
    """
    lines = r(code, to / "ridge" / "20240501_033000.Table.1.selections.txt")
    assert lines == [
        "high 3.000000 4.000000 0 8000",
        "low 12.000000 14.512345 0 8000",
        "high 13.000000 15.000000 0 8000",
    ]


def test_crowsetta_reads_raven_tables(scan, tmp_path):
    crowsetta = pytest.importorskip("crowsetta", reason="the extra [formats] is not installed")
    to = exported(scan, tmp_path / "raven", "raven")
    path = to / "ridge" / "20240501_033000.Table.1.selections.txt"
    boxes = crowsetta.formats.bbox.Raven.from_file(path, annot_col="Species").to_bbox()
    assert [(b.label, b.onset, b.offset, b.low_freq, b.high_freq) for b in boxes] == [
        ("high", 3.0, 4.0, 0.0, 8000.0), ("low", 12.0, 14.512345, 0.0, 8000.0), ("high", 13.0, 15.0, 0.0, 8000.0),
    ]  # fmt: skip


def test_a_recording_without_a_call_is_effort(scan, tmp_path):
    to = exported(scan, tmp_path / "raven", "raven")
    empty = pd.read_csv(to / "ridge" / "20240502_033000.Table.1.selections.txt", sep="\t")
    assert empty.empty and list(empty.columns[:2]) == ["Selection", "View"]
    to = exported(scan, tmp_path / "audacity", "audacity")
    assert (to / "ridge" / "20240502_033000.txt").read_text() == ""
    to = exported(scan, tmp_path / "birdnet", "birdnet")
    assert rows_of(to / "ridge" / "20240502_033000.BirdNET.results.csv") == []


def test_times_of_the_combined_table_run_on_over_all_files(scan, tmp_path):
    to = exported(scan, tmp_path / "raven", "raven", "--combined", "--audio-root", "/home/me/audio/")
    table = pd.read_csv(to / "all.selections.txt", sep="\t")
    sequence = (to / "all.list.txt").read_text().splitlines()
    assert sequence == [f"/home/me/audio/{uri[len('file:///data/') :]}" for uri in sorted(RECORDINGS)]
    begins, at = {}, 0.0
    for uri in sorted(RECORDINGS):
        begins[uri], at = at, at + RECORDINGS[uri][2]
    assert list(table["Selection"]) == [1, 2, 3, 4, 5]
    expected = [begins[uri] + start for uri, _, start, _, _ in calls_of()]
    assert list(table["Begin Time (s)"]) == pytest.approx(expected, abs=1e-6)
    assert list(table["File Offset (s)"]) == [start for _, _, start, _, _ in calls_of()]
    assert set(table["Begin Path"]) <= set(sequence)


def test_frequencies_end_at_half_of_the_files_rate(tmp_path):
    rows = [
        listened(f"file:///data/{rate}.wav", None, None, 10.0, [("low", 1.0, 2.0, 0.5)], rate=rate)
        for rate in (8000, 48000)
    ]
    scan = written(tmp_path / "scan", {}, extra=rows)
    to = exported(scan, tmp_path / "raven", "raven", "--combined")
    table = pd.read_csv(to / "all.selections.txt", sep="\t")
    assert dict(zip(table["Begin File"], table["High Freq (Hz)"], strict=True)) == {"8000.wav": 4000, "48000.wav": 8000}


def test_audacity_by_its_rules_and_by_crowsetta(scan, tmp_path):
    crowsetta = pytest.importorskip("crowsetta", reason="the extra [formats] is not installed")
    to = exported(scan, tmp_path / "audacity", "audacity")
    path = to / "ridge" / "20240501_033000.txt"
    assert path.read_text() == (
        "3.000000\t4.000000\thigh;0.600\n12.000000\t14.512345\tlow;0.900\n13.000000\t15.000000\thigh;0.800\n"
    )
    sequence = crowsetta.formats.seq.AudSeq.from_file(path).to_seq()
    assert [(s.onset_s, s.offset_s, s.label) for s in sequence.segments] == [
        (3.0, 4.0, "high;0.600"), (12.0, 14.512, "low;0.900"), (13.0, 15.0, "high;0.800"),
    ]  # fmt: skip  # crowsetta rounds to a millisecond
    to = exported(scan, tmp_path / "band", "audacity", "--frequencies", "band")
    lines = (to / "creek" / "20240501_033000.txt").read_text().splitlines()
    assert lines == ["1.000000\t2.500000\tlow;0.750", "\\\t0.000000\t8000.000000"]


def test_birdnet_columns(scan, tmp_path):
    names = ["--scientific-name", "low=Bubo bubo"]
    to = exported(scan, tmp_path / "birdnet", "birdnet", "--combined", *names)
    rows = rows_of(to / "BirdNET_CombinedTable.csv")
    assert list(rows[0])[:6] == ["Start (s)", "End (s)", "Scientific name", "Common name", "Confidence", "File"]
    assert list(rows[0])[6:] == ["lat", "lon", "week", "overlap", "sensitivity", "min_conf", "species_list", "model"]
    assert [(row["File"], float(row["Start (s)"]), float(row["Confidence"])) for row in rows] == [
        (uri.removeprefix("file://"), start, pytest.approx(score, abs=1e-4)) for uri, _, start, _, score in calls_of()
    ]
    assert {(row["Scientific name"], row["Common name"]) for row in rows} == {("Bubo bubo", "low"), ("high", "high")}
    # Days 122 and 125 of 366, in 48 weeks: the 16th ends with day 122.
    assert [row["week"] for row in rows] == ["16", "16", "16", "16", "17"]
    assert {row["overlap"] for row in rows} == {"1.0"}


def test_labels_of_birdnet_are_divided(tmp_path):
    label = "Ardea alba_Great Egret"
    recordings = {"file:///data/a/b.wav": ("a", None, 10.0, [(label, 1.0, 2.0, 0.5)])}
    scan = written(tmp_path / "scan", recordings, labels=(label,))
    (row,) = rows_of(exported(scan, tmp_path / "birdnet", "birdnet", "--combined") / "BirdNET_CombinedTable.csv")
    assert (row["Scientific name"], row["Common name"], row["week"]) == ("Ardea alba", "Great Egret", "")
    (row,) = rows_of(exported(scan, tmp_path / "k", "kaleidoscope") / "kaleidoscope.csv")
    assert (row["scientific_name"], row["common_name"]) == ("Ardea alba", "Great Egret")


def test_kaleidoscope_columns(scan, tmp_path):
    to = exported(scan, tmp_path / "k", "kaleidoscope", "--audio-root", "D:\\audio")
    rows = rows_of(to / "kaleidoscope.csv")
    head = (
        "INDIR,FOLDER,IN FILE,OFFSET,DURATION,scientific_name,common_name,confidence,lat,lon,week,overlap,sensitivity"
    )
    assert list(rows[0]) == head.split(",")
    found = [
        (row["INDIR"], row["FOLDER"], row["IN FILE"], float(row["OFFSET"]), float(row["DURATION"])) for row in rows
    ]
    assert found == [
        ("D:\\audio", uri.split("/")[-2], uri.split("/")[-1], start, pytest.approx(end - start, abs=1e-6))
        for uri, _, start, end, _ in calls_of()
    ]


def test_opensoundscape_has_a_row_a_stretch_and_a_column_a_class(scan, tmp_path):
    to = exported(scan, tmp_path / "o", "opensoundscape")
    table = pd.read_csv(to / "labels.csv", index_col=[0, 1, 2])  # as its own examples read it
    assert table.index.names == ["file", "start_time", "end_time"] and list(table.columns) == ["low", "high"]
    assert set(table.to_numpy().ravel()) == {0, 1}
    ridge = "/data/ridge/20240501_033000.wav"
    assert table.loc[(ridge, 12.0, 14.512345)].tolist() == [1, 1]  # the other label's call overlaps
    assert table.loc[(ridge, 3.0, 4.0)].tolist() == [0, 1]
    assert len(table) == 5


def test_hawkears_warbler_and_hoplite_columns(scan, tmp_path):
    rows = rows_of(exported(scan, tmp_path / "h", "hawkears") / "HawkEars.csv")
    assert list(rows[0]) == ["recording", "name", "start_time", "end_time", "score"]
    assert [(r["name"], float(r["end_time"])) for r in rows] == [(c[1], c[3]) for c in calls_of()]
    rows = rows_of(exported(scan, tmp_path / "w", "warbler") / "selection_table.csv")
    assert list(rows[0])[:7] == ["sound.files", "selec", "channel", "start", "end", "bottom.freq", "top.freq"]
    assert [r["selec"] for r in rows] == ["1", "1", "2", "3", "1"] and {r["top.freq"] for r in rows} == {"8.0"}
    rows = rows_of(exported(scan, tmp_path / "p", "hoplite") / "labels.csv")
    assert list(rows[0]) == ["recording", "start_offset_s", "end_offset_s", "label", "label_type"]
    assert {r["label_type"] for r in rows} == {"positive"} and len(rows) == 5


@needs_r
def test_r_reads_the_flat_table(scan, tmp_path):
    to = exported(scan, tmp_path / "csv", "csv")
    code = """
    calls <- read.csv(commandArgs(TRUE)[1])
    stopifnot(is.numeric(calls$start_s), is.numeric(calls$score))
    local <- as.POSIXct(calls$local_time, tz = "Europe/Berlin")
    cat(sprintf("%s %s %.3f %s\\n", calls$site, calls$label, calls$end_s, format(local, "%d %H:%M:%S")), sep = "")
    """
    assert r(code, to / "calls.csv") == [
        "creek low 2.500 01 05:30:01",
        "ridge high 4.000 01 05:30:03",
        "ridge low 14.512 01 05:30:12",
        "ridge high 15.000 01 05:30:13",
        "ridge low 61.000 04 00:01:00",
    ]
    heard = rows_of(to / "recordings.csv")
    assert [(row["recording"], row["calls"]) for row in heard] == [
        (uri.removeprefix("file://"), str(len(RECORDINGS[uri][3]))) for uri in sorted(RECORDINGS)
    ]


def test_the_list_names_what_was_written(scan, tmp_path):
    to = exported(scan, tmp_path / "csv", "csv")
    listed = json.loads((to / "export.json").read_text())
    assert listed["finished"] and sorted(listed["files"]) == ["calls.csv", "recordings.csv"]
