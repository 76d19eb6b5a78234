"""The program against tables written for it and figures from scikit-learn or by hand."""

import json
import re
import unicodedata

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from soundbeam.pipelines.evaluate.program import main
from tests.pipelines.written_scan import result, write_scan

A, B, C = ("file:///data/siteA/day.wav", "file:///data/siteB/day.wav", "file:///data/siteB/night.mp3")


def annotations(folder, *rows, header="recording,start_s,end_s,label"):
    path = folder / "annotations.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return str(path)


def run(folder, csv, expect=0):
    """The figures written with --json."""
    assert main(["--annotations", csv, "--output", f"{folder}/out", "--json", f"{folder}/deep/figures.json"]) == expect
    return json.loads((folder / "deep/figures.json").read_text()) if expect == 0 else None


@pytest.fixture
def scan(tmp_path):
    write_scan(
        tmp_path / "out",
        [
            result(
                A,
                calls=[("call", 1.5, 3.5), ("call", 6.0, 7.0)],
                scores=lambda s: 0.9 - 0.1 * abs(s - 2),
                interval=(1, 4),
            ),
            result(B, calls=[("call", 4.0, 6.0)], scores=lambda s: 0.05 * s, interval=(0, 1)),
            result(C, scores=lambda s: 0.3),
        ],
    )
    return tmp_path


def test_figures(scan, capsys):
    csv = annotations(scan, "siteA/day.wav,2,4,call", f"{B},0.5,1.5,call", f"{B},4.5,5.5,call")
    figures = run(scan, csv)
    its = figures["labels"]["call"]
    assert its["counts"] == {
        "counts": 3,
        "exact": 1,
        "exact_share": pytest.approx(1 / 3),
        "mean_absolute_error": pytest.approx(2 / 3),
    }
    assert [its["events"][name] for name in ("matched", "calls", "annotations")] == [2, 3, 3]
    assert [its["events"][name] for name in ("precision", "recall", "f1")] == pytest.approx([2 / 3] * 3)
    start = np.arange(9.0)
    truth = np.concatenate([np.isin(start, [1, 2, 3]), np.isin(start, [0, 1, 3, 4, 5]), [False] * 9])
    # B's call from 0.5 to 1.5 lies half in the window from 1 to 3 s, and so does the other's half in 3 to 5 and 5 to 7.
    scores = np.concatenate([0.9 - 0.1 * abs(start - 2), 0.05 * start, [0.3] * 9])
    assert its["windows"]["positive"] == truth.sum() and its["windows"]["ambiguous"] == 0
    assert its["windows"]["average_precision"] == pytest.approx(average_precision_score(truth, scores), abs=1e-6)
    assert its["windows"]["roc_auc"] == pytest.approx(roc_auc_score(truth, scores), abs=1e-6)
    assert figures["unannotated"] == 1 and figures["overall"]["events"] == its["events"]
    assert [r["labels"]["call"] for r in figures["recordings"]] == [
        {"true": 1, "counted": 2, "interval": [1, 4], "matched": 1},
        {"true": 2, "counted": 1, "interval": [0, 1], "matched": 1},
        {"true": 0, "counted": 0, "interval": None, "matched": 0},
    ]
    assert its["intervals"] == {"intervals": 2, "covered": 1, "mean_width": 2.0}
    stored, error = np.float64(np.float32(scores)), 0.0
    for bin_ in np.unique(np.ceil(stored * 10).clip(1)):
        inside = np.ceil(stored * 10).clip(1) == bin_
        error += abs(truth[inside].sum() - stored[inside].sum()) / len(stored)
    assert its["calibration_error"] == pytest.approx(error, abs=1e-6)
    out = capsys.readouterr().out
    assert "1 of 3 recordings exact, mean absolute error 0.667" in out
    assert "hold the true count of 1 of 2; on average they are 2.0 apart" in out
    assert [line.split() for line in out.splitlines() if line.startswith("siteA/")] == [
        ["siteA/day.wav", "1", "2", "+1"]
    ]


def test_a_scan_from_before_there_were_intervals_is_read(scan, capsys):
    (path,) = (scan / "out" / "counts").rglob("*.parquet")
    pq.write_table(pq.read_table(path).drop_columns(["calls_low", "calls_high"]), path)
    figures = run(scan, annotations(scan, f"{A},2,4,call"))
    assert figures["labels"]["call"]["intervals"] == {"intervals": 0, "covered": 0, "mean_width": None}
    assert "calls_low" not in capsys.readouterr().out


