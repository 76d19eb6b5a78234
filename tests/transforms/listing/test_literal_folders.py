"""A folder that is there as it is written is no glob; nor is the current folder, or that of a list."""

import fsspec
import pytest

from soundbeam.transforms.listing.patterns import _MISSING, roots_of
from tests.transforms.listing.test_list_recordings import put, refused, taken

NAMES = ("rec [2024]/x.wav", "rec [2024]/deep/y.wav", "rec 2/x.wav", "rec 2/z.wav", "rec 2/deep/w.wav")


@pytest.fixture(params=["disk", "memory"])
def root(request, tmp_path):
    """URL of a folder with the files."""
    if request.param == "disk":
        put(tmp_path, *NAMES)
        return f"file://{tmp_path}"
    for name in NAMES:
        fsspec.filesystem("memory").pipe_file(f"/literal-{tmp_path.name}/{name}", b"sound")
    return f"memory:///literal-{tmp_path.name}"


def found(pattern):
    return [uri.replace("memory:///", "memory://") for uri in taken(pattern)]


def below(root, *names):
    return sorted(f"{root}/rec [2024]/{name}".replace("memory:///", "memory://") for name in names)


def test_what_a_folders_name_matches_is_not_taken(root):
    assert found(f"{root}/rec [2024]/*.wav") == below(root, "x.wav")
    assert found(f"{root}/rec [2024]/**/*.wav") == below(root, "x.wav", "deep/y.wav")
    assert found(f"{root}/rec [2024]/*/y.wav") == below(root, "deep/y.wav")
    assert len(found(f"{root}/rec [2]/*.wav")) == 2  # of no such name, so a glob


def test_what_is_missing_is_not_looked_for_in_a_neighbour(root):
    assert found(f"{root}/rec [2024]/z.wav") == []
    assert refused(f"{root}/rec [2024]/z.wav") == [("z.wav", "failed", _MISSING)]


def test_what_was_deleted_is_looked_for_in_the_folder_itself(root):
    assert {uri.rpartition("/rec")[2] for uri in roots_of([f"{root}/rec [2024]/*.wav"])} == {" [2024]/"}
    assert roots_of([f"{root}/rec ?/*.wav"])[0].rstrip("/").endswith(root.rpartition("/")[2])


def test_the_folder_of_a_list_and_the_current_one_are_no_globs(tmp_path, monkeypatch):
    put(tmp_path, *NAMES)
    expected = below(f"file://{tmp_path}", "x.wav", "deep/y.wav")
    (tmp_path / "rec [2024]" / "list.txt").write_text("*.wav\n**/y.wav\n")
    assert found(f"@{tmp_path}/rec [2024]/list.txt") == expected
    monkeypatch.chdir(tmp_path / "rec [2024]")
    assert found("**/*.wav") == expected and found("*.wav") == expected[1:]
