"""A service user without a home, who may write to nothing of Python's, computes librosa's front ends all the same."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numba
import numpy as np
import pytest

from soundbeam.model.frontend import compiled_code
from tests import ROOT

NOBODY = 65534
SCRIPT = """
import numpy as np
from soundbeam.model.frontend.config import FrontEndConfig
from soundbeam.model.frontend.tonal import constant_q
config = FrontEndConfig(kind="cqt", rate=16000)
print(constant_q(np.zeros((1, 64000), "f4") + 1e-3, config, "cqt").shape == (1, config.frames(64000), config.bins))
"""


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can become another user")
def test_constant_q_of_a_user_who_may_write_nowhere_but_to_the_temporary_folder(tmp_path):
    version = f"python3.{sys.version_info.minor}"
    python = shutil.which(version, path="/usr/bin:/bin:/usr/local/bin")
    if python is None or shutil.which("setpriv") is None:
        pytest.skip(f"needs setpriv, and a {version} that other users may run")
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.getuid() and "pytest-of-" in str(parent):
            parent.chmod(0o755)
    (tmp_path / "own").mkdir()
    os.chown(tmp_path / "own", NOBODY, NOBODY)
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "TMPDIR": str(tmp_path / "own"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join([str(Path(np.__file__).parents[1]), str(ROOT)]),
    }
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    done = subprocess.run(
        [*become, python, "-c", SCRIPT], cwd="/", env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.strip() == "True", done.stderr[-2000:]
    assert list((tmp_path / "own").glob(f"soundbeam-numba-{NOBODY}/*/*.nbi"))


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """Numba finds no folder of its own."""

    def njit(**_):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(numba, "njit", njit)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    compiled_code.prepare_numba.cache_clear()
    yield tmp_path / f"soundbeam-numba-{os.getuid()}"
    compiled_code.prepare_numba.cache_clear()
    compiled_code._temporary.clear()


def test_the_folder_is_the_users_alone_and_kept(nowhere):
    compiled_code.prepare_numba()
    assert str(nowhere) == numba.config.CACHE_DIR and nowhere.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["link", "open to others", "file"])
def test_a_folder_that_others_may_have_written_to_is_not_used(nowhere, kind):
    if kind == "link":
        (nowhere.parent / "others").mkdir()
        nowhere.symlink_to(nowhere.parent / "others")
    elif kind == "file":
        nowhere.write_text("")
    else:
        nowhere.mkdir()
        nowhere.chmod(0o777)
    compiled_code.prepare_numba()
    chosen = Path(numba.config.CACHE_DIR)
    assert chosen.is_dir() and chosen != nowhere and not chosen.stat().st_mode & 0o077


def test_where_numba_finds_a_folder_nothing_is_changed(monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    compiled_code.prepare_numba.cache_clear()
    compiled_code.prepare_numba()
    assert numba.config.CACHE_DIR == ""
