"""A scan of folders as users have them: clocks never set, odd times, kinds of every sort, folders that come and go."""

import json
import os
import shutil
from datetime import datetime, timezone

import pytest
import soundfile
from fsspec.implementations.local import LocalFileSystem

from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.results import read
from soundbeam.pipelines.scan.program import main
from tests.placeholder import RATE, with_tones


def write(path, kind="WAV"):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, with_tones(4.0, [1.0]), RATE, format=kind, subtype="PCM_16")
    return path


@pytest.fixture
def scan(tone_bundle, tmp_path, capsys):
    def run(*recordings, options=(), code=0):
        arguments = ["--recordings", *recordings, "--classifier", tone_bundle, "--output", tmp_path / "out", *options]
        assert main([str(a) for a in arguments]) == code
        return "\n".join(capsys.readouterr())

    run.output = str(tmp_path / "out")
    return run


def rows(output, table="recordings"):
    """Name → row; where there is one row for each recording."""
    return {row["recording"].rpartition("/")[2]: row for row in read(output, table).to_pylist()}


def test_a_clock_that_was_never_set_costs_nobody_else_a_result(scan, tmp_path):
    """Fault 03, and its like: days that no year has, and the day when clocks begin to count."""
    write(tmp_path / "rec" / "REC_20240131_053000.WAV")
    odd = ["REC_00000000_000000.WAV", "REC_20240231_053000.WAV", "REC_19700101_000007.WAV", "REC_99991231_235959.WAV"]
    for name in odd:
        write(tmp_path / "rec" / name)
    scan(tmp_path / "rec", options=["--recorded-at", "*_%Y%m%d_%H%M%S.wav", "--timezone", "+10:00"])
    found = rows(scan.output)
    good = found.pop("REC_20240131_053000.WAV")
    assert good["recorded_at"] == datetime(2024, 1, 30, 19, 30, tzinfo=timezone.utc)
    assert {name: (row["status"], row["recorded_at"]) for name, row in found.items()} == dict.fromkeys(
        odd, ("ok", None)
    )
    assert rows(scan.output, "counts")["REC_00000000_000000.WAV"]["calls"] == 1


def test_a_modification_time_in_no_calendar_costs_nobody_else_a_result(scan, tmp_path, monkeypatch):
    """Fault 04. Few file systems take such a time, so it is put into the listing."""
    for name in ("good.wav", "far.wav", "old.wav"):
        write(tmp_path / "rec" / name)
    os.utime(tmp_path / "rec" / "old.wav", (-86400, -86400))

    class Odd(LocalFileSystem):
        def ls(self, path, detail=False, **kwargs):
            odd = {"mtime": 910692730085}
            if not detail:
                return super().ls(path, detail=False, **kwargs)
            return [{**e, **(odd if "far" in e["name"] else {})} for e in super().ls(path, detail=detail, **kwargs)]

    def state_of(uri):
        status = os.stat(uri.removeprefix("file://"))
        return status.st_size, versions[uri.rpartition("/")[2]]

    versions = {
        name: datetime.fromtimestamp(os.stat(tmp_path / "rec" / name).st_mtime, timezone.utc).isoformat()
        for name in ("good.wav", "old.wav")
    } | {"far.wav": "910692730085"}
    with monkeypatch.context() as patched:
        patched.setattr("soundbeam.model.storage.files.LocalFileSystem", Odd)
        scan(tmp_path / "rec", options=["--since", "1960-01-01"])
        assert "nothing new: 3 recordings" in scan(tmp_path / "rec", options=["--since", "1960-01-01"])
    found = rows(scan.output)
    assert found["old.wav"]["version"] == versions["old.wav"] and found["old.wav"]["status"] == "ok"
    assert found["far.wav"]["version"] == versions["far.wav"] and set(found) == set(versions)
    assert found["good.wav"]["status"] == "ok"


def test_every_kind_is_scanned_and_what_is_left_out_is_told_by_kind(scan, tmp_path):
    """Fault 07."""
    folder = tmp_path / "rec"
    kinds = {"a.wav": "WAV", "b.aifc": "AIFF", "c.snd": "AU", "d.SPH": "NIST", "e.voc": "VOC", "f.bwf": "WAV"}
    for name, kind in kinds.items():
        write(folder / name, kind)
    for i in range(12):
        (folder / f"photo{i}.JPG").write_bytes(b"x")
        (folder / f"numbered.{i:03}").write_bytes(b"x")
    for name in ("a.txt", ".DS_Store", "Thumbs.db"):
        (folder / name).write_bytes(b"x")
    said = scan(folder, options=["--summary-json", tmp_path / "s.json"])
    left_out = {".jpg": 12, "without extension": 12, ".db": 1, ".txt": 1, "hidden": 1}
    assert "left out: 12 .jpg, 12 without extension, 1 .db, 1 .txt, 1 hidden" in said
    assert {name: row["status"] for name, row in rows(scan.output).items()} == dict.fromkeys(kinds, "ok")
    assert json.loads((tmp_path / "s.json").read_text())["left_out"] == left_out
    assert Output(scan.output).runs()[-1].left_out == left_out
    assert "left out: 12 .jpg" in scan(folder)  # a night with nothing new


