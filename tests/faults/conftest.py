"""What the fault tests share."""

import shutil
from pathlib import Path

import pytest

from tests.faults.warm import Warm


@pytest.fixture(scope="session")
def warm(tmp_path_factory):
    """Runs scans in forked processes."""
    found = Warm(tmp_path_factory.mktemp("warm") / "log")
    yield found
    found.close()


@pytest.fixture
def output(setting, tmp_path):
    """A copy of the output that a module's ``setting`` has scanned."""
    return Path(shutil.copytree(setting.first, tmp_path / "out"))
