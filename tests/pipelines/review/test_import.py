"""``soundbeam review import``: verdicts of other tools, in their own formats, on windows that were drawn."""

import csv

import pytest

from soundbeam.pipelines.review.program import main as review
from soundbeam.pipelines.review.store import ReviewStore
from tests.pipelines.review.drawn import add_sample, judge, window

WREN = "Troglodytes troglodytes_Eurasian Wren"
NORTH, SOUTH = "file:///data/north/20240501_050000.wav", "s3://bucket/south/ü 1.wav"
ROWS = [
    window(NORTH, 10.0, WREN),
    window(NORTH, 40.0, WREN),
    window(SOUTH, 10.0, WREN),
    window(SOUTH, 100.0, WREN),
]
KALEIDOSCOPE = "INDIR,OUTDIR,FOLDER,IN FILE,CHANNEL,OFFSET,DURATION,AUTO ID*,MANUAL ID*\n"
RAVEN = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tBegin Path\tFile Offset (s)"
    "\tAnnotation\n"
)


@pytest.fixture
def out(tmp_path):
    add_sample(tmp_path / "out", ROWS, label=WREN)
    return str(tmp_path / "out")


def take(out, source, *options):
    return review(["import", str(source), "--output", out, "--reviewer", "ann", *options])


def given(out):
    """(recording's name, start) → verdict, or the other label."""
    rows = ReviewStore(out).current().to_pylist()
    return {(r["recording"][-6:-4], r["start_s"]): r["other_label"] or r["verdict"] for r in rows}


def write(path, text, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def own(verdicts, separator=",", end="\n"):
    """Our own CSV with verdicts filled in."""
    lines = [["review_id", "recording", "start_s", "end_s", "label", "score", "clip", "verdict", "other_label", "note"]]
    for row, (verdict, other, note) in zip(ROWS, verdicts, strict=False):
        times = [str(row["start_s"]), str(row["end_s"])]
        lines.append([row["review_id"], row["recording"], *times, row["label"], "0.5", "", verdict, other, note])
    return "".join(separator.join(line) + end for line in lines)


@pytest.mark.parametrize(("separator", "end", "encoding"), [
    (",", "\n", "utf-8"), (";", "\r\n", "utf-8-sig"), ("\t", "\r", "utf-16"),
])  # fmt: skip
def test_our_own_csv_in_the_forms_in_which_it_comes_back(out, tmp_path, capsys, separator, end, encoding):
    verdicts = [("yes", "", "near"), ("", "owl", ""), ("", "", ""), ("u", "", "")]
    file = write(tmp_path / "judged.csv", own(verdicts, separator, end), encoding)
    assert take(out, file) == 0
    assert given(out) == {("00", 10.0): "yes", ("00", 40.0): "owl", (" 1", 100.0): "unsure"}
    said = capsys.readouterr().out.splitlines()
    assert said == ["imported: 3 verdicts (1 yes, 1 other, 1 unsure); 1 without a verdict"]
    rows = ReviewStore(out).current().to_pylist()
    assert {r["reviewer"] for r in rows} == {"ann"} and [r["note"] for r in rows] == ["near", None, None]
    assert take(out, file) == 0  # once more: nothing is written twice
    assert "imported: 0 verdicts; 3 were there already" in capsys.readouterr().out
    assert len(ReviewStore(out).verdicts()) == 3


def test_what_is_written_is_read(out, tmp_path):
    from soundbeam.pipelines.review.drawing_windows import write_csv

    write_csv(ReviewStore(out).samples()[0].rows, str(tmp_path / "a.csv"), {})
    with open(tmp_path / "a.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with open(tmp_path / "b.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "verdict": "no"} for row in rows)
    assert take(out, tmp_path / "b.csv") == 0
    assert set(given(out).values()) == {"no"} and len(given(out)) == 4


def test_rows_without_an_id_by_recording_and_time(out, tmp_path, capsys):
    text = (
        "recording,start_s,end_s,verdict\n"
        "/home/ann/data/north/20240501_050000.wav,10.9,12.9,yes\n"  # within half a window, from another machine
        "20240501_050000.wav,0:41.1,0:43.1,no\n"  # not within
        "north\\20240501_050000.wav,40.5,,no\n"
        "u\u0308 1.wav,100,102,1\n"  # composed in another way
        "gone.wav,1,2,yes\n"
    )
    assert take(out, write(tmp_path / "j.csv", text)) == 0
    assert given(out) == {("00", 10.0): "yes", ("00", 40.0): "no", (" 1", 100.0): "yes"}
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"no window: {tmp_path}/j.csv line 3: no window of a sample is near 41.1 s in 20240501_050000.wav"
    assert said[1] == f"no window: {tmp_path}/j.csv line 6: no window of a sample is of a recording gone.wav"
    assert said[2] == "imported: 3 verdicts (2 yes, 1 no); 2 match no window of a sample"


