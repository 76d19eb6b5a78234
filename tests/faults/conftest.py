"""What the fault tests share."""

import pytest

from tests.faults.warm import Warm


@pytest.fixture(scope="session")
def warm(tmp_path_factory):
    """Runs scans in forked processes."""
    found = Warm(tmp_path_factory.mktemp("warm") / "log")
    yield found
    found.close()
