"""Clips as people keep them: tables of any form, folders of any system."""

import json
import unicodedata

import pytest
import soundfile

from soundbeam.pipelines.materialize.program import main
from tests.placeholder import tone

ROWS = [("site/a-0.wav", "owl", 0.5, 1.5), ("site/b-0.wav", "fox", 0.0, 2.0)]


@pytest.fixture
def folder(tmp_path):
    """Two recordings in a folder, which tables beside it name."""
    for name, *_ in ROWS:
        add(tmp_path / name)
    return tmp_path


def add(path, seconds=2.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(seconds, rate=16000), 16000)


def rejects(folder, clips):
    assert main(["--clips", str(clips), "--examples", str(folder / "made")]) == 0
    manifest = json.loads((folder / "made" / "manifest.json").read_text())
    found = manifest["clips"], manifest["duration_s"]["total"], sorted(manifest["labels"])
    assert found == (2, pytest.approx(3.0), ["fox", "owl"])
    return manifest["rejects"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("separator", "decimal", "slash"), [(",", ".", "/"), (";", ",", "\\"), ("\t", ",", "\\"), ("|", ".", "/")]
)
def test_any_form_of_csv_gives_the_same_clips(folder, encoding, separator, decimal, slash):
    rows = [("# ours",), ("Label", "PATH", "start_s", " end_s", "note")]
    for path, label, start, end in ROWS:
        times = [str(seconds).replace(".", decimal) for seconds in (start, end)]
        rows.append((label, path.replace("/", slash), *times, '"two\nlines"'))
    (folder / "clips.csv").write_bytes("\r\n".join(map(separator.join, rows)).encode(encoding))
    assert rejects(folder, folder / "clips.csv") == []


def test_a_clip_that_is_missing_is_named_with_its_line_and_where_it_was_sought(folder, monkeypatch, capsys):
    (folder / "here").mkdir()
    monkeypatch.chdir(folder / "here")
    table = folder / "clips.csv"
    lines = [f"{label};{path};{start};{end}" for path, label, start, end in ROWS]
    table.write_text("\n".join(["label;path;start_s;end_s", *lines, "owl;site\\gone.wav;;", "owl;/nowhere/x.wav;;"]))
    reasons = {reject["recording"]: reject["reason"] for reject in rejects(folder, table)}
    assert reasons == {
        "site\\gone.wav": f"line 4 of file://{table}: there is no file site\\gone.wav in {folder} or {folder}/here",
        "/nowhere/x.wav": f"line 5 of file://{table}: there is no file /nowhere/x.wav",
    }
    assert "rejected site\\gone.wav: line 4 of " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty; its first line must name its columns: path, label"),
        (b"file,label\na.wav,owl\n", "no column path in its first line (it has: file, label)"),
        (b"PK\x03\x04" + bytes(99), "a spreadsheet (.xlsx, .ods) or zip archive, not a CSV"),
        (b"path,label\n\nno.wav,owl\n", "no clip that can be used; 1 rejected, first no.wav: line 3 of "),
        (b"path,label,start_s,end_s\na.wav,owl,1,5,2,5\n", "line 2: 6 values, but the first line names 4 columns"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--features", "table"]])
def test_what_gives_no_clip_is_one_line(folder, capsys, data, message, more):
    (folder / "clips.csv").write_bytes(data)
    assert main(["--clips", str(folder / "clips.csv"), "--output", str(folder / "made"), *more]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(lines) == 1 and message in lines[0] and "clips.csv" in lines[0]


@pytest.mark.parametrize("more", [[], ["--features", "table"]])
def test_a_folder_as_systems_leave_it(tmp_path, capsys, more):
    clips = tmp_path / "clips"
    decomposed = unicodedata.normalize("NFD", "Gr\u00fcn")
    for name in (
        "owl/a-0.wav", "Owl/b-0.wav", f"{decomposed}/c-0.wav", f"{unicodedata.normalize('NFC', decomposed)}/d-0.wav",
        "@eaDir/x.wav", "owl/@eaDir/x.wav", "$RECYCLE.BIN/S-1-5/x.wav", "__MACOSX/owl/._a.wav", "owl/._a.wav",
    ):  # fmt: skip
        add(clips / name)
    for name in ("Thumbs.db", "desktop.ini", "owl/Thumbs.db", "owl/.DS_Store", "desktop.ini"):
        (clips / name).write_bytes(b"x")
    (clips / "empty").mkdir()
    (clips / "System Volume Information").mkdir()
    assert main(["--clips", str(clips), "--output", str(tmp_path / "made"), *more]) == 0
    out = capsys.readouterr().out
    assert "empty: no clips that can be used" in out and " 0 rejected" in out
    assert "note: the labels 'Owl' and 'owl' differ only in upper and lower case" in out
    assert "note: the labels 'Gru\\u0308n' and 'Gr\\xfcn' differ only in the code of their accents" in out
    assert "Volume" not in out and "eaDir" not in out and "RECYCLE" not in out and "MACOSX" not in out
    made = json.loads((tmp_path / "made" / ("features.json" if more else "manifest.json")).read_text())
    assert len(made["labels"]) == 4 and made["rejects"] == []
