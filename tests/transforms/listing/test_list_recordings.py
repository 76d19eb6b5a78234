"""Listing: nothing lost, nothing twice, and a reason for whatever is not decoded."""

import os
from datetime import datetime, timezone

import apache_beam as beam
import fsspec
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from fsspec.implementations.local import LocalFileSystem

from soundbeam.model.storage.files import open_file, version_of
from soundbeam.transforms import counters
from soundbeam.transforms.listing.left_out import AUDIO_EXTENSIONS
from soundbeam.transforms.listing.list_recordings import ListRecordings, _take_once
from soundbeam.transforms.listing.patterns import list_recordings
from soundbeam.transforms.records import Recording, Unscannable


def put(folder, *names, content=b"sound"):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def taken(*patterns):
    return sorted(r.uri for p in patterns for r in list_recordings(str(p)) if isinstance(r, Recording))


def refused(*patterns):
    rows = [r for p in patterns for r in list_recordings(str(p)) if isinstance(r, Unscannable)]
    return sorted((r.recording.uri.rpartition("/")[2], r.status, r.error) for r in rows)


def uris(folder, *names):
    return sorted(f"file://{folder}/{name}" for name in names)


def test_a_folder_is_listed_recursively_whatever_the_case_of_the_extensions(tmp_path):
    names = [f"site{i}/deep/x{e.upper() if i % 2 else e}" for i, e in enumerate(sorted(AUDIO_EXTENSIONS))]
    put(tmp_path, *names, "notes.txt", "site1/data.csv", "noextension")
    assert taken(tmp_path) == taken(f"{tmp_path}/") == uris(tmp_path, *names)
    assert refused(tmp_path) == []


def test_size_and_version(tmp_path):
    put(tmp_path, "a.wav", content=b"12345")
    os.utime(tmp_path / "a.wav", (1700000000.25, 1700000000.25))
    (row,) = list_recordings(f"{tmp_path}/a.wav")
    modified = datetime(2023, 11, 14, 22, 13, 20, 250000, timezone.utc)
    assert row == Recording(f"file://{tmp_path}/a.wav", 5, "2023-11-14T22:13:20.250000+00:00", modified)
    assert datetime.fromisoformat(row.version) == datetime.fromtimestamp(1700000000.25, timezone.utc)


def test_same_base_names_stay_apart(tmp_path):
    put(tmp_path, "a/20240101_060000.wav", "b/20240101_060000.wav")
    assert len(taken(tmp_path)) == 2


def test_globs(tmp_path):
    put(tmp_path, "a/x.wav", "a/deep/y.wav", "b/z.wav", "b/notes.txt", "top.wav")
    assert taken(f"{tmp_path}/*.wav") == uris(tmp_path, "top.wav")
    assert taken(f"{tmp_path}/*/?.wav") == uris(tmp_path, "a/x.wav", "b/z.wav")
    assert taken(f"{tmp_path}/**/*.wav") == uris(tmp_path, "a/x.wav", "a/deep/y.wav", "b/z.wav", "top.wav")
    assert taken(f"{tmp_path}/**/[xz].wav") == uris(tmp_path, "a/x.wav", "b/z.wav")
    assert taken(f"{tmp_path}/[ab]") == uris(tmp_path, "a/x.wav", "a/deep/y.wav", "b/z.wav")
    assert [(n, s) for n, s, _ in refused(f"{tmp_path}/b/*")] == [("notes.txt", "skipped")]
    assert list(list_recordings(f"{tmp_path}/nowhere/*.wav")) == []
    assert list(list_recordings(f"{tmp_path}/*.flac")) == []


def test_a_name_with_wildcards_that_exists_is_taken_literally(tmp_path):
    put(tmp_path, "take[1].wav", "take1.wav", "a*b.wav", "axb.wav", "odd::name.wav", "100%.wav", "q?#.wav")
    assert taken(f"{tmp_path}/take[1].wav") == uris(tmp_path, "take[1].wav")
    assert taken(f"{tmp_path}/a*b.wav") == uris(tmp_path, "a*b.wav")
    for name in ("odd::name.wav", "100%.wav", "q?#.wav"):
        assert taken(f"{tmp_path}/{name}") == taken(f"file://{tmp_path}/{name}") == uris(tmp_path, name)


def test_a_file_named_explicitly_is_tried_whatever_it_is_called(tmp_path):
    put(tmp_path, "recording.dat", ".hidden.wav")
    assert taken(f"{tmp_path}/recording.dat", f"{tmp_path}/.hidden.wav") == uris(
        tmp_path, "recording.dat", ".hidden.wav"
    )


def test_a_relative_path_means_the_same_file(tmp_path, monkeypatch):
    put(tmp_path, "a/x.wav")
    monkeypatch.chdir(tmp_path)
    assert taken("a/x.wav") == taken("./a/../a/x.wav") == taken("a") == taken("a/*.wav") == uris(tmp_path, "a/x.wav")
    assert taken(".") == taken("*/x.wav") == uris(tmp_path, "a/x.wav")


