"""What goes wrong with a store: one line where all is lost, one row where one object is."""

import collections
import io
import json

import numpy as np
import pytest
import soundfile

from soundbeam.model.storage import files, read_ahead, stores
from soundbeam.model.windows import WindowSpec
from soundbeam.pipelines.evaluate import program as evaluate
from soundbeam.pipelines.materialize import program as materialize
from soundbeam.pipelines.results import read
from soundbeam.pipelines.scan import program as scan
from soundbeam.pipelines.train import program as train
from soundbeam.transforms.decoding.recording import decode_listed
from soundbeam.transforms.listing.patterns import list_recordings
from tests.placeholder import HOP_S, RATE, WINDOW_S, with_tones
from tests.stores.bucket import BUCKET


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    """The clients' and our own: as many tries, in no time. The decoders run in this process to be reached."""
    import asyncio

    real = asyncio.sleep
    monkeypatch.setattr("s3fs.core.asyncio.sleep", lambda s: real(0))
    monkeypatch.setattr(read_ahead, "PAUSES_S", (0.0, 0.0))


def wav(seconds, at=(), seed=0, rate=RATE):
    file = io.BytesIO()
    soundfile.write(file, with_tones(seconds, at, rate, seed=seed), rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def put(store, contents):
    for name, data in contents.items():
        store.server.put(BUCKET, f"recordings/{name}", data)


GOOD = {"a.wav": wav(3.2, (1.0,)), "b.wav": wav(4.2, (1.0,), 1)}


def test_what_one_object_suffers_costs_no_other(failing, tone_bundle, tmp_path):
    """One is refused, one is deleted after it was listed, one is cut off in its middle however often it is read."""
    put(failing, {**GOOD, "refused.wav": GOOD["a.wav"], "gone.wav": GOOD["a.wav"], "cut.wav": wav(60.0, (1.0,))})

    def trouble(n, method, key, first):
        name = key.rpartition("/")[2]
        if name == "cut.wav" and method == "GET" and first >= 1 << 18:
            return "cut"
        return {"refused.wav": "403", "gone.wav": "404"}.get(name, "") if method in ("GET", "HEAD") else ""

    failing.server.trouble = trouble
    arguments = ["--recordings", f"{failing.url}/recordings", "--classifier", tone_bundle]
    arguments += ["--output", str(tmp_path / "out"), "--storage-options", json.dumps(failing.options)]
    assert scan.main(arguments) == 0
    rows = read(str(tmp_path / "out"), "recordings").to_pylist()
    rows = {row["recording"].rpartition("/")[2]: row for row in rows}
    assert [(rows[name]["status"], rows[name]["windows"]) for name in GOOD] == [("ok", 6), ("ok", 8)]
    for name, reason in (("refused.wav", "access denied (403)"), ("gone.wav", "no such file: it was there when")):
        assert (rows[name]["status"], rows[name]["stage"]) == ("failed", "read") and reason in rows[name]["error"]
    cut = rows["cut.wav"]
    assert (cut["status"], cut["stage"]) == ("partial", "read") and "reading the file failed" in cut["error"]
    # All that came in the first request, but for a decoder's block.
    assert 0.9 * (1 << 18) <= cut["duration_s"] * RATE * 2 <= 1 << 18


@pytest.mark.parametrize("trouble", ["503", "429", "500", "cut", "short", "reset"])
def test_trouble_that_passes_costs_nothing(failing, trouble):
    put(failing, GOOD)
    struck = collections.Counter()

    def strikes(n, method, key, first):
        struck[key] += method == "GET" and key.startswith("recordings/")
        return trouble if 1 <= struck[key] <= 2 and method == "GET" else ""

    with stores.restored_options():
        stores.use_options(failing.options)
        listed = list(list_recordings(f"{failing.url}/recordings"))
        failing.server.trouble = strikes
        *segments, report = decode_listed(listed[0], WindowSpec(RATE, WINDOW_S, HOP_S))
    assert (report.status, report.windows, report.error) == ("ok", 6, "") and segments
    assert struck["recordings/a.wav"] >= 3


def error_of(capsys, main, *arguments):
    assert main([str(a) for a in arguments]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "SOUNDBEAM_DEBUG" not in said and "Traceback" not in said
    return said


def test_a_bucket_that_is_not_there(s3, tone_bundle, recordings, tmp_path, capsys):
    given = ("--storage-options", json.dumps(s3.options))
    none = "s3://elsewhere/x"
    for option in ("--recordings", "--classifier", "--output"):
        options = {"--recordings": recordings, "--classifier": tone_bundle, "--output": tmp_path / "out", option: none}
        said = error_of(capsys, scan.main, *(part for pair in options.items() for part in pair), *given)
        assert "s3://elsewhere/x: there is no bucket 'elsewhere'" in said
    assert not s3.fs.exists("elsewhere"), "it was made"
    for program, arguments in (
        (materialize.main, ("--clips", none, "--examples", tmp_path / "e")),
        (materialize.main, ("--clips", recordings, "--examples", none)),
        (train.main, ("--examples", none, "--classifier", tmp_path / "c")),
        (evaluate.main, ("--annotations", none, "--output", tmp_path / "out")),
    ):
        assert "s3://elsewhere/x" in error_of(capsys, program, *arguments, *given)


def test_no_credentials(s3, tone_bundle, recordings, tmp_path, capsys, monkeypatch):
    given = ("--storage-options", json.dumps({"s3": {"endpoint_url": s3.options["s3"]["endpoint_url"]}}))
    out = ("--classifier", tone_bundle, "--output", tmp_path / "out")
    said = error_of(capsys, scan.main, "--recordings", f"{s3.url}/recordings", *out, *given)
    assert "no credentials for this store: set AWS_ACCESS_KEY_ID" in said
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.options["s3"]["endpoint_url"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tester")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "from the environment")
    s3.upload(recordings, "recordings")
    assert scan.main(["--recordings", f"{s3.url}/recordings/a.wav", *map(str, out)]) == 0


def test_a_missing_extra_is_named(monkeypatch, tone_bundle, tmp_path, capsys):
    import sys

    registry = sys.modules["fsspec.registry"]._registry
    for url, module, extra in (
        ("gs://b/x", "gcsfs", "gcs"),
        ("az://b/x", "adlfs", "azure"),
        ("s3://b/x", "s3fs", "s3"),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        for protocol in ("gs", "gcs", "az", "abfs", "s3", "s3a"):
            monkeypatch.delitem(registry, protocol, raising=False)
        said = error_of(capsys, scan.main, "--recordings", url, "--classifier", tone_bundle, "--output", tmp_path / "o")
        assert f"{url}: needs the extra [{extra}]: pip install 'soundbeam[{extra}]'" in said


def test_bytes_of_a_header_and_requests_of_a_file(failing):
    """A header costs a quarter of a megabyte of any file; a whole file few requests, each byte once."""
    data = np.random.default_rng(0).bytes(20_000_000)
    failing.server.put(BUCKET, "big.wav", data)
    with stores.restored_options():
        stores.use_options(failing.options)
        with files.open_file(f"{failing.url}/big.wav") as file:
            assert file.read(44) == data[:44]
            assert file.seek(-128, 2) == len(data) - 128 and file.read() == data[-128:]
            file.seek(0)
            assert file.read(100_000) == data[:100_000]
        asked = [size for method, _, size in failing.server.log if method == "GET"]
        assert asked == [1 << 18, 128]
        failing.server.log.clear()
        with files.open_file(f"{failing.url}/big.wav") as file:
            assert b"".join(iter(lambda: file.read(65_536), b"")) == data
        asked = [size for method, _, size in failing.server.log if method == "GET"]
        assert sum(asked) == len(data) and len(asked) == 8, asked


@pytest.mark.parametrize("seed", range(4))
def test_any_reads_give_the_same_bytes(failing, seed):
    rng = np.random.default_rng(seed)
    data = rng.bytes(1_500_000)
    failing.server.put(BUCKET, "any", data)
    failing.server.trouble = lambda n, method, key, first: ("", "cut", "short")[n % 3] if method == "GET" else ""
    with stores.restored_options():
        stores.use_options(failing.options)
        with files.open_file(f"{failing.url}/any", first_bytes=1 << 14) as file:
            for at, count in zip(rng.integers(0, len(data), 40), rng.integers(0, 300_000, 40), strict=True):
                file.seek(at)
                assert file.read(count) == data[at : at + count]
