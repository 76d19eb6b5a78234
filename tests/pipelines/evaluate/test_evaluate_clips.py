"""``evaluate --clips`` over tables whose scores are known."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from matplotlib import font_manager

from soundbeam.pipelines.evaluate import program as evaluate
from tests.pipelines.written_scan import result, write_scan

LABELS = ("cat", "dog", "owl")


def scores_of(highest, strength=0.8):
    row = np.full(3, (1 - strength) / 2)
    row[LABELS.index(highest)] = strength
    return lambda start: row


@pytest.fixture
def scan(tmp_path):
    """Six clips of three labels: one cat taken for a dog, one owl failed."""
    clips = tmp_path / "clips"
    said = {"cat/1.wav": "cat", "cat/2.wav": "dog", "dog/1.wav": "dog", "dog/2.wav": "dog", "owl/1.wav": "owl"}
    for name in said:
        (clips / name).parent.mkdir(parents=True, exist_ok=True)
        (clips / name).touch()
    results = [result(f"file://{clips}/{name}", 4.0, (), scores_of(s), labels=LABELS) for name, s in said.items()]
    results.append(result(f"file://{clips}/owl/2.wav", status="failed", error="not audio", labels=LABELS))
    write_scan(tmp_path / "out", results, LABELS, task="classifier")
    return tmp_path


def test_folders_are_labels(scan, capsys):
    argv = ["--clips", str(scan / "clips"), "--output", str(scan / "out"), "--report", str(scan / "report")]
    assert evaluate.main([*argv, "--json", str(scan / "figures.json")]) == 0
    out = capsys.readouterr().out
    assert "accuracy 0.800 (4 of 5 clips" in out
    assert "most often taken: cat for dog (1)" in out
    assert "note: 1 clips have no scores" in out
    figures = json.loads((scan / "figures.json").read_text())
    assert figures["confusion"] == [[1, 1, 0], [0, 2, 0], [0, 0, 1]]
    assert figures["labels"][1]["precision"] == pytest.approx(2 / 3)
    confusion = pq.read_table(scan / "report" / "confusion.parquet").to_pylist()
    assert {(r["label"], r["taken_for"]): r["clips"] for r in confusion}["cat", "dog"] == 1
    clips = pq.read_table(scan / "report" / "clips.parquet")
    assert clips["highest"].to_pylist() == ["cat", "dog", "dog", "dog", "owl"]
    assert clips["labels"].to_pylist() == [["cat"], ["cat"], ["dog"], ["dog"], ["owl"]]
    assert clips["scores"].to_pylist()[0] == pytest.approx([0.8, 0.1, 0.1])
    assert pq.read_table(scan / "report" / "labels.parquet")["recall"].to_pylist() == [0.5, 1.0, 1.0]
    assert (scan / "report" / "confusion.png").stat().st_size > 1000


def test_a_table_names_stretches_of_longer_recordings(tmp_path, capsys):
    # Windows of 2 s every second: cat until 10 s, dog from there on.
    cat, dog = scores_of("cat")(0), scores_of("dog")(0)
    long = result(f"file://{tmp_path}/long.wav", 20.0, (), lambda s: cat if s < 10 else dog, labels=LABELS)
    write_scan(tmp_path / "out", [long], LABELS, task="classifier")
    table = tmp_path / "clips.csv"
    table.write_text("path,label,start_s,end_s\nlong.wav,cat,0,9\nlong.wav,dog,11,20\nlong.wav,dog,3,5\n")
    assert evaluate.main(["--clips", str(table), "--output", str(tmp_path / "out")]) == 0
    assert "accuracy 0.667 (2 of 3 clips" in capsys.readouterr().out


def test_several_labels_of_one_clip(tmp_path, capsys):
    both = result(f"file://{tmp_path}/both.wav", 4.0, (), lambda s: np.array([0.9, 0.8, 0.1]), labels=LABELS)
    none = result(f"file://{tmp_path}/none.wav", 4.0, (), lambda s: np.array([0.1, 0.6, 0.1]), labels=LABELS)
    write_scan(tmp_path / "out", [both, none], LABELS, task="detector")
    (tmp_path / "clips.csv").write_text("path,label\nboth.wav,cat\nboth.wav,dog\nnone.wav,silence\n")
    assert evaluate.main(["--clips", str(tmp_path / "clips.csv"), "--output", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "all labels right 0.500 (1 of 2 clips" in out
    row = next(line for line in out.splitlines() if line.startswith("dog "))
    assert row.split()[1:6] == ["1", "2", "0.500", "1.000", "0.667"]


def test_a_table_elsewhere_names_clips_from_the_current_folder(scan, monkeypatch, capsys):
    (scan / "tables").mkdir()
    monkeypatch.chdir(scan / "clips")
    (scan / "tables" / "clips.csv").write_bytes(
        "Label;Path\r\ncat;cat\\1.wav\r\ndog;dog\\1.wav\r\nowl;\r\n".encode("utf-16")
    )
    assert evaluate.main(["--clips", str(scan / "tables" / "clips.csv"), "--output", str(scan / "out")]) == 0
    out = capsys.readouterr().out
    assert "accuracy 1.000 (2 of 2 clips" in out
    assert f"1 files or rows are no clips, the first: {scan}/tables/clips.csv: line 4 of " in out


def test_a_report_draws_any_label(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_: [])
    labels = ("$x^{$", "_a", "鷹")
    rows = [result(f"file://{tmp_path}/{i}.wav", 4.0, (), lambda s: np.eye(3)[0], labels=labels) for i in range(3)]
    write_scan(tmp_path / "out", rows, labels, task="classifier")
    lines = [f"{i}.wav,{label}" for i, label in enumerate(labels)]
    (tmp_path / "clips.csv").write_text("\n".join(["path,label", *lines]), encoding="utf-8")
    argv = ["--clips", str(tmp_path / "clips.csv"), "--output", str(tmp_path / "out")]
    assert evaluate.main([*argv, "--report", str(tmp_path / "report")]) == 0
    assert "no font of this machine has 鷹: the picture shows codes" in capsys.readouterr().err
    assert (tmp_path / "report" / "confusion.png").stat().st_size > 1000


@pytest.mark.parametrize(
    "argv, said",
    [
        (["--clips", "nowhere"], "nowhere: no such folder or CSV of clips"),
        (["--clips", "empty"], "empty: no clip of it is in the scan"),
    ],
)
def test_errors_are_one_line(scan, monkeypatch, capsys, argv, said):
    monkeypatch.chdir(scan)
    (scan / "empty").mkdir()
    assert evaluate.main([*argv, "--output", "out"]) == 1
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


@pytest.mark.parametrize("argv", [["--clips", "c", "--precision", "0.9"], ["--annotations", "a", "--report", "r"], []])
def test_options_that_do_not_go_together(argv, capsys):
    with pytest.raises(SystemExit) as ended:
        evaluate.main([*argv, "--output", "out"])
    assert ended.value.code == 2 and capsys.readouterr().err.count("\n") == 1
