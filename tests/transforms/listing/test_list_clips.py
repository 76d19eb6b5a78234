"""Labelled clips: of folders and of tables; what is wrong with one is a reject with its reason."""

import pytest

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.listing.list_clips import clip_of_file, read_clips_table, source_of
from soundbeam.transforms.records import Clip, Recording, Reject, Unscannable

ROOT = "file:///c"


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("XC114131-0.flac", "XC114131"),
        ("birds-singing-in-forest-sounds-12.wav", "birds-singing-in-forest-sounds"),
        ("a-b.wav", "a-b"),
        ("-3.wav", "-3"),
        ("rec.20240101.wav", "rec.20240101"),
        ("9_theo_13.wav", "9_theo_13"),
    ],
)
def test_source_is_the_name_up_to_a_last_number(name, source):
    assert source_of(f"s3://bucket/x/{name}") == source


def test_label_is_the_first_folder_under_the_root():
    assert clip_of_file(Recording(f"{ROOT}/fox/a/b-1.wav", 1, ""), ROOT) == Clip(f"{ROOT}/fox/a/b-1.wav", "fox", "b")


def test_labels_and_names_that_are_not_utf8():
    clip = clip_of_file(Recording("file://localhost/c/f%FCchs/a%FF-1.wav", 1, ""), ROOT)
    assert clip == Clip("file://localhost/c/f%FCchs/a%FF-1.wav", "f%FCchs", "a%FF")
    assert clip_of_file(Recording("file://localhost/100%25/fox/a%FF.wav", 1, ""), "file:///100%").label == "fox"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_table_in_an_encoding_of_windows_reads(tmp_path, encoding):
    (tmp_path / "clips.csv").write_bytes("path,label\r\nä.wav,Füchse\r\n".encode(encoding))
    assert list(read_clips_table(str(tmp_path / "clips.csv"))) == [Clip(f"file://{tmp_path}/ä.wav", "Füchse", "ä")]


def test_files_outside_of_labels_and_broken_ones_are_rejects_hidden_ones_nothing():
    outside = clip_of_file(Recording(f"{ROOT}/a.wav", 1, ""), ROOT)
    assert isinstance(outside, Reject) and "folders of labels" in outside.reason
    empty = Unscannable(Recording(f"{ROOT}/fox/a.wav", 0, ""), "failed", "list", "empty file")
    assert clip_of_file(empty, ROOT) == Reject(f"{ROOT}/fox/a.wav", "empty file")
    assert clip_of_file(Unscannable(empty.recording, "skipped", "list", "hidden"), ROOT) is None


def table(folder, text):
    path = folder / "clips.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_table_gives_stretches_with_paths_relative_to_itself(tmp_path):
    url = table(tmp_path, "path,label,start_s,end_s,source,note\nx/a-1.wav,fox,1.5,2,site,hm\n/abs/b.wav,owl,,,,\n")
    assert list(read_clips_table(url)) == [
        Clip(f"file://{tmp_path}/x/a-1.wav", "fox", "site", 1.5, 2.0),
        Clip("file:///abs/b.wav", "owl", "b", 0.0, None),
    ]


def test_a_table_saved_by_a_spreadsheet_with_a_byte_order_mark_reads(tmp_path):
    url = table(tmp_path, "\ufeffpath,label\na.wav,fox\n")
    assert [c.label for c in read_clips_table(url)] == ["fox"]


def test_a_table_in_a_bucket_names_files_of_its_bucket():
    import fsspec

    with fsspec.open("memory://bucket/t/clips.csv", "w") as file:
        file.write("path,label\na.wav,fox\nmemory://other/b.wav,owl\n")
    found = list(read_clips_table("memory://bucket/t/clips.csv"))
    assert [c.recording for c in found] == ["memory:///bucket/t/a.wav", "memory:///other/b.wav"]


def test_a_relative_table_names_files_absolutely(tmp_path, monkeypatch):
    table(tmp_path, "path,label\na.wav,fox\n")
    monkeypatch.chdir(tmp_path)
    assert next(read_clips_table("clips.csv")).recording == f"file://{tmp_path}/a.wav"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",fox,,", "empty"),
        ("a.wav,,,", "empty"),
        ("a.wav,fox,x,", "could not convert"),
        ("a.wav,fox,3,2", "not the bounds"),
        ("a.wav,fox,-1,2", "not the bounds"),
        ("a.wav,fox,nan,2", "not the bounds"),
    ],
)
def test_a_bad_row_is_a_reject_with_its_line(tmp_path, row, reason):
    url = table(tmp_path, f"path,label,start_s,end_s\n{row}\nb.wav,owl,,\n")
    bad, good = read_clips_table(url)
    assert isinstance(bad, Reject) and reason in bad.reason and "line 2" in bad.reason
    assert good.label == "owl"


@pytest.mark.parametrize("text", ["", "file,label\na,b\n", "path;label\na;b\n"])
def test_a_table_without_its_columns_is_refused(tmp_path, text):
    with pytest.raises(SoundbeamError, match="no column"):
        list(read_clips_table(table(tmp_path, text)))
