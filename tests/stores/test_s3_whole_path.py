"""Every program on S3, credentials by --storage-options alone: what a local disk gives, and no secret anywhere."""

import json

import pytest
import soundfile

import soundbeam.model.training.plan
from soundbeam.model.storage import stores
from soundbeam.pipelines.evaluate import program as evaluate
from soundbeam.pipelines.materialize import program as materialize
from soundbeam.pipelines.scan import program as scan
from soundbeam.pipelines.show import program as show
from soundbeam.pipelines.tables import program as tables_program
from soundbeam.pipelines.train import program as train
from tests.faults.corpora import runs, tables
from tests.placeholder import tone
from tests.stores.bucket import names_only
from tests.training_examples import RATE as TINY_RATE
from tests.training_examples import TINY


@pytest.fixture
def tiny(monkeypatch):
    real = soundbeam.model.training.plan.get_architecture
    monkeypatch.setattr(
        soundbeam.model.training.plan, "get_architecture", lambda name: TINY if name == "tiny" else real(name)
    )
    monkeypatch.setattr("soundbeam.model.synthesis.validation_soundscapes.SOUNDSCAPES", 6)
    monkeypatch.setattr("soundbeam.model.synthesis.validation_soundscapes.SECONDS", 8.0)


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips") / "clips"
    for label, hz in (("low", 500.0), ("rest", 2500.0)):
        (folder / label).mkdir(parents=True)
        for source in range(5):
            sound = tone(0.5 + 0.1 * source, hz, TINY_RATE, amplitude=(source + 1) / 20)
            soundfile.write(folder / label / f"s{source}-0.wav", sound, TINY_RATE, subtype="FLOAT")
    (folder / "rest" / "text.wav").write_text("no sound " * 100)
    return folder


def test_clips_to_counts(s3, tiny, clips, recordings, tmp_path, capsys):
    s3.upload(clips, "clips")
    s3.upload(recordings, "recordings")
    first = "recording,start_s,end_s,label\na.wav,1.0,2.5,low\na.wav,3.25,4.75,low\n"
    s3.fs.pipe_file(f"{s3.url}/annotations.csv", first.encode())

    def program(main, *arguments, at=None):
        options = ("--storage-options", json.dumps(s3.options)) if at is None else ()
        code = main([str(a).replace("AT", at or s3.url) for a in (*arguments, *options)])
        said = capsys.readouterr()
        assert s3.secrets[0] not in said.out + said.err
        assert code == 0, said.err
        return said.out

    local = str(tmp_path)
    made = ("--examples", "AT/examples", "--rate", TINY_RATE, "--window", 1)
    program(materialize.main, "--clips", "AT/clips", *made)
    program(materialize.main, "--clips", clips, *made, at=local)
    theirs = json.loads(s3.fs.cat_file(f"{s3.url}/examples/manifest.json"))
    ours = json.loads((tmp_path / "examples" / "manifest.json").read_text())
    assert theirs["labels"] == ours["labels"] and theirs["duration_s"] == ours["duration_s"]
    assert [s["examples"] for s in theirs["shards"]] == [s["examples"] for s in ours["shards"]]
    assert not s3.fs.exists(f"{s3.url}/examples/manifest.json.draft")
    taught = ("--target", "low", "--architecture", "tiny", "--epochs", 1)
    program(train.main, "--examples", "AT/examples", "--classifier", "AT/bundle", *taught)
    s3.fs.get(f"{s3.url}/bundle", f"{local}/bundle", recursive=True)

    there = ("--recordings", "AT/recordings", "--classifier", "AT/bundle", "--output", "AT/results")
    program(scan.main, *there)
    program(scan.main, "--recordings", recordings, "--classifier", "AT/bundle", "--output", "AT/results", at=local)
    with stores.restored_options():
        stores.use_options(s3.options)
        assert names_only(tables(f"{s3.url}/results")) == names_only(tables(f"{local}/results"))
        assert len(runs(f"{s3.url}/results")) == 1
    before = s3.objects("results")
    assert "nothing new" in program(scan.main, *there)
    assert s3.objects("results") == before and not s3.fs.find(f"{s3.url}/results/_staging")

    measured = ("--output", "AT/results", "--json", "AT/figures.json")
    program(evaluate.main, "--annotations", "AT/annotations.csv", *measured)
    (tmp_path / "annotations.csv").write_text(first)
    program(evaluate.main, "--annotations", "AT/annotations.csv", *measured, at=local)
    theirs = json.loads(s3.fs.cat_file(f"{s3.url}/figures.json"))
    assert theirs["labels"] == json.loads((tmp_path / "figures.json").read_text())["labels"]
    fingerprint = json.loads((tmp_path / "bundle" / "classifier.json").read_text())["fingerprint"]
    assert fingerprint[:12] in program(tables_program.main, "--output", "AT/results")
    program(show.main, "b.flac", "--output", "AT/results", "--png", "AT/b.png")
    assert s3.fs.cat_file(f"{s3.url}/b.png").startswith(b"\x89PNG")
    for path, data in s3.objects().items():
        assert s3.secrets[0].encode() not in data, path
