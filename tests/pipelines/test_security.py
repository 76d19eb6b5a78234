"""What comes from outside, bundles, file names, links and URLs with secrets, does no more than it should."""

import hashlib
import json
import os
import pickle
from pathlib import Path

import pytest
import soundfile

from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.model.classifier.bundle_files import DESCRIPTION, fingerprint_of
from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.console.output import plain, redacted
from soundbeam.pipelines.evaluate import program as evaluate
from soundbeam.pipelines.results import read
from soundbeam.pipelines.scan import program as scan
from soundbeam.pipelines.show import program as show
from tests.placeholder import RATE, save_tone_bundle, with_tones

NAMES = [
    "<script>alert(1)<.wav",
    "a\nb.wav",
    "quote'\"`$(touch x)`.wav",
    "$\\frac{$.wav",
    "red\x1b[31m\x07.wav",
    "\u202efdp.wav",
    "=1+1,;\t.wav",
    "%s%n{0}.wav",
    "l" * 250 + ".wav",
    " .wav",
    "ünïcode 鳥.wav",
    "a::b*[c]?.wav",
]
NOT_UTF8 = b"not \xff utf8.wav"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("names")
    for i, name in enumerate(NAMES):
        soundfile.write(found / name, with_tones(3.0, [1.0] if i % 2 else [], seed=i), RATE, format="WAV")
        (found / f"bad-{i}.{name[-40:]}").write_bytes(b"no sound")
    with open(os.fsencode(found) + b"/" + NOT_UTF8, "wb") as file:
        file.write(b"no sound")
    return found


@pytest.fixture(scope="module")
def scanned(folder, tone_bundle, tmp_path_factory):
    output = tmp_path_factory.mktemp("out") / "out"
    assert scan.main(["--recordings", str(folder), "--classifier", tone_bundle, "--output", str(output)]) == 0
    return output


def harmless(said):
    """Every line is one that a terminal shows and does nothing else with."""
    assert said and all(line.isprintable() for line in said.splitlines()), repr(said)
    return said


def test_any_name_is_a_row_as_it_is(scanned, folder):
    found = {r["recording"]: r for r in read(str(scanned), "recordings").to_pylist()}
    for name in NAMES:
        assert found.pop(f"file://{folder}/{name}")["status"] == "ok"
    assert found[f"file://localhost{folder}/not %FF utf8.wav"]["stage"] == "decode"
    assert len(found) == len(NAMES) + 1 and all(r["error"].isprintable() for r in found.values())


def test_names_are_printed_harmlessly(folder, tone_bundle, tmp_path, capsys):
    arguments = ["--recordings", str(folder), "--classifier", tone_bundle, "--output", str(tmp_path / "out")]
    assert scan.main(arguments) == 0
    said = harmless(capsys.readouterr().out)
    assert "failed: " in said
    assert scan.main([*arguments[:-1], str(folder / NAMES[1])]) == 1
    harmless(capsys.readouterr().err)


