"""``soundbeam export`` from S3 to S3: what a local disk gives, tables and clips."""

import json

import pytest
import soundfile

from soundbeam.pipelines.export.program import main as export
from soundbeam.pipelines.scan.program import main as scan
from tests.placeholder import RATE, with_tones


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    for name, at in (("a/20240501_033000.wav", (1.0, 5.0)), ("b/20240501_033000.flac", ())):
        (folder / name).parent.mkdir()
        soundfile.write(folder / name, with_tones(10, at), RATE)
    return folder


def test_tables_and_clips(s3, corpus, tone_bundle, tmp_path, capsys):
    s3.upload(corpus, "exported")
    options = ("--storage-options", json.dumps(s3.options))

    def run(main, *arguments):
        code = main([str(argument) for argument in (*arguments, *options)])
        said = capsys.readouterr()
        assert s3.secrets[0] not in said.out + said.err
        return code, said

    at = ("--recordings", f"{s3.url}/exported", "--classifier", tone_bundle, "--output", f"{s3.url}/scanned")
    assert run(scan, *at, "--site", "{site}/*")[0] == 0
    for name, own in (("raven", ["--combined"]), ("raven", []), ("csv", []), ("clips", ["--context", "1"])):
        where = f"out-{name}{len(own)}"
        for to in (f"{s3.url}/{where}", tmp_path / where):
            for _ in range(2):  # the second replaces the first
                code, said = run(export, "--output", f"{s3.url}/scanned", "--format", name, "--to", to, *own)
                assert code == 0, said.err
        remote = {path[len(f"{s3.url.removeprefix('s3://')}/{where}/") :] for path in s3.fs.find(f"{s3.url}/{where}")}
        local = {str(path.relative_to(tmp_path / where)) for path in (tmp_path / where).rglob("*") if path.is_file()}
        assert remote == local and len(local) > 1
        for path in local - {"export.json"}:
            assert s3.fs.cat_file(f"{s3.url}/{where}/{path}") == (tmp_path / where / path).read_bytes(), path
    code, said = run(export, "--output", f"{s3.url}/scanned", "--format", "csv", "--to", f"{s3.url}/exported")
    assert code == 1 and "holds other files (a); give a new folder" in said.err
