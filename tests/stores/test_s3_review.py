"""The page of a review whose results and recordings are in a bucket."""

import io
import json

import soundfile

from soundbeam.model.storage import stores
from soundbeam.pipelines.review.store import ReviewStore
from tests.pipelines.review.looked_at import RATE, Server, results_of, said


def test_windows_are_heard_and_judged_in_a_bucket(s3, tmp_path):
    options = "--storage-options", json.dumps(s3.options)
    with stores.restored_options():
        stores.use_options(s3.options)
        local = results_of(tmp_path, names=("a.wav", "b.wav"), store=s3)
    s3.upload(local, "review/results")
    output = f"{s3.url}/review/results"
    whole, _ = soundfile.read(tmp_path / "recordings" / "a.wav", dtype="float32")
    with Server(output, *options) as server:
        windows = json.loads(server.ask("GET", "/state")[2])["windows"]
        window = next(w for w in windows if w["recording"] == "a.wav" and w["start_s"] == 4.0)
        status, _, wav = server.ask("GET", f"/sound/{window['id']}?context=3")
        assert status == 200
        assert (soundfile.read(io.BytesIO(wav), dtype="float32")[0] == whole[RATE : 9 * RATE]).all()
        assert server.ask("POST", "/verdicts", said((window["id"], "yes")))[0] == 200
        # What is overwritten since is told.
        s3.fs.pipe_file(f"{s3.url}/review/recordings/b.wav", (tmp_path / "recordings" / "a.wav").read_bytes())
        other = next(w for w in windows if w["recording"] == "b.wav")
        status, _, body = server.ask("GET", f"/sound/{other['id']}?context=2")
        assert status == 410 and "changed since the scan" in json.loads(body)["reason"]
        code, _, errors = server.interrupt()
        assert (code, errors) == (0, "")
    with stores.restored_options():
        stores.use_options(s3.options)
        assert [row["verdict"] for row in ReviewStore(output).current().to_pylist()] == ["yes"]
        assert not s3.objects("review/results/_review")  # the lock is open