@pytest.mark.parametrize("name", NAMES)
def test_show_and_evaluate_take_any_name(scanned, folder, name, tmp_path, capsys):
    picture = tmp_path / "x.png"
    assert show.main([f"file://{folder}/{name}", "--output", str(scanned), "--png", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    harmless(capsys.readouterr().out)


def test_evaluate_prints_names_harmlessly(scanned, folder, tmp_path, capsys):
    import csv

    with open(tmp_path / "annotations.csv", "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["recording", "start_s", "end_s", "label"])
        rows.writerows(
            [[f"file://{folder}/{name}", start, start + 0.2, "low"] for name in NAMES for start in (0.1, 2.7)]
        )
    arguments = ["--annotations", str(tmp_path / "annotations.csv"), "--output", str(scanned)]
    assert evaluate.main(arguments) == 0
    assert "note: 13 recordings" in harmless(capsys.readouterr().out)


def test_plain_and_redacted():
    assert plain("a\nb\x1b[0m\u202e é") == "a\\nb\\x1b[0m\\u202e é"
    assert redacted("sftp://me:pass@host/x and ftp://you@host") == "sftp://***@host/x and ftp://***@host"
    signed = "https://h/x.wav?X-Amz-Credential=A&X-Amz-Signature=b&v=1"
    assert redacted(signed) == "https://h/x.wav?X-Amz-Credential=***&X-Amz-Signature=***&v=1"
    assert redacted("s3://bucket/a@b/x?y.wav @list.txt") == "s3://bucket/a@b/x?y.wav @list.txt"


def test_secrets_reach_neither_the_output_nor_a_message(folder, tone_bundle, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-of-the-environment")
    output = tmp_path / "out"
    arguments = [
        "--recordings",
        str(folder / NAMES[0]),
        "unknown://me:s3cr3t@host/x?token=s3cr3t",
        "--classifier",
        tone_bundle,
    ]
    assert scan.main([*arguments, "--output", str(output), "--s3_secret_access_key=s3cr3t"]) == 0
    said = capsys.readouterr()
    assert "s3cr3t" not in said.out + said.err
    for path in output.rglob("*"):
        if path.suffix == ".json":
            assert b"s3cr3t" not in path.read_bytes(), path
    parameters = read(str(output), "predictions").schema.metadata[b"soundbeam"]
    assert b"s3cr3t" not in parameters


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def rewrite(url, weights):
    """Puts other weights into a bundle, with hashes that are right."""
    path = Path(url) / DESCRIPTION
    described = json.loads(path.read_text())
    (Path(url) / described["weights"]["file"]).write_bytes(weights)
    described["weights"]["sha256"] = hashlib.sha256(weights).hexdigest()
    described["fingerprint"] = fingerprint_of(described)
    path.write_text(json.dumps(described))


def test_a_pickle_for_weights_is_refused_and_not_run(tmp_path):
    url = save_tone_bundle(tmp_path / "bundle").url
    rewrite(url, pickle.dumps(Payload(tmp_path / "ran")))
    with pytest.raises(SoundbeamError, match="cannot load"):
        load_bundle(url).model()
    assert not (tmp_path / "ran").exists()


def test_code_in_a_bundle_is_refused_and_not_run(tmp_path):
    import keras

    url = save_tone_bundle(tmp_path / "bundle").url
    ran = str(tmp_path / "ran")
    layer = keras.layers.Lambda(lambda x: (__import__("pathlib").Path(ran).touch(), x)[1], output_shape=(1,))
    model = keras.Sequential([keras.Input((RATE,)), keras.layers.Dense(1), layer])
    model.save(tmp_path / "evil.keras")
    Path(ran).unlink(missing_ok=True)
    rewrite(url, (tmp_path / "evil.keras").read_bytes())
    with pytest.raises(SoundbeamError, match="cannot load"):
        load_bundle(url).model()
    assert not Path(ran).exists()


@pytest.mark.parametrize("name", ["predictions", "calls", "counts", "recordings", "runs", "_staging"])
def test_an_output_that_leads_elsewhere_is_refused(folder, tone_bundle, tmp_path, capsys, name):
    elsewhere, output = tmp_path / "elsewhere", tmp_path / "out"
    elsewhere.mkdir()
    output.mkdir()
    (output / name).symlink_to(elsewhere)
    assert scan.main(["--recordings", str(folder), "--classifier", tone_bundle, "--output", str(output)]) == 1
    assert "is a link out of the output" in harmless(capsys.readouterr().err)
    assert not list(elsewhere.iterdir())


def test_neither_the_lock_nor_the_sweep_follows_a_link(folder, tone_bundle, tmp_path, capsys):
    precious, output = tmp_path / "precious", tmp_path / "out"
    precious.mkdir()
    (precious / "file").write_text("keep me")
    (output / "_staging").mkdir(parents=True)
    (output / "_staging" / "lock").symlink_to(precious / "file")
    arguments = ["--recordings", str(folder / NAMES[0]), "--classifier", tone_bundle, "--output", str(output)]
    assert scan.main(arguments) == 1
    (output / "_staging" / "lock").unlink()
    (output / "predictions").mkdir()
    (output / "predictions" / "run=20200101T000000Z-dead00").symlink_to(precious)
    (output / "_staging" / "20200101T000000Z-dead00").symlink_to(precious)
    assert scan.main(arguments) == 0
    assert (precious / "file").read_text() == "keep me"
    assert [p.name for p in (output / "_staging").iterdir()] == ["lock"]