def test_many_labels_are_one_against_the_rest(tmp_path, capsys):
    labels = ("a", "b", "rest")
    rng = np.random.default_rng(0)
    scores = rng.dirichlet([1, 1, 1], size=9)
    write_scan(tmp_path / "out", [result(A, calls=[("b", 2.0, 4.0)], scores=scores, labels=labels)], labels)
    figures = run(tmp_path, annotations(tmp_path, "day.wav,2,4,b", "day.wav,6,7,a"))
    assert list(figures["labels"]) == ["a", "b"] and figures["labels_without_annotation"] == ["rest"]
    expected = [
        average_precision_score(np.isin(np.arange(9), w), scores[:, i]) for i, w in ((0, [5, 6]), (1, [1, 2, 3]))
    ]
    assert [figures["labels"][k]["windows"]["average_precision"] for k in "ab"] == pytest.approx(expected, abs=1e-6)
    assert figures["overall"]["windows"]["average_precision"] == pytest.approx(np.mean(expected), abs=1e-6)
    assert figures["overall"]["counts"]["exact"] == 1
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line[:3] in ("a  ", "b  ", "all")]
    # Of a's call nothing was found, b's was: one of two counts is right, and one of two calls.
    assert rows[0][:8] == ["a", "1", "0", "0", "–", "0.000", "0.000", "0/1"]
    assert rows[1][:9] == ["b", "1", "1", "1", "1.000", "1.000", "1.000", "1/1", "0.000"]
    assert rows[2][:11] == ["all", "2", "labels", "2", "1", "1", "1.000", "0.500", "0.667", "1/2", "0.500"]
    assert float(rows[2][11]) == pytest.approx(np.mean(expected), abs=6e-4)


def test_failed_and_unscanned_recordings_are_left_out_and_said(tmp_path, capsys):
    write_scan(tmp_path / "out", [result(A), result(C, status="failed", error="no audio"), result(B, status="partial")])
    csv = annotations(
        tmp_path, "night.mp3,1,2,call", "elsewhere.wav,1,2,call", "elsewhere.wav,4,5,call", "siteA/day.wav,50,51,call"
    )
    figures = run(tmp_path, csv)
    assert figures["evaluated"] == 2
    assert figures["excluded"] == [{"recording": C, "error": "no audio", "annotated_calls": 1}]
    assert figures["not_scanned"] == [{"recording": "elsewhere.wav", "annotated_calls": 2}]
    out = capsys.readouterr().out
    assert (
        "1 annotated recordings (2 calls) were not scanned" in out and "1 recordings (1 annotated calls) failed" in out
    )
    assert (
        "read in part" in out
        and "1 annotated calls end after the end of their recording, 1 of them also start there; the first in line 5"
        in out
    )


def test_undefined_figures_are_null_and_a_dash(tmp_path, capsys):
    write_scan(tmp_path / "out", [result(A)])
    figures = run(tmp_path, annotations(tmp_path))
    its = figures["labels"]["call"]
    assert its["windows"]["average_precision"] is None and its["events"]["recall"] is None
    assert its["counts"]["exact_share"] == 1.0
    assert "average precision –, ROC AUC –" in capsys.readouterr().out


def test_a_listened_recording_without_a_call(scan):
    figures = run(
        scan, annotations(scan, "night.mp3,,,", "siteA/day.wav,2,4,", "siteA/day.wav,2,4,", "night.mp3,,,call")
    )
    assert figures["unannotated"] == 1 and figures["identical_rows"] == 1
    assert figures["recordings"][2]["labels"]["call"]["true"] == 0


def test_many_recordings_print_only_the_wrong_ones(tmp_path, capsys):
    uris = [f"s3://b/{i:03d}.wav" for i in range(60)]
    write_scan(tmp_path / "out", [result(u, calls=[("call", 1, 2)] if i < 30 else ()) for i, u in enumerate(uris)])
    run(tmp_path, annotations(tmp_path, "059.wav,1,2,call"))
    lines = capsys.readouterr().out.splitlines()
    assert "31 of 60 counts are wrong:" in lines
    assert sum(bool(re.match(r"\d{3}\.wav .*[+-]1$", line)) for line in lines) == 20 and "…" in lines


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["day.wav,1,2,call"], "siteA/day.wav or file:///data/siteB/day.wav"),
        (["other.wav,1,2,call"], "no annotated recording is in the scan, e.g. 'other.wav'"),
        (["night.mp3,1,2,owl"], "knows none of the annotated labels ('owl'); it has call"),
        (["night.mp3,2,1,call"], "annotations.csv line 2: from 2 to 1 s"),
        (["night.mp3,1,2,call", "night.mp3,x,1,call"], "line 3: start_s 'x' is no time"),
        (["night.mp3,nan,1,call"], "line 2"),
        ([",1,2,call"], "line 2: names no recording"),
    ],
)
def test_bad_rows_are_one_clear_line(scan, capsys, rows, message):
    run(scan, annotations(scan, *rows), expect=1)
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1 and "Traceback" not in err


