"""Files that a user named appear whole or not at all."""

import errno

import pytest
from fsspec.implementations.local import LocalFileSystem

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import write_whole


def test_text_and_bytes_are_written_over_what_was_there(tmp_path):
    path = tmp_path / "new" / "ü.csv"
    for content in ("grün\n", b"\x00"):
        write_whole(str(path), content)
        assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert [p.name for p in path.parent.iterdir()] == ["ü.csv"]


def test_a_folder_is_one_clear_error(tmp_path):
    with pytest.raises(SoundbeamError, match="is a folder; name a file in it"):
        write_whole(str(tmp_path), "x")


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    write_whole(str(path), "old")

    monkeypatch.setattr(LocalFileSystem, "open", opened_on_a_full_disk(LocalFileSystem.open))
    with pytest.raises(OSError, match="No space left"):
        write_whole(str(path), "new")
    monkeypatch.undo()
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def opened_on_a_full_disk(open_file):
    """A file system's ``open`` whose files take nothing."""

    def opened(self, *args, **more):
        file = open_file(self, *args, **more)

        def write(_):
            raise OSError(errno.ENOSPC, "No space left on device")

        file.write = write
        return file

    return opened
