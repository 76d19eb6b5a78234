"""Folders that a user named like globs, beside neighbours that they would match: every program keeps to its own."""

import json

import pytest
import soundfile

import soundbeam.model.training.plan
from soundbeam.model.storage import stores
from soundbeam.pipelines.evaluate import program as evaluate
from soundbeam.pipelines.materialize import program as materialize
from soundbeam.pipelines.results import read
from soundbeam.pipelines.scan import program as scan
from soundbeam.pipelines.show import program as show
from soundbeam.pipelines.tables import program as tables
from soundbeam.pipelines.train import program as train
from tests.placeholder import tone
from tests.stores.bucket import Store
from tests.training_examples import RATE, TINY

NAMED, NEIGHBOUR = "a[1]*b?{x} [2024]", "a1 b1{x} 2"  # the second matches the first


@pytest.fixture(params=["local", "s3"])
def store(request, tmp_path):
    if request.param == "s3":
        return request.getfixturevalue("s3")
    return Store(str(tmp_path / "store"), {})


@pytest.fixture
def tiny(monkeypatch):
    real = soundbeam.model.training.plan.get_architecture
    monkeypatch.setattr(
        soundbeam.model.training.plan, "get_architecture", lambda name: TINY if name == "tiny" else real(name)
    )
    monkeypatch.setattr("soundbeam.model.synthesis.validation_soundscapes.SOUNDSCAPES", 6)
    monkeypatch.setattr("soundbeam.model.synthesis.validation_soundscapes.SECONDS", 8.0)


@pytest.fixture
def corpus(tmp_path):
    """Clips, two recordings, a list of them and annotations."""
    folder = tmp_path / "corpus"
    for label, hz in (("low", 500.0), ("rest", 2500.0)):
        (folder / "clips" / label).mkdir(parents=True)
        for source in range(5):
            sound = tone(0.5 + 0.1 * source, hz, RATE, amplitude=(source + 1) / 20)
            soundfile.write(folder / "clips" / label / f"s{source}-0.wav", sound, RATE, subtype="FLOAT")
    (folder / "rec [1]").mkdir()
    for name in ("x.wav", "y.wav"):
        soundfile.write(folder / "rec [1]" / name, tone(3.0, 500.0, RATE, 0.1), RATE)
    (folder / "list.txt").write_text("rec [1]/*.wav\n")
    (folder / "annotations.csv").write_text("recording,start_s,end_s,label\nx.wav,0.0,3.0,low\n")
    return folder


@pytest.fixture
def decoys(tmp_path):
    """What the neighbour holds under the same names; none of it is good."""
    folder = tmp_path / "decoys"
    for name in (
        *("rec 1/x.wav", "rec 1/decoy.wav", "rec [1]/decoy.wav", "clips/decoy/s0-0.wav", "annotations.csv", "list.txt"),
        *(
            "bundle/classifier.json",
            "bundle/report.html",
            "examples/manifest.json",
            "results/runs/run=20990101/run.json",
        ),
        *("results/_staging/20990102/begin.json", "results/_staging/20990102/alive", "results/calls/run=2/p.parquet"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("decoy")
    return folder


def upload(store, folder, name):
    if store.options:
        store.upload(folder, name)
        return
    for path in folder.rglob("*"):
        if path.is_file():
            store.fs.makedirs(f"{store.url}/{name}/{path.relative_to(folder).parent}", exist_ok=True)
            store.fs.pipe_file(f"{store.url}/{name}/{path.relative_to(folder)}", path.read_bytes())


def below(store, name):
    """path → bytes; listed without a glob."""
    start = store.fs._strip_protocol(store.url)
    return {p: store.fs.cat_file(p) for p in store.fs.find(start) if p.removeprefix(start).split("/")[1] == name}


def test_clips_to_counts_in_a_folder_named_like_a_glob(store, tiny, corpus, decoys, capsys, tmp_path):
    upload(store, corpus, NAMED)
    upload(store, decoys, NEIGHBOUR)
    before = below(store, NEIGHBOUR)
    assert len(before) == 13
    at = f"{store.url}/{NAMED}"

    def program(main, *arguments):
        options = ("--storage-options", json.dumps(store.options)) if store.options else ()
        code = main([*map(str, arguments), *options])
        said = capsys.readouterr()
        assert code == 0, said.err
        return said.out

    program(
        *(materialize.main, "--clips", f"{at}/clips", "--examples", f"{at}/examples", "--rate", RATE, "--window", 1)
    )
    taught = ("--target", "low", "--architecture", "tiny", "--epochs", 1)
    program(train.main, "--examples", f"{at}/examples", "--classifier", f"{at}/bundle", *taught)
    monitored = (tmp_path / NAMED / "summary.json", tmp_path / NAMED / "scan.prom")
    monitored[0].parent.mkdir()
    recordings = (f"{at}/rec [1]/x.wav", f"@{at}/list.txt") if not store.options else (f"{at}/rec [1]/*.wav",)
    there = ("--recordings", *recordings, "--classifier", f"{at}/bundle", "--output", f"{at}/results")
    assert "2 recordings (2 ok)" in program(
        scan.main, *there, "--summary-json", monitored[0], "--metrics", monitored[1]
    )
    assert all(path.stat().st_size for path in monitored)
    assert "nothing new" in program(scan.main, *there)
    assert program(tables.main, "--output", f"{at}/results").count("2 ok") == 1
    with stores.restored_options():
        stores.use_options(store.options)
        uris = read(f"{at}/results", "recordings")["recording"].to_pylist()
    assert sorted(uri.partition(f"/{NAMED}/")[2] for uri in uris) == ["rec [1]/x.wav", "rec [1]/y.wav"]
    program(
        *(evaluate.main, "--annotations", f"{at}/annotations.csv", "--output", f"{at}/results"),
        *("--json", f"{at}/figures.json"),
    )
    program(show.main, "x.wav", "--output", f"{at}/results", "--png", f"{at}/x.png")
    mine = {path.rpartition("/")[2] for path in below(store, NAMED)}
    assert {"figures.json", "x.png", "classifier.json", "manifest.json", "run.json"} <= mine
    assert not any("_staging/2" in path for path in below(store, NAMED))
    assert below(store, NEIGHBOUR) == before