def test_what_systems_keep_is_no_recording_and_is_told(scan, tmp_path):
    folder = tmp_path / "rec"
    write(folder / "a.wav")
    places = ("$RECYCLE.BIN/S-1-5", "System Volume Information", "@eaDir", ".Trashes/501", ".Trash-1000/files",
              "lost+found", "__MACOSX", ".Spotlight-V100", "#recycle", "deep/@eaDir/a.wav")  # fmt: skip
    for i, place in enumerate(places):
        write(folder / place / f"{i}.wav")
    write(folder / "._a.wav")
    said = scan(folder)
    found = rows(scan.output)
    assert found.pop("a.wav")["status"] == "ok"
    assert {row["status"] for row in found.values()} == {"skipped"} and len(found) == len(places) + 1
    assert "$RECYCLE.BIN" in found["0.wav"]["error"] and "11 skipped" in said
    # Named itself, such a folder is scanned.
    scan(folder / "lost+found")
    assert rows(scan.output)["5.wav"]["status"] == "ok"


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (
            "rec/*.wav",
            "nothing, but nearly 2 files whose names differ only in upper and lower case (e.g. A.WAV)",
        ),
        ("rec/**/*.wav", "matches nothing, but nearly 3 files"),
        ("rec/*.mp3", "in and below {0}/rec there are 3 .wav, 1 .flac; give the folder, which needs no pattern"),
        ("Rec/*.WAV", "did you mean {0}/rec?"),
        ("nowhere/*.wav", "there is no folder {0}/nowhere"),
        ("none/*.wav", "no audio file is in or below {0}/none"),
    ],
)
def test_a_pattern_without_a_match_says_what_nearly_matched(scan, tmp_path, pattern, words):
    for name in ("A.WAV", "B.WAV", "sub/C.WAV"):
        write(tmp_path / "rec" / name)
    write(tmp_path / "rec" / "x.flac", "FLAC")
    (tmp_path / "none").mkdir()
    said = scan(f"{tmp_path}/{pattern}", code=1)
    assert "no audio file matches" in said and words.format(tmp_path) in said
    assert len([line for line in said.splitlines() if "error:" in line]) == 1


def test_a_pattern_that_matches_some_says_what_it_nearly_matched_too(scan, tmp_path):
    for name in ("a.wav", "B.WAV", "e\u0301t\u00e9.wav"):
        write(tmp_path / "rec" / name)
    said = scan(f"{tmp_path}/rec/*.wav", f"{tmp_path}/rec/\u00e9*.wav")
    assert "rec/*.wav: leaves out 1 files whose names differ only" in said and set(rows(scan.output)) > {"a.wav"}
    assert "matches nothing, but nearly 1 files" in said
    said = scan(f"{tmp_path}/rec/b.wav", f"{tmp_path}/rec/a.wav")
    assert f"did you mean {tmp_path}/rec/B.WAV?" in said


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_lists_as_windows_writes_them(scan, tmp_path, encoding):
    for name in ("ä.wav", "a\u2028b.wav"):
        write(tmp_path / "rec" / name)
    lines = "# recordings\r\nrec/ä.wav\r\n\r\nrec/a\u2028b.wav\r\n"
    (tmp_path / "list.txt").write_bytes(lines.encode(encoding))
    scan(f"@{tmp_path}/list.txt")
    assert {name: row["status"] for name, row in rows(scan.output).items()} == {"ä.wav": "ok", "a\u2028b.wav": "ok"}


class _Locked(LocalFileSystem):
    """Root may read everything, so the refusal is made here."""

    def ls(self, path, detail=False, **kwargs):
        if str(path).rstrip("/").endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return super().ls(path, detail=detail, **kwargs)


def test_a_folder_that_was_unreadable_once_is_scanned_and_its_row_goes(scan, tmp_path, monkeypatch):
    write(tmp_path / "rec" / "a.wav")
    write(tmp_path / "rec" / "locked" / "b.wav")
    with monkeypatch.context() as patched:
        patched.setattr("soundbeam.model.storage.files.LocalFileSystem", _Locked)
        assert "Permission denied" in scan(tmp_path / "rec")
        assert rows(scan.output)["locked"]["status"] == "failed"
        assert "nothing new" in scan(tmp_path / "rec")
    assert "no longer there" not in scan(tmp_path / "rec")
    assert {name: row["status"] for name, row in rows(scan.output).items()} == {"a.wav": "ok", "b.wav": "ok"}
    assert "nothing new: 2 recordings" in scan(tmp_path / "rec")


