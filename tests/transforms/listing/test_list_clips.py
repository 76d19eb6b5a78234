"""Labelled clips: of folders and of tables; what is wrong with one is a reject with its reason."""

import unicodedata

import pytest

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.clip_records import Clip, Reject
from soundbeam.transforms.listing.list_clips import clip_of_file, read_clips_table, source_of
from soundbeam.transforms.records import Recording, Unscannable

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
    (tmp_path / "ä.wav").touch()
    (tmp_path / "clips.csv").write_bytes("path,label\r\nä.wav,Füchse\r\n".encode(encoding))
    assert list(read_clips_table(str(tmp_path / "clips.csv"))) == [Clip(f"file://{tmp_path}/ä.wav", "Füchse", "ä")]


def test_files_outside_of_labels_and_broken_ones_are_rejects_hidden_ones_nothing():
    outside = clip_of_file(Recording(f"{ROOT}/a.wav", 1, ""), ROOT)
    assert isinstance(outside, Reject) and "folders of labels" in outside.reason
    empty = Unscannable(Recording(f"{ROOT}/fox/a.wav", 0, ""), "failed", "list", "empty file")
    assert clip_of_file(empty, ROOT) == Reject(f"{ROOT}/fox/a.wav", "empty file")
    assert clip_of_file(Unscannable(empty.recording, "skipped", "list", "hidden"), ROOT) is None


@pytest.mark.parametrize(
    "folder", ["@eaDir", "$RECYCLE.BIN", "__MACOSX", "System Volume Information", ".Trashes", ".git"]
)
def test_what_the_system_keeps_is_neither_a_label_nor_a_clip(folder):
    for path in (f"{folder}/a.wav", f"fox/{folder}/a.wav", f"{folder.lower()}/fox/a.wav"):
        assert clip_of_file(Recording(f"{ROOT}/{path}", 1, ""), ROOT) is None
    assert clip_of_file(Recording(f"{ROOT}/fox/._a.wav", 1, ""), ROOT) is None
    root = f"file:///{folder}"  # of a root that the user named, the name does not matter
    assert clip_of_file(Recording(f"{root}/fox/a.wav", 1, ""), root).label == "fox"


def table(folder, text):
    path = folder / "clips.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def files(folder, *names):
    """Empty files; listing does not look into them."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_table_gives_stretches_with_paths_relative_to_itself(tmp_path):
    files(tmp_path, "x/a-1.wav", "b.wav")
    rows = f"path,label,start_s,end_s,source,note\nx/a-1.wav,fox,1.5,2,site,hm\n{tmp_path}/b.wav,owl,,,,\n"
    assert list(read_clips_table(table(tmp_path, rows))) == [
        Clip(f"file://{tmp_path}/x/a-1.wav", "fox", "site", 1.5, 2.0),
        Clip(f"file://{tmp_path}/b.wav", "owl", "b", 0.0, None),
    ]


def test_paths_start_from_the_tables_folder_or_else_from_the_current_one(tmp_path, monkeypatch):
    files(tmp_path, "tables/both.wav", "here/both.wav", "here/site/only.wav")
    monkeypatch.chdir(tmp_path / "here")
    url = table(tmp_path / "tables", "path,label\nboth.wav,fox\nsite\\only.wav,fox\nsite\\gone.wav,fox\n")
    both, only, gone = read_clips_table(url)
    assert both.recording == f"file://{tmp_path}/tables/both.wav"
    assert only.recording == f"file://{tmp_path}/here/site/only.wav"
    assert gone == Reject(
        "site\\gone.wav",
        f"line 4 of {url}: there is no file site\\gone.wav in {tmp_path}/tables or {tmp_path}/here",
    )


def test_a_name_with_a_backslash_and_one_in_another_unicode_form_are_found(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "Gr\u00fcn.wav") for form in ("NFC", "NFD"))
    files(tmp_path, "a\\b.wav", decomposed, "my clip.wav", "50%20.wav")
    rows = ["path,label", "a\\b.wav,fox", f"{composed},fox", "my%20clip.wav,fox", "50%20.wav,fox"]
    url = table(tmp_path, "\n".join(rows))
    assert [clip.recording for clip in read_clips_table(url)] == [
        f"file://{tmp_path}/a\\b.wav",
        f"file://{tmp_path}/{decomposed}",
        f"file://{tmp_path}/my clip.wav",
        f"file://{tmp_path}/50%20.wav",
    ]


def test_a_table_saved_by_a_spreadsheet_with_a_byte_order_mark_reads(tmp_path):
    files(tmp_path, "a.wav")
    url = table(tmp_path, "\ufeffpath,label\na.wav,fox\n")
    assert [c.label for c in read_clips_table(url)] == ["fox"]


def test_a_table_in_a_bucket_names_files_of_its_bucket():
    import fsspec

    with fsspec.open("memory://bucket/t/clips.csv", "w") as file:
        file.write("path,label\na.wav,fox\nmemory://other/b.wav,owl\n")
    found = list(read_clips_table("memory://bucket/t/clips.csv"))
    assert [c.recording for c in found] == ["memory:///bucket/t/a.wav", "memory:///other/b.wav"]


def test_a_table_in_a_bucket_may_have_backslashes_and_lead_upwards():
    import fsspec

    for name in ("t/site/a.wav", "up.wav"):
        with fsspec.open(f"memory://slashes/{name}", "w") as file:
            file.write("x")
    with fsspec.open("memory://slashes/t/clips.csv", "w") as file:
        file.write("path;label\nsite\\a.wav;fox\n..\\up.wav;fox\nsite\\gone.wav;fox\n")
    found = [clip.recording for clip in read_clips_table("memory://slashes/t/clips.csv")]
    assert found[:2] == ["memory:///slashes/t/site/a.wav", "memory:///slashes/up.wav"] and "gone.wav" in found[2]


def test_a_relative_table_names_files_absolutely(tmp_path, monkeypatch):
    files(tmp_path, "a.wav")
    table(tmp_path, "path,label\na.wav,fox\n")
    monkeypatch.chdir(tmp_path)
    assert next(read_clips_table("clips.csv")).recording == f"file://{tmp_path}/a.wav"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",fox,,", "empty"),
        ("a.wav,,,", "empty"),
        ("a.wav,fox,x,", "start_s 'x' is no time"),
        ("a.wav,fox,3,2", "from 3 to 2 s is no stretch"),
        ("a.wav,fox,-1,2", "from -1 to 2 s is no stretch"),
        ("a.wav,fox,nan,2", "start_s 'nan' is no time"),
    ],
)
def test_a_bad_row_is_a_reject_with_its_line(tmp_path, row, reason):
    files(tmp_path, "a.wav", "b.wav")
    url = table(tmp_path, f"path,label,start_s,end_s\n{row}\nb.wav,owl,,\n")
    bad, good = read_clips_table(url)
    assert isinstance(bad, Reject) and reason in bad.reason and "line 2" in bad.reason
    assert good.label == "owl"


@pytest.mark.parametrize("text", ["", "file,label\na,b\n", "label;notes\na;b\n"])
def test_a_table_without_its_columns_is_refused(tmp_path, text):
    with pytest.raises(
        SoundbeamError, match=r"no column path|empty; its first line must name its columns: path, label"
    ):
        list(read_clips_table(table(tmp_path, text)))
