"""What all tests share: the processes' environment, and bundles of the placeholder."""

import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "PYTEST_XDIST_WORKER" in os.environ and "NUMBA_CACHE_DIR" not in os.environ:  # which a test's processes inherit
    # Two processes that compile librosa's functions for the first time, at once and for different types, overwrite each
    # other's code in numba's cache; what then loads it crashes.
    _numba_cache = tempfile.TemporaryDirectory(prefix="soundbeam-numba-", ignore_cleanup_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = _numba_cache.name

import pytest

from tests import ROOT
from tests.placeholder import save_tone_bundle

# A test's processes import its helpers from here; by themselves they import nothing from the current folder.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))


def pytest_unconfigure():
    """Removes this process's own numba cache: pytest-xdist ends its workers without Python's own ends."""
    if "_numba_cache" in globals():
        _numba_cache.cleanup()


@pytest.fixture(scope="session")
def tone_bundle(tmp_path_factory):
    """URL of the placeholder for one label."""
    return save_tone_bundle(tmp_path_factory.mktemp("bundles") / "tone").url


@pytest.fixture(scope="session")
def two_tone_bundle(tmp_path_factory):
    """URL of the placeholder for two labels."""
    return save_tone_bundle(tmp_path_factory.mktemp("bundles") / "two", labels=("low", "high")).url