def test_an_unreadable_folder_of_a_list_and_a_list_that_was_missing(scan, tmp_path, monkeypatch):
    write(tmp_path / "a.wav")
    write(tmp_path / "locked" / "b.wav")
    (tmp_path / "list").write_text(f"{tmp_path}/a.wav\n{tmp_path}/locked\n{tmp_path}/later/*.wav\n")
    patterns = [f"@{tmp_path}/list", f"@{tmp_path}/list2", f"{tmp_path}/mount"]
    with monkeypatch.context() as patched:
        patched.setattr("soundbeam.model.storage.files.LocalFileSystem", _Locked)
        scan(*patterns)
    failed = {name for name, row in rows(scan.output).items() if row["status"] == "failed"}
    assert failed == {"locked", "*.wav", "list2", "mount"}
    write(tmp_path / "later" / "c.wav")
    write(tmp_path / "mount" / "d.wav")
    (tmp_path / "list2").write_text("a.wav\n")
    scan(*patterns)
    expected = dict.fromkeys(("a.wav", "b.wav", "c.wav", "d.wav"), "ok")
    assert {name: row["status"] for name, row in rows(scan.output).items()} == expected


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_a_file_that_could_not_be_read_for_a_reason_of_its_place_is_tried_again(scan, tmp_path, monkeypatch, error):
    from soundbeam.transforms import decoders
    from soundbeam.transforms.decoding import decode_recordings

    write(tmp_path / "rec" / "a.wav")
    write(tmp_path / "rec" / "b.wav")
    (tmp_path / "rec" / "text.wav").write_text("no sound " * 99)

    def refuse(uri, *_):
        if uri.endswith("b.wav"):
            raise error
        return opened(uri)

    opened = decoders.open_file
    in_process = decode_recordings.DecodeRecordings.expand
    with monkeypatch.context() as patched:
        patched.setattr(decoders, "open_file", refuse)
        patched.setattr(
            decode_recordings.DecodeRecordings,
            "expand",
            lambda step, rows: in_process(setattr(step, "isolated", False) or step, rows),
        )
        scan(tmp_path / "rec")
        found = rows(scan.output)["b.wav"]
        assert (found["status"], found["stage"]) == ("failed", "read") and error.strerror in found["error"]
    scan(tmp_path / "rec")
    runs = Output(scan.output).runs()
    assert rows(scan.output)["b.wav"]["status"] == "ok" and rows(scan.output)["text.wav"]["run"] == runs[0].run
    assert "nothing new: 3 recordings" in scan(tmp_path / "rec")


def test_names_that_are_not_utf8_are_scanned_shown_evaluated_and_read(scan, tone_bundle, tmp_path, capsys):
    import soundbeam
    from soundbeam.pipelines.evaluate.program import main as evaluate
    from soundbeam.pipelines.show.program import main as show

    sound = write(tmp_path / "x.wav")
    folder = tmp_path / "rec"
    for name in (b"V\xf6gel_20240131_053000.wav", b"100%\xff.wav", b"S\xfcd/a.wav", b"100%FF.wav"):
        path = os.path.join(os.fsencode(folder), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy(sound, path)
    scan(folder, options=["--site", "{site}/*"])
    found = rows(scan.output)
    assert {name: row["status"] for name, row in found.items()} == dict.fromkeys(
        ("V%F6gel_20240131_053000.wav", "100%25%FF.wav", "a.wav", "100%FF.wav"), "ok"
    )
    assert found["V%F6gel_20240131_053000.wav"]["recorded_at"] == datetime(2024, 1, 31, 5, 30, tzinfo=timezone.utc)
    assert found["a.wav"]["site"] == "S%FCd"
    for row in found.values():
        for name in (row["recording"], os.fsdecode(os.path.join(os.fsencode(folder), b"100%\xff.wav"))):
            assert show([name, "--output", scan.output, "--png", str(tmp_path / "p.png")]) == 0
        calls = soundbeam.load_classifier(tone_bundle).calls(row["recording"])
        assert len(calls) == 1 and calls["recording"].to_pylist() == [row["recording"]]
    (tmp_path / "a.csv").write_text(
        "recording,start_s,end_s,label\n" + "".join(f"{row['recording']},1,2.5,low\n" for row in found.values())
    )
    assert evaluate(["--annotations", str(tmp_path / "a.csv"), "--output", scan.output]) == 0
    assert "4 of 4 recordings exact" in capsys.readouterr().out
    assert "nothing new" in scan(folder, options=["--site", "{site}/*"])
    os.unlink(os.path.join(os.fsencode(folder), b"100%\xff.wav"))
    assert "1 recordings are no longer there" in scan(folder, options=["--site", "{site}/*"])
    assert set(rows(scan.output)) == set(found) - {"100%25%FF.wav"}
    scan(os.fsdecode(os.path.join(os.fsencode(folder), b"S\xfcd")))