def test_hidden_empty_and_missing_files_are_told(tmp_path):
    put(tmp_path, "good.wav", "._good.wav", ".trash/old.wav", ".DS_Store")
    put(tmp_path, "empty.flac", content=b"")
    rows = {name: (status, error) for name, status, error in refused(tmp_path)}
    assert set(rows) == {"._good.wav", "old.wav", "empty.flac"}
    assert rows["._good.wav"][0] == rows["old.wav"][0] == "skipped" and "dot" in rows["old.wav"][1]
    assert rows["empty.flac"][0] == "failed" and rows["empty.flac"][1].startswith("empty file (0 bytes)")
    ((name, status, error),) = refused(f"{tmp_path}/gone.wav")
    assert (name, status) == ("gone.wav", "failed") and error.startswith("no such file")


def test_a_folder_below_a_hidden_one_is_not_hidden(tmp_path):
    put(tmp_path, ".cache/data/x.wav")
    assert taken(tmp_path / ".cache" / "data") == uris(tmp_path, ".cache/data/x.wav")
    assert taken(f"{tmp_path}/.cache/data/*.wav") == uris(tmp_path, ".cache/data/x.wav")


def test_lists(tmp_path, monkeypatch):
    put(tmp_path, "data/a.wav", "data/sub/b.wav", "data/c.odd", "here/d.wav", "both.wav", "data/both.wav")
    lines = [
        "\ufeff# a comment",
        "",
        "a.wav",
        "  sub  ",
        "c.odd",
        f"{tmp_path}/here/*.wav",
        "both.wav",
        "gone.wav",
        "*.mp3",
    ]
    (tmp_path / "data" / "list.txt").write_text("\r\n".join(lines), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    expected = uris(tmp_path, "data/a.wav", "data/sub/b.wav", "data/c.odd", "here/d.wav", "both.wav")
    assert taken("@data/list.txt") == taken(f"@file://{tmp_path}/data/list.txt") == expected
    assert [(name, status) for name, status, _ in refused("@data/list.txt")] == [
        ("*.mp3", "failed"),
        ("gone.wav", "failed"),
    ]


def test_a_list_that_is_missing_or_names_itself(tmp_path):
    ((_, status, error),) = refused(f"@{tmp_path}/no.txt")
    assert status == "failed" and "list cannot be read" in error
    (tmp_path / "loop.txt").write_text(f"@{tmp_path}/loop.txt\n")
    ((_, status, error),) = refused(f"@{tmp_path}/loop.txt")
    assert status == "failed" and "nested" in error


def test_links_neither_hang_nor_list_twice(tmp_path):
    put(tmp_path, "a/x.wav", "z/y.wav", "elsewhere/far.wav")
    root = tmp_path / "root"
    os.rename(tmp_path / "a", root.mkdir() or root / "a")
    os.rename(tmp_path / "z", root / "z")
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "self").symlink_to(root / "a" / "self")
    (root / "a" / "early").symlink_to(root / "z")
    (root / "far").symlink_to(tmp_path / "elsewhere")
    (root / "far2").symlink_to(tmp_path / "elsewhere")
    (root / "link.wav").symlink_to(root / "a" / "x.wav")
    (root / "dead.wav").symlink_to(root / "nothing")
    expected = uris(root, "a/x.wav", "z/y.wav", "far/far.wav", "link.wav")
    assert taken(root) == taken(f"{root}/*") == taken(f"{root}/**") == expected
    assert [(n, s) for n, s, _ in refused(root)] == [("dead.wav", "failed")]


class _Locked(LocalFileSystem):
    """Root may read everything, so the refusal is made here."""

    def ls(self, path, detail=False, **kwargs):
        if str(path).rstrip("/").endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return super().ls(path, detail=detail, **kwargs)


@pytest.mark.parametrize("pattern", ["", "/**/*.wav", "/*", "/*/*.wav"])
def test_a_folder_that_cannot_be_read_is_told_and_costs_nothing_else(tmp_path, monkeypatch, pattern):
    put(tmp_path, "a/x.wav", "locked/y.wav", "z/z.wav")
    monkeypatch.setattr("soundbeam.model.storage.files.LocalFileSystem", _Locked)
    assert taken(f"{tmp_path}{pattern}") == uris(tmp_path, "a/x.wav", "z/z.wav")
    ((name, status, error),) = refused(f"{tmp_path}{pattern}")
    assert (name, status) == ("locked", "failed") and "Permission denied" in error


