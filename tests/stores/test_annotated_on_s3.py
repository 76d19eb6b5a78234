"""Annotations and their long recordings on S3: the same examples as from a local disk."""

import json

import soundfile

from soundbeam.pipelines.materialize.program import main
from tests.pipelines.materialize.test_materialize import examples
from tests.placeholder import RATE, with_tones


def test_annotations_and_recordings_in_a_bucket(s3, tmp_path):
    for i in range(3):
        path = tmp_path / "site" / f"r{i}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, with_tones(30, [5.0 + i], RATE, seed=i), RATE, subtype="PCM_16")
        (tmp_path / "tables").mkdir(exist_ok=True)
        (tmp_path / "tables" / f"r{i}.txt").write_text(f"{5.0 + i}\t{6.5 + i}\tlow\n")
    s3.upload(tmp_path / "site", "annotated/site")
    s3.upload(tmp_path / "tables", "annotated/tables")
    found = []
    for root, more in ((str(tmp_path), []), (f"{s3.url}/annotated", ["--storage-options", json.dumps(s3.options)])):
        folder = tmp_path / f"e{len(found)}"
        argv = ["--clips", f"{root}/tables", "--recordings", f"{root}/site/*.wav", "--examples", folder]
        assert main([str(a) for a in [*argv, "--rate", RATE, *more]]) == 0
        rows = examples(folder)
        found.append(sorted((r["recording"][-6:], r["start_s"], r["label"], r["waveform"].tobytes()) for r in rows))
    assert found[0] == found[1] and len(found[0]) == 3
