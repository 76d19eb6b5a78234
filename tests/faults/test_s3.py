"""Recordings and tables on S3, where there is no rename and answers fail: the same rows, and nothing lost."""

import json

import pytest

from tests.faults.corpora import Corpus, runs, tables
from tests.faults.fake_s3 import FakeS3
from tests.faults.figures import figure
from tests.faults.warm import Warm

pytestmark = pytest.mark.faults

BUCKET = "field"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    found = FakeS3()
    found.put(BUCKET, "keep", b"")
    yield found
    found.close()


@pytest.fixture(scope="module")
def s3_environment(store):
    """What a user sets for a store of their own; read by this process and by the scans."""
    patch = pytest.MonkeyPatch()
    settings = {"endpoint_url": store.url, "key": "k", "secret": "s3cr3t"}
    patch.setenv("FSSPEC_S3", json.dumps(settings))
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    import fsspec.config

    before = dict(fsspec.config.conf)
    fsspec.config.conf["s3"] = settings
    yield {"FSSPEC_S3": json.dumps(settings), "AWS_EC2_METADATA_DISABLED": "true"}
    fsspec.config.conf.clear()
    fsspec.config.conf.update(before)
    patch.undo()


@pytest.fixture(scope="module")
def s3_warm(s3_environment, tmp_path_factory):
    found = Warm(tmp_path_factory.mktemp("warm_s3") / "log", s3_environment)
    yield found
    found.close()


@pytest.fixture(scope="module")
def corpus(store, tmp_path_factory):
    """The same recordings in a folder and in the bucket."""
    found = Corpus(tmp_path_factory.mktemp("corpus"))
    for i in range(5):
        found.write(f"site/{i}.{'flac' if i % 2 else 'wav'}", 2.0 + i, (0.5,), i)
    (found.folder / "bad.wav").write_bytes(b"no sound")
    for path in found.folder.rglob("*.*"):
        store.put(BUCKET, f"corpus/{path.relative_to(found.folder)}", path.read_bytes())
    return found


def without_place(found):
    """Rows with the names below the corpus, and without what the store itself says."""
    found = json.loads(json.dumps(found, default=str))
    for rows in found.values():
        for row in rows:
            row["recording"] = row["recording"].partition("corpus")[2].partition("/")[2]
            row.pop("version", None)
        rows.sort(key=json.dumps)
    return found


@pytest.fixture(scope="module")
def expected(s3_warm, corpus, tone_bundle, tmp_path_factory):
    output = tmp_path_factory.mktemp("local") / "out"
    code, said = s3_warm.scan("--recordings", corpus.folder, "--classifier", tone_bundle, "--output", output)
    assert code == 0, said
    return without_place(tables(output))


def argv(bundle, name):
    return (
        *("--recordings", f"s3://{BUCKET}/corpus", "--classifier", bundle, "--output", f"s3://{BUCKET}/{name}"),
        *("--checkpoint-every", "0.001"),
    )


def test_the_same_rows_and_nothing_left(store, s3_warm, expected, tone_bundle):
    code, said = s3_warm.scan(*argv(tone_bundle, "good"))
    assert code == 0, said
    assert without_place(tables(f"s3://{BUCKET}/good")) == expected
    assert store.keys(BUCKET, "good/_staging/") == []
    before = store.keys(BUCKET, "good/")
    code, said = s3_warm.scan(*argv(tone_bundle, "good"))
    assert code == 0 and "nothing new" in said and store.keys(BUCKET, "good/") == before
    for key in before:
        assert b"s3cr3t" not in store.objects[BUCKET, key][0]


@pytest.mark.parametrize("trouble", ["500", "503", "slow", "cut", "reset"])
def test_every_third_answer_is_trouble(store, s3_warm, expected, tone_bundle, trouble):
    """The client tries again; what it cannot get at last is told, and the next scan with --retry-failed has it all."""
    store.requests = store.struck = 0
    store.trouble = lambda n, method, *_: trouble if n % 3 == 0 and (trouble != "cut" or method == "GET") else ""
    try:
        code, said = s3_warm.scan(*argv(tone_bundle, f"trouble-{trouble}"))
        struck = store.struck
    finally:
        store.trouble = lambda *_: ""
    assert struck > 10
    assert code == 0 or len([line for line in said.splitlines() if "error:" in line]) == 1, said
    code, said = s3_warm.scan(*argv(tone_bundle, f"trouble-{trouble}"), "--retry-failed")
    assert code == 0, said
    assert without_place(tables(f"s3://{BUCKET}/trouble-{trouble}")) == expected
    figure("S3 answers gone wrong", struck, trouble)


POINTS = {
    "before the tables": ("soundbeam.pipelines.output.staging:compact", 1),
    "between the tables": ("soundbeam.pipelines.output.staging:compact", 3),
    "before run.json": ("soundbeam.pipelines.output.folder:Output.write_run", 1),
    "after run.json": ("soundbeam.pipelines.output.staging:Staging.discard", 1),
    "writing": ("soundbeam.transforms.tables.write_tables:ShardWriter.write", 2),
}


@pytest.mark.parametrize("point", POINTS)
def test_killed_while_it_writes_and_commits(store, s3_warm, expected, tone_bundle, point):
    call, n = POINTS[point]
    name = f"killed-{list(POINTS).index(point)}"
    code, said = s3_warm.scan(*argv(tone_bundle, name), faults=[{"call": call, "n": n, "do": "kill"}])
    assert code == -9, said
    # Its sign of life is still fresh: the next one must not believe that it is dead.
    code, said = s3_warm.scan(*argv(tone_bundle, name))
    assert code == 1 and "another scan is writing there" in said, said
    for (bucket, key), (data, etag, when) in list(store.objects.items()):
        if key.endswith("/alive"):
            store.objects[bucket, key] = (data, etag, when.replace(year=when.year - 1))
    code, said = s3_warm.scan(*argv(tone_bundle, name))
    assert code == 0, said
    assert without_place(tables(f"s3://{BUCKET}/{name}")) == expected
    assert store.keys(BUCKET, f"{name}/_staging/") == []
    assert len(runs(f"s3://{BUCKET}/{name}")) == 1
    figure("killed while it wrote to S3", 1, point)