def test_names_that_are_not_utf8(tmp_path):
    (tmp_path / "bad%FF.wav").write_bytes(b"literal")
    for name in (b"bad\xff.wav", b"100%\xe9.wav", b"d\xfcr/x.wav"):
        path = os.path.join(os.fsencode(tmp_path), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(name)
    put(tmp_path, "gut_ä_音.wav")
    escaped = [f"file://localhost{tmp_path}/{name}" for name in ("100%25%E9.wav", "bad%FF.wav", "d%FCr/x.wav")]
    assert taken(tmp_path) == sorted([*escaped, *uris(tmp_path, "gut_ä_音.wav", "bad%FF.wav")])
    assert refused(tmp_path) == []
    with open_file(f"file://localhost{tmp_path}/100%25%E9.wav") as file:
        assert file.read() == b"100%\xe9.wav"
    with open_file(f"file://{tmp_path}/bad%FF.wav") as file:
        assert file.read() == b"literal"
    assert taken(*escaped) == escaped
    assert taken(os.fsdecode(os.fsencode(tmp_path) + b"/d\xfcr")) == escaped[-1:]


def test_devices_and_unknown_stores(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    ((_, status, error),) = refused(tmp_path)
    assert status == "failed" and "not a file" in error
    ((_, status, error),) = refused("nosuch://bucket/x.wav")
    assert status == "failed" and "cannot be opened" in error


def test_any_fsspec_store(tmp_path):
    memory = fsspec.filesystem("memory")
    for name in ("/bucket/a/x.wav", "/bucket/b/y.MP3", "/bucket/b/notes.txt", "/bucket/.h/z.wav"):
        memory.pipe_file(name, b"sound")
    memory.pipe_file("/bucket/list.txt", b"a/x.wav\nmemory://bucket/b\n")
    try:
        expected = [memory.unstrip_protocol(f"/bucket/{name}") for name in ("a/x.wav", "b/y.MP3")]
        assert taken("memory://bucket") == expected
        assert taken("memory://bucket/**/*.[wM]*") == taken("memory://bucket")
        assert taken("@memory://bucket/list.txt") == taken("memory://bucket")
        (row,) = list_recordings("memory://bucket/a/x.wav")
        assert row.bytes == 5 and row.version.endswith("+00:00")
    finally:
        memory.rm("/bucket", recursive=True)


def test_inside_an_archive(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "site.zip", "w") as archive:
        archive.writestr("day/x.wav", b"sound")
    chain = f"::file://{tmp_path}/site.zip"
    assert taken(f"zip://day/*.wav{chain}") == taken(f"zip://day{chain}") == [f"zip://day/x.wav{chain}"]


@pytest.mark.parametrize(
    "info", [{"ETag": '"abc"', "LastModified": datetime(2024, 1, 1)}, {"etag": "abc", "mtime": 1.0}]
)
def test_an_etag_is_the_version_where_there_is_one(info):

    assert version_of(info) == "abc"
    assert version_of({"LastModified": datetime(2024, 1, 2, 3, tzinfo=timezone.utc)}) == "2024-01-02T03:00:00+00:00"
    assert version_of({}) == ""


def test_who_takes_a_file_wins_whatever_the_order():
    file = Recording("file:///.x.wav", 1, "v")
    skipped = Unscannable(file, "skipped", "list", "hidden")
    assert _take_once([skipped, file]) == _take_once([file, skipped]) == file


@pytest.mark.parametrize("as_collection", [False, True])
def test_the_step_lists_each_file_once(tmp_path, as_collection):
    put(tmp_path, "a/x.wav", "a/y.wav", ".hidden.wav", "notes.txt")
    patterns = [str(tmp_path), f"{tmp_path}/a/*.wav", f"{tmp_path}/a/x.wav", f"{tmp_path}/gone.wav"]
    pipeline = beam.Pipeline("FnApiRunner", options=PipelineOptions([]))
    if as_collection:
        listed = pipeline | beam.Create(patterns) | ListRecordings()
    else:
        listed = pipeline | ListRecordings(patterns)
    found = listed["recordings"] | beam.Map(lambda r: r.uri)
    others = listed["unscannable"] | "Names" >> beam.Map(lambda u: (u.recording.uri.rpartition("/")[2], u.status))
    assert_that(found, equal_to(uris(tmp_path, "a/x.wav", "a/y.wav")))
    assert_that(others, equal_to([(".hidden.wav", "skipped"), ("gone.wav", "failed")]), label="Others")
    assert listed["recordings"].element_type is Recording
    assert listed["unscannable"].element_type is Unscannable
    result = pipeline.run()
    result.wait_until_finish()
    totals = counters.totals(result)
    assert (totals["recordings_listed"], totals["bytes_listed"], totals["files_ignored"]) == (2, 10, 1)
    assert (totals["list_skipped"], totals["list_failed"]) == (1, 1)


def test_the_step_survives_names_and_patterns_that_are_not_utf8(tmp_path):
    with open(os.fsencode(tmp_path) + b"/bad\xff.wav", "wb") as file:
        file.write(b"x")
    pattern = os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.wav")
    with beam.Pipeline("FnApiRunner", options=PipelineOptions([])) as pipeline:
        listed = pipeline | ListRecordings([str(tmp_path), pattern])
        names = listed["recordings"] | beam.Map(lambda r: r.uri)
        assert_that(names, equal_to([f"file://localhost{tmp_path}/bad%FF.wav"]))
