"""What scans on several clusters are compared with."""

import pytest

from tests.clusters.scanning_on import run, synthesize


@pytest.fixture(scope="module")
def corpus(tone_bundle, tmp_path_factory):
    """(arguments of a scan, the output of a local one, what that said)."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "in").mkdir()
    arguments = ["--recordings", synthesize(folder / "in", 16), "--classifier", tone_bundle, "--output"]
    code, said, errors = run(*arguments, folder / "local")
    assert (code, errors) == (0, [])
    return arguments, folder / "local", said