def test_birdnets_sorted_clips(out, tmp_path, capsys):
    for name in (
        "Positive/0.912_1_20240501_050000_10.0s_12.0s.wav",
        "Negative/0.400_2_ü 1_10.0s_12.0s.wav",
        "0.300_3_ü 1_100.0s_102.0s.wav",  # not sorted yet
        "Negative/0.300_4_gone_100.0s_102.0s.wav",
        f"negative/003_20240501_050000_40.000-42.000_{ROWS[1]['review_id']}.flac",
        "Positive/.DS_Store",
    ):
        write(tmp_path / "segments" / "Eurasian Wren" / name, "")
    assert take(out, tmp_path / "segments") == 0
    assert given(out) == {("00", 10.0): "yes", (" 1", 10.0): "no", ("00", 40.0): "no"}
    said = capsys.readouterr().out
    assert "imported: 3 verdicts (2 no, 1 yes); 1 without a verdict; 1 match no window of a sample" in said
    assert "0.300_4_gone_100.0s_102.0s.wav: no window of a sample is of a recording gone" in said


def test_birdnettools_validation(out, tmp_path):
    text = (
        '"filepath","start","end","scientific_name","common_name","confidence","validation"\n'
        f'"{NORTH}",10,12,"Troglodytes troglodytes","Eurasian Wren",0.9,1\n'
        f'"{NORTH}",40,42,"Troglodytes troglodytes","Eurasian Wren",0.4,0\n'
        f'"{SOUTH}",10,12,"Troglodytes troglodytes","Eurasian Wren",0.4,NA\n'
    )
    assert take(out, write(tmp_path / "validated.csv", text)) == 0
    assert given(out) == {("00", 10.0): "yes", ("00", 40.0): "no"}


def test_birdnets_csv_with_a_column_validation(out, tmp_path):
    text = (
        "Start (s),End (s),Scientific name,Common name,Confidence,File,validation\n"
        f"10.0,12.0,Troglodytes troglodytes,Eurasian Wren,0.9,{NORTH.removeprefix('file://')},1\n"
    )
    assert take(out, write(tmp_path / "BirdNET_CombinedTable.csv", text)) == 0
    assert given(out) == {("00", 10.0): "yes"}


def test_kaleidoscopes_manual_id(out, tmp_path):
    text = KALEIDOSCOPE + (
        "/x/data,,north,20240501_050000.wav,0,10.0,2.0,WREN,Eurasian Wren\n"
        "/x/data,,north,20240501_050000.wav,0,40.0,2.0,WREN,NoID\n"
        "/x/bucket,,south,ü 1.wav,0,10,2,WREN,Robin\n"
        "/x/bucket,,south,ü 1.wav,0,100,2,WREN,\n"
    )
    assert take(out, write(tmp_path / "id.csv", text)) == 0
    assert given(out) == {("00", 10.0): "yes", ("00", 40.0): "no", (" 1", 10.0): "Robin"}


def test_raven_tables(out, tmp_path):
    north = NORTH.removeprefix("file://")
    rows = [("Spectrogram 1", 1010.0, 10.2, "Eurasian Wren"), ("Waveform 1", 1010.0, 10.2, "Robin"),
            ("Spectrogram 1", 1040.0, 40.0, "Robin")]  # fmt: skip
    lines = [f"{k + 1}\t{view}\t1\t{begin}\t{begin + 1.6}\t0\t8000\t{north}\t{offset}\t{label}\n"
             for k, (view, begin, offset, label) in enumerate(rows)]  # fmt: skip
    write(tmp_path / "tables" / "all.txt", RAVEN + "".join(lines))
    one = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tVerdict\n"
    one += "1\tSpectrogram 1\t1\t100.0\t102.0\t0\t8000\tno\n"
    write(tmp_path / "tables" / "ü 1.Table.1.selections.txt", one)
    assert take(out, tmp_path / "tables") == 0
    assert given(out) == {("00", 10.0): "yes", ("00", 40.0): "Robin", (" 1", 100.0): "no"}


