"""Builds soundbeam's wheel as pip does, away from the checkout, where builds leave files behind."""

import shutil
import subprocess
import sys

from tests import ROOT

PACKAGES = ("soundbeam", "model", "transforms", "pipelines")


def build_wheel(folder):
    """The path of a new wheel in an empty folder."""
    source = folder / "source"
    source.mkdir()
    for name in ("setup.py", "pyproject.toml", "README.md", *PACKAGES):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "wheel", "--no-deps"]
    command += ["--no-build-isolation", "-w", folder / "wheels", source]
    built = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert built.returncode == 0, built.stderr
    (wheel,) = (folder / "wheels").glob("soundbeam-*.whl")
    return wheel
