"""``--storage-options``: where they arrive, and where they must not."""

import json
import os
import subprocess
import sys

import apache_beam as beam
import fsspec.config
import pytest
from apache_beam.internal import pickler

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage import stores
from soundbeam.pipelines.console.arguments import Parser
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.runners import run as running
from tests.stores.bucket import SECRET

OPTIONS = {"s3": {"endpoint_url": "http://localhost:9", "key": "k", "secret": SECRET}}


def test_a_program_has_them_while_it_runs_and_no_longer(capsys):
    seen = []

    @program("tables")
    def main(argv=None):
        options = Parser("tables", "d", "e").parse_args(argv)
        seen.append((fsspec.config.conf.get("s3"), json.loads(os.environ["FSSPEC_S3"]), vars(options)))
        return 0

    assert main(["--storage-options", json.dumps(OPTIONS)]) == 0
    assert seen == [(OPTIONS["s3"], OPTIONS["s3"], {})]
    assert "s3" not in fsspec.config.conf and "FSSPEC_S3" not in os.environ and stores.user_options() is None


def test_they_may_stand_in_a_file(tmp_path):
    (tmp_path / "o.json").write_text(json.dumps(OPTIONS))
    assert stores.parse_options(f"@{tmp_path / 'o.json'}") == OPTIONS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"s3": {"secret": "s3cr3t+only/for+tests"', "not JSON"),
        ('{"secret": "s3cr3t+only/for+tests"}', "must be options by protocol"),
        ('["s3cr3t+only/for+tests"]', "must be options by protocol"),
        ('{"s4": {"secret": "s3cr3t+only/for+tests"}}', "no store has the protocol 's4'; did you mean 's3'?"),
        ("@nowhere.json", "nowhere.json: cannot be read"),
    ],
)
def test_wrong_ones_end_in_one_line_without_a_secret(text, said, capsys):
    with pytest.raises(SoundbeamError) as error:
        stores.parse_options(text)
    assert said in str(error.value) and SECRET not in str(error.value)
    with pytest.raises(SystemExit) as end:
        Parser("scan", "d", "e").parse_args(["--storage-options", text])
    err = capsys.readouterr().err
    assert end.value.code == 2 and said in err and SECRET not in err and err.count("\n") == 1


def test_every_step_brings_them_to_a_worker_elsewhere():
    """As a runner does it: the function of each step is pickled, and unpickled in a process that knows nothing."""
    fns = []

    class Fns(beam.pipeline.PipelineVisitor):
        def visit_transform(self, node):
            if isinstance(node.transform, beam.ParDo):
                fns.append(node.transform.fn)

    with stores.restored_options():
        stores.use_options(OPTIONS)
        pipeline = beam.Pipeline("FnApiRunner")
        _ = pipeline | beam.Create([1]) | beam.Map(str) | beam.FlatMap(list)
        running.run(pipeline)
        pipeline.visit(Fns())
        assert len(fns) >= 3
        for fn in fns:
            assert SECRET not in repr(vars(fn))
        pickled = [pickler.dumps(fn) for fn in fns]
    told = (
        "import fsspec.config, os, sys; from apache_beam.internal import pickler\n"
        "assert 's3' not in fsspec.config.conf\n"
        "pickler.loads(bytes.fromhex(sys.stdin.read()))\n"
        "print(fsspec.config.conf['s3']['secret'], os.environ['FSSPEC_S3'])"
    )
    for data in (pickled[0], pickled[-1]):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FSSPEC")}
        done = subprocess.run(
            [sys.executable, "-c", told], input=data.hex(), env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.split(" ", 1) == [SECRET, json.dumps(OPTIONS["s3"]) + "\n"]