def test_a_raven_table_with_review_ids(out, tmp_path):
    text = f"Selection\tView\tReview ID\tVerdict\tNotes\n1\tSpectrogram 1\t{ROWS[3]['review_id']}\tyes\tfar\n"
    assert take(out, write(tmp_path / "x.txt", text)) == 0
    assert given(out) == {(" 1", 100.0): "yes"}
    assert ReviewStore(out).current()["note"].to_pylist() == ["far"]


def test_several_labels_at_one_time(tmp_path, capsys):
    out = tmp_path / "out"
    add_sample(out, [window(NORTH, 10.0, "a")], "a", label="a")
    add_sample(out, [window(NORTH, 10.0, "b")], "b", label="b")
    file = write(tmp_path / "j.csv", f"recording,start_s,end_s,verdict\n{NORTH},10,12,yes\n")
    assert take(str(out), file) == 1
    assert "windows of several labels are at 10 s; name one with --label" in capsys.readouterr().out
    assert take(str(out), file, "--label", "b") == 0
    assert ReviewStore(str(out)).current()["label"].to_pylist() == ["b"]
    named = write(tmp_path / "l.csv", f"recording,start_s,end_s,label,verdict\n{NORTH},10,12,a,no\n")
    assert take(str(out), named) == 0
    assert sorted(ReviewStore(str(out)).current()["label"].to_pylist()) == ["a", "b"]
    capsys.readouterr()
    assert take(str(out), file, "--label", "c") == 1
    assert "no sample of 'c' was drawn from it" in capsys.readouterr().err


def test_a_name_that_may_be_two_recordings(tmp_path, capsys):
    out = tmp_path / "out"
    add_sample(out, [window("file:///n/x.wav", 10.0), window("file:///s/x.wav", 10.0)])
    file = write(tmp_path / "j.csv", "recording,start_s,end_s,verdict\nx.wav,10,12,yes\nn/x.wav,10,12,yes\n")
    assert take(str(out), file) == 0
    assert "'x.wav' may be file:///n/x.wav or file:///s/x.wav" in capsys.readouterr().out
    assert ReviewStore(str(out)).current()["recording"].to_pylist() == ["file:///n/x.wav"]


def test_a_column_names_the_reviewer_and_a_verdict_may_be_changed(out, tmp_path):
    judge(ReviewStore(out), ROWS[0], "no", "ann")
    text = "review_id,verdict,reviewer\n" + "".join(
        f"{ROWS[0]['review_id']},yes,{name}\n" for name in ("ann", "bob", "")
    )
    assert take(out, write(tmp_path / "j.csv", text)) == 0
    rows = ReviewStore(out).current().to_pylist()
    assert {(r["reviewer"], r["verdict"]) for r in rows} == {("ann", "yes"), ("bob", "yes")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recording,start_s,end_s\na,1,2\n", "no column with verdicts (verdict, validation, MANUAL ID or Annotation)"),
        ("recording,verdict\na,yes\n", "neither review_id nor a recording and a start (it has: recording, verdict)"),
        ("recording,start_s,verdict\na,1,yse\n", "j.csv line 2: verdict 'yse' is none of yes, no, unsure, other"),
        ("recording,start_s,verdict\na,one,yes\n", "j.csv line 2: start_s 'one' is no time"),
        ("review_id,verdict\n0123,other\n", "j.csv line 2: the verdict is 'other', but no other_label is named"),
        ("review_id,verdict\n", "j.csv: has no row"),
        ("", "j.csv: empty"),
        ("review_id,verdict\n0123456789abcdef,yes\n", "not one of its verdicts is of a window that was drawn"),
    ],
)
def test_bad_tables_are_one_line_and_write_nothing(out, tmp_path, capsys, text, message):
    file = write(tmp_path / "j.csv", text)
    assert take(out, file) == 1
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1 and len(ReviewStore(out).verdicts()) == 0


def test_one_bad_row_writes_none_of_the_others(out, tmp_path):
    text = f"review_id,verdict\n{ROWS[0]['review_id']},yes\n{ROWS[1]['review_id']},perhaps\n"
    assert take(out, write(tmp_path / "j.csv", text)) == 1
    assert len(ReviewStore(out).verdicts()) == 0


def test_nothing_to_import_from_or_into(tmp_path, out, capsys):
    assert take(out, tmp_path / "none.csv") == 1
    assert "none.csv: no such file or folder" in capsys.readouterr().err
    file = write(tmp_path / "j.csv", "review_id,verdict\n0,yes\n")
    assert take(str(tmp_path / "empty"), file) == 1
    assert "no sample was drawn from it; draw one with 'soundbeam review sample' first" in capsys.readouterr().err