def test_bad_files_are_one_clear_line(scan, capsys):
    missing = str(scan / "none.csv")
    run(scan, missing, expect=1)
    assert missing in capsys.readouterr().err
    run(scan, annotations(scan, header="file,begin"), expect=1)
    assert "no column recording, start_s, end_s" in capsys.readouterr().err
    (scan / "annotations.csv").write_bytes("recording,start_s,end_s,label\nday.wav,1,2,Gr\u00fcn\n".encode("cp1252"))
    run(scan, str(scan / "annotations.csv"), expect=1)
    assert "annotations.csv line 2: not UTF-8 text" in capsys.readouterr().err
    assert main(["--annotations", annotations(scan), "--output", str(scan / "empty")]) == 1


def test_semicolons_marks_and_further_columns(scan):
    path = scan / "annotations.csv"
    path.write_bytes("\ufeffrecording;label;start_s;end_s;who\r\nsiteA/day.wav;call;2;4;me\r\n\r\n".encode())
    assert run(scan, str(path))["labels"]["call"]["events"]["matched"] == 1


def test_any_form_of_csv_gives_the_same_figures(scan):
    """The same annotations, as R, a German Excel, PowerShell and a text editor save them."""
    plain = run(scan, annotations(scan, "siteA/day.wav,2,4,call", f"{B},4.5,65.5,call"))
    path = scan / "annotations.csv"
    for text, encoding in (
        (
            "Recording;Start_s;End_s;Label\r\nsiteA\\day.wav;2,0;4,0;call\r\nsiteB\\day.wav;4,5;1:05,5;call\r\n",
            "utf-8-sig",
        ),
        (
            "sep=\t\nrecording\tstart_s\tend_s\tlabel\nsiteA/day.wav\t2\t4\tcall\nsiteB/day.wav\t4.5\t65.5\tcall\n",
            "utf-16",
        ),
        (
            "#\rlabel | recording | start_s | end_s\r\rcall|siteA/day.wav|0:02|0:04\rcall|siteB/day.wav|4.5|0:01:05.5",
            "utf-8",
        ),
    ):
        path.write_bytes(text.encode(encoding))
        other = run(scan, str(path))
        for figures in (plain, other):
            figures["beyond_the_end"] = [{**call, "line": 0} for call in figures["beyond_the_end"]]
        assert other == plain


def test_a_relative_name_is_a_file_of_the_tables_folder_or_of_the_current_one(tmp_path, monkeypatch):
    uris = [f"file://{tmp_path}/{site}/day.wav" for site in "ab"]
    write_scan(tmp_path / "out", [result(uri) for uri in uris])
    for site in "ab":
        (tmp_path / site).mkdir()
    for site in "ab":  # a tail of two recordings
        csv = annotations(tmp_path / site, "day.wav,1,2,call")
        figures = run(tmp_path, csv)
        assert [r["recording"] for r in figures["recordings"] if r["labels"]["call"]["true"]] == [
            f"file://{tmp_path}/{site}/day.wav"
        ]
    csv = annotations(tmp_path, "day.wav,1,2,call")
    run(tmp_path, csv, expect=1)
    monkeypatch.chdir(tmp_path / "b")
    figures = run(tmp_path, csv)
    assert [r["labels"]["call"]["true"] for r in figures["recordings"]] == [0, 1]


def test_calls_without_length_and_behind_the_end_are_told(scan, capsys):
    csv = annotations(
        scan,
        "siteA/day.wav,2,2,call",
        "siteA/day.wav,9,10.05,call",
        f"{C},9,12,call",
        f"{C},20,21,call",
        f"{B},9,9,call",
    )
    figures = run(scan, csv)
    out = capsys.readouterr().out
    assert "note: 2 annotated calls have no length, the first in line 2; each counts as a point in time" in out
    assert (
        "note: 2 annotated calls end after the end of their recording, 1 of them also start there; the first in " in out
    )
    assert f"line 4, 9 to 12 s in {C} of 10.0 s" in out
    # The point at 2 s lies in the call from 1.5 to 3.5; the one at 9 s in none.
    assert figures["labels"]["call"]["events"]["matched"] == 1
    assert [call["line"] for call in figures["without_length"]] == [2, 6]


def test_rows_whose_times_are_no_interval_are_counted(scan, capsys):
    run(
        scan,
        annotations(scan, "night.mp3,3,2,call", "night.mp3,1,2,call", "night.mp3,-1,2,call", "x,1,,call"),
        expect=1,
    )
    err = capsys.readouterr().err
    assert "annotations.csv line 2: from 3 to 2 s is no stretch of a recording; and 2 more such rows" in err


def test_a_label_in_another_unicode_form_is_the_same_label(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "Gr\u00fcnfink") for form in ("NFC", "NFD"))
    for known, said in ((composed, decomposed), (decomposed, composed)):
        labels = (known, "rest")
        write_scan(tmp_path / f"{len(known)}" / "out", [result(A, calls=[(known, 2, 4)], labels=labels)], labels)
        figures = run(tmp_path / f"{len(known)}", annotations(tmp_path, f"day.wav,2,4,{said}"))
        assert figures["labels"][known]["events"]["matched"] == 1 and not figures["unknown_labels"]
