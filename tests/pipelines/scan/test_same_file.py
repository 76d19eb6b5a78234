"""``soundbeam scan`` of files that were scanned before under other names."""

import os
import shutil

import pytest
import soundfile

from soundbeam.model.storage.content import content_hash
from soundbeam.pipelines.results import read
from soundbeam.pipelines.scan.program import main
from tests.placeholder import RATE, with_tones


def scan(bundle, recordings, output, *options):
    arguments = ["--recordings", *recordings, "--classifier", bundle, "--output", output, *options]
    return main([str(a) for a in arguments])


def current(output):
    counts = read(str(output), "counts").to_pylist()
    names = sorted(row["recording"] for row in read(str(output), "recordings").to_pylist())
    assert sorted(row["recording"] for row in counts) == names
    return {name.rpartition("file://")[2]: row["calls"] for name in names for row in counts if row["recording"] == name}


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk1"
    for i, calls in enumerate(([1.0], [1.0, 4.0], [])):
        (folder / f"site{i}").mkdir(parents=True)
        soundfile.write(folder / f"site{i}" / "a.wav", with_tones(7, calls, seed=i), RATE)
    return folder


def test_a_disk_under_another_name_is_one_disk(disk, tone_bundle, tmp_path, capsys):
    out = tmp_path / "out"
    assert scan(tone_bundle, [disk], out) == 0
    before = current(out)
    moved = tmp_path / "disk2"
    disk.rename(moved)
    assert scan(tone_bundle, [moved], out) == 0
    assert "3 recordings were scanned before under other names" in capsys.readouterr().out
    assert current(out) == {name.replace("disk1", "disk2"): calls for name, calls in before.items()}
    assert scan(tone_bundle, [moved], out) == 0
    assert "nothing new: 3 recordings" in capsys.readouterr().out
    moved.rename(disk)
    assert scan(tone_bundle, [disk], out) == 0
    assert current(out) == before


def test_a_folder_that_is_reached_by_a_link_is_one_folder(disk, tone_bundle, tmp_path, capsys):
    out, link = tmp_path / "out", tmp_path / "link"
    assert scan(tone_bundle, [disk], out) == 0
    link.symlink_to(disk)
    assert scan(tone_bundle, [link], out) == 0
    assert sorted(current(out)) == sorted(str(link / f"site{i}" / "a.wav") for i in range(3))


def test_a_file_that_was_renamed_within_its_folder_has_one_row(disk, tone_bundle, tmp_path, capsys):
    out = tmp_path / "out"
    assert scan(tone_bundle, [disk], out) == 0
    (disk / "site1" / "a.wav").rename(disk / "site1" / "b.wav")
    assert scan(tone_bundle, [disk], out) == 0
    assert sorted(name.rpartition("/")[2] for name in current(out)) == ["a.wav", "a.wav", "b.wav"]
    assert sum(current(out).values()) == 3


def test_other_content_or_another_time_is_another_file(disk, tone_bundle, tmp_path):
    out = tmp_path / "out"
    times = os.stat(disk / "site0" / "a.wav")
    assert scan(tone_bundle, [disk], out) == 0
    other = tmp_path / "other"
    other.mkdir()
    soundfile.write(other / "same_size.wav", with_tones(7, [3.0], seed=9), RATE)
    os.utime(other / "same_size.wav", ns=(times.st_atime_ns, times.st_mtime_ns))
    shutil.copy(disk / "site0" / "a.wav", other / "later.wav")
    assert scan(tone_bundle, [other], out) == 0
    assert len(current(out)) == 5


def test_both_names_at_once_are_told(disk, tone_bundle, tmp_path, capsys):
    out, link = tmp_path / "out", tmp_path / "link"
    link.symlink_to(disk)
    assert scan(tone_bundle, [disk, link], out) == 0
    assert "3 recordings are the same files as others under other names, and count twice" in capsys.readouterr().out
    assert len(current(out)) == 6
    assert scan(tone_bundle, [disk, link], out) == 0
    assert "nothing new: 6" in capsys.readouterr().out


@pytest.mark.parametrize("size", [0, 1, 100_000, 180_000, 180_225, 3_000_000])
def test_a_hash_tells_files_apart(tmp_path, size):
    data = bytes(range(256)) * (size // 256 + 1)
    paths = [tmp_path / str(i) for i in range(5)]
    for path, at in zip(paths, (None, 0, size // 2, size - 1, None), strict=True):
        changed = bytearray(data[:size])
        if at is not None and size:
            changed[at] ^= 1
        path.write_bytes(changed)
    hashes = [content_hash(str(path)) for path in paths]
    assert hashes[0] == hashes[4] != ""
    assert len(set(hashes)) == (len({path.read_bytes() for path in paths}))
    assert content_hash(str(tmp_path / "none")) == ""
