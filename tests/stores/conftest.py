"""Stores on this machine that tests start and stop: S3 (moto), GCS (an emulator), Azure (Azurite), one that fails."""

import contextlib
import importlib.util
import logging
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
import soundfile

from soundbeam.transforms.isolation import isolated_process as isolation
from tests import ROOT
from tests.faults.fake_s3 import FakeS3
from tests.placeholder import RATE, with_tones
from tests.stores.bucket import BUCKET, SECRET, Store, names_only

# Azurite's own account: its key is in its documentation.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
AZURITE = Path(os.environ.get("SOUNDBEAM_TEST_AZURITE", ROOT / ".azurite"))


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch, tmp_path):
    """No credentials but those that a test gives."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_", "FSSPEC_", "STORAGE_EMULATOR")):
            monkeypatch.delenv(name)
    while isolation._idle:  # decoding processes of tests before, with their environment
        isolation._idle.pop().end()
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="session")
def s3():
    pytest.importorskip("s3fs", reason="the extra [s3] is not installed")
    server = pytest.importorskip("moto.server", reason="moto is not installed: pip install '.[test]'")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else a line for each request
    running = server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    url = "http://{}:{}".format(*running.get_host_and_port())
    store = Store(f"s3://{BUCKET}", {"s3": {"endpoint_url": url, "key": "tester", "secret": SECRET}}, (SECRET,))
    store.fs.mkdir(BUCKET)
    yield store
    running.stop()


@pytest.fixture(scope="session")
def gcs():
    if importlib.util.find_spec("gcsfs") is None:  # soundbeam itself imports it, with its variable set
        pytest.skip("the extra [gcs] is not installed")
    server = pytest.importorskip("gcp_storage_emulator.server", reason="gcp-storage-emulator is not installed")
    port = _free_port()
    running = server.create_server("127.0.0.1", port, in_memory=True, default_bucket=BUCKET)
    running.start()
    # An account of its own kind of credentials cannot be had from an emulator.
    yield Store(f"gs://{BUCKET}", {"gs": {"endpoint_url": f"http://127.0.0.1:{port}", "token": "anon"}})
    running.stop()


@pytest.fixture(scope="session")
def azure(tmp_path_factory):
    pytest.importorskip("adlfs", reason="the extra [azure] is not installed")
    program = AZURITE / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    if not program.exists() or not shutil.which("node"):
        pytest.skip("Azurite is not installed: make test-stores installs it with npm")
    running = subprocess.Popen(
        [
            *("node", program, "--blobHost", "127.0.0.1", "--blobPort", "0"),
            *("--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path_factory.mktemp("azurite"),
    )
    try:
        found = next(filter(None, (re.search(r"listens on (\S+)", line) for line in running.stdout)))
        connection = (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
            f"BlobEndpoint={found[1]}/{ACCOUNT};"
        )
        store = Store(f"az://{BUCKET}", {"az": {"connection_string": connection}}, (ACCOUNT_KEY,))
        store.fs.mkdir(BUCKET)
        yield store
    finally:
        running.terminate()
        running.wait()


@pytest.fixture
def failing():
    """An S3 in which something goes wrong; and what it was asked for."""
    pytest.importorskip("s3fs", reason="the extra [s3] is not installed")
    server = FakeS3()
    server.put(BUCKET, "keep", b"")
    store = Store(f"s3://{BUCKET}", {"s3": {"endpoint_url": server.url, "key": "tester", "secret": SECRET}})
    store.server = server
    with contextlib.closing(server):
        yield store


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """A folder of recordings and of what cannot be scanned."""
    folder = tmp_path_factory.mktemp("corpus") / "recordings"
    (folder / "site").mkdir(parents=True)
    for i, name in enumerate(("a.wav", "site/d.wav", "b.flac", "c.mp3")):
        soundfile.write(folder / name, with_tones(5.3 + i, (1.0, 3.25), seed=i), RATE)
    (folder / "site" / "text.wav").write_text("no sound at all\n" * 50)
    (folder / "notes.txt").write_text("ignored")
    return folder


@pytest.fixture(scope="session")
def expected(recordings, tone_bundle, tmp_path_factory):
    """The tables of a scan of the local folder."""
    from soundbeam.pipelines.scan.program import main
    from tests.faults.corpora import tables

    output = str(tmp_path_factory.mktemp("local") / "out")
    assert main(["--recordings", str(recordings), "--classifier", tone_bundle, "--output", output]) == 0
    return names_only(tables(output))
