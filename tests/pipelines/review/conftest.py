"""A browser, results to look at, and a server of their page, for the tests of the page."""

import pytest

from tests.pipelines.review.browser import browser
from tests.pipelines.review.looked_at import Server, results_of


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


@pytest.fixture
def looked_at(tmp_path):
    """An output with windows to look at."""
    return results_of(tmp_path)


@pytest.fixture
def page_server(looked_at):
    """A server of its page."""
    with Server(looked_at, "--reviewer", "ana") as running:
        yield running
