"""The page's server over real HTTP: what it serves, what it keeps, and how it ends."""

import io
import json
import os
import socket
import subprocess
import sys

import pytest
import soundfile

from soundbeam.pipelines.review.program import main
from soundbeam.pipelines.review.store import ReviewStore
from tests.pipelines.review.looked_at import RATE, Server, ids, kept, results_of, said


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    return results_of(tmp_path_factory.mktemp("looked at"))


@pytest.fixture(scope="module")
def server(output):
    with Server(output, "--reviewer", "ana") as running:
        yield running


def test_the_sound_is_the_files(server, output):
    windows = json.loads(server.ask("GET", "/state")[2])["windows"]
    window = next(w for w in windows if w["start_s"] == 4.0)
    status, headers, wav = server.ask("GET", f"/sound/{window['id']}?context=2")
    assert (status, headers["x-start-seconds"]) == (200, "2.0")
    heard, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    whole, _ = soundfile.read(window["uri"].removeprefix("file://"), dtype="float32")
    assert rate == RATE
    assert (heard == whole[2 * RATE : 8 * RATE]).all()
    first = next(w for w in windows if w["start_s"] == 0.0)
    _, headers, wav = server.ask("GET", f"/sound/{first['id']}?context=10")
    assert headers["x-start-seconds"] == "0.0"
    assert len(soundfile.read(io.BytesIO(wav))[0]) == 12 * RATE


@pytest.mark.parametrize("query", ["", "?context=-1", "?context=11", "?context=nan", "?context=1e1"])
def test_an_odd_context_is_refused(server, query):
    assert server.ask("GET", f"/sound/{ids(server)[0]}{query}")[0] == 400


def test_an_unknown_window_has_no_sound(server):
    assert server.ask("GET", "/sound/0123456789abcdef?context=2")[0] == 404


def test_verdicts_are_written_before_they_are_answered(server, output):
    one, two, three = ids(server)[:3]
    before = len(list((output / "reviews").glob("*.parquet"))) if (output / "reviews").exists() else 0
    status, _, body = server.ask("POST", "/verdicts", said((one, "yes"), (two, "other", "jay", "twice;\n'\"<b>")))
    assert status == 200
    assert {i: kept(output)[i]["verdict"] for i in (one, two)} == {one: "yes", two: "other"}
    assert (kept(output)[two]["other_label"], kept(output)[two]["note"]) == ("jay", "twice;\n'\"<b>")
    assert kept(output)[one]["reviewer"] == "ana"
    assert json.loads(body)["judged"] == 2
    # One file for both; what is said already is not written again.
    assert server.ask("POST", "/verdicts", said((one, "yes")))[0] == 200
    assert len(list((output / "reviews").glob("*.parquet"))) == before + 1
    assert server.ask("POST", "/verdicts", said((one, "withdrawn"), (three, "withdrawn")))[0] == 200
    assert one not in kept(output) and two in kept(output)
    assert [row["verdict"] for row in ReviewStore(str(output)).verdicts().to_pylist() if row["review_id"] == one] == [
        "yes", "withdrawn",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (said(("0123456789abcdef", "yes")), "no window '0123456789abcdef' was drawn"),
        (said(("", "maybe")), "'' was drawn"),
        ({"verdicts": [{"verdict": "yes"}]}, "was drawn"),
        ({"verdicts": ["yes"]}, "a verdict has review_id"),
        ({"verdicts": [{"review_id": 1, "verdict": "yes"}]}, "all of them text"),
    ],
)
def test_a_verdict_that_is_none_is_refused(server, output, given, reason):
    before = kept(output)
    status, _, body = server.ask("POST", "/verdicts", given)
    assert status == 422 and reason in json.loads(body)["reason"]
    assert kept(output) == before


def test_all_verdicts_of_a_request_are_written_or_none(server, output):
    one = ids(server)[-2]
    for wrong in [(one, "maybe"), (one, "other"), (one, "yes", "jay"), (one, "no", "", "x" * 2001), ("f" * 16, "no")]:
        assert server.ask("POST", "/verdicts", said((one, "yes"), wrong))[0] == 422
        assert one not in kept(output)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"verdicts": 1}', b"[" * 100_000])
def test_a_body_that_is_no_json_is_refused(server, body):
    assert server.ask("POST", "/verdicts", body)[0] == 400


def test_other_bodies_are_refused(server):
    assert server.ask("POST", "/verdicts", "verdicts=1", Content_Type="application/x-www-form-urlencoded")[0] == 415
    assert server.ask("POST", "/verdicts", b"", Content_Length=str(1 << 30))[0] == 413
    assert server.ask("GET", "/verdicts")[0] == 405


def test_kill_and_restart_lose_no_verdict(tmp_path):
    output = results_of(tmp_path, names=("a.wav",))
    with Server(output) as first:
        windows = ids(first)
        for identity in windows[:5]:
            assert first.ask("POST", "/verdicts", said((identity, "yes")))[0] == 200
        first.kill()
    with Server(output) as second:
        assert second.port == first.port  # what the browser keeps belongs to the port
        assert second.token != first.token
        assert (
            second.ask("GET", "/state", cookie=False, Cookie=f"soundbeam_review_{second.port}={first.token}")[0] == 403
        )
        state = json.loads(second.ask("GET", "/state")[2])
        assert [w["id"] for w in state["windows"] if w["mine"]] == windows[:5]
        assert state["progress"]["judged"] == 5
        code, printed, errors = second.interrupt()
    assert (code, errors) == (0, "")
    assert "5 of 10 windows judged by" in printed


def test_two_servers_on_one_output(server, output, capsys):
    assert main(["--output", str(output), "--no-browser"]) == 1
    assert "another review is open there" in capsys.readouterr().err


def test_a_port_in_use(tmp_path, capsys):
    output = results_of(tmp_path, names=("a.wav",))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--output", str(output), "--no-browser", "--port", str(port)]) == 1
        assert f"--port {port} is in use" in capsys.readouterr().err
    with (
        Server(output) as first,
        Server(results_of(tmp_path / "b", names=("a.wav",)), "--port", str(first.port + 1)) as other,
    ):
        # Each has a cookie of its own name.
        assert first.ask("GET", "/state", cookie=False, Cookie=f"soundbeam_review_{other.port}={first.token}")[0] == 403


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--label", "crow"], "--label crow: no window of it was drawn; there are call"),
        (["--adjudicate"], "disagree on no window"),
    ],
)
def test_nothing_to_look_at(tmp_path, capsys, options, line):
    output = results_of(tmp_path, names=("a.wav",))
    assert main(["--output", str(output), "--no-browser", *options]) == 1
    error = capsys.readouterr().err
    assert line in error and error.count("\n") == 1


def test_no_sample_and_no_results(tmp_path, capsys):
    output = results_of(tmp_path, names=("a.wav",))
    for path in (output / "samples").iterdir():
        path.unlink()
    assert main(["--output", str(output), "--no-browser"]) == 1
    assert "soundbeam review sample --output" in capsys.readouterr().err
    assert main(["--output", str(tmp_path / "nowhere"), "--no-browser"]) == 1
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "adjudicated", "a\nb", "x" * 101])
def test_an_odd_reviewer_is_refused(tmp_path, name):
    with pytest.raises(SystemExit) as ended:
        main(["--output", str(tmp_path), "--reviewer", name])
    assert ended.value.code == 2


def test_recordings_that_are_gone_changed_or_copied(tmp_path):
    output = results_of(tmp_path, names=("a.wav", "b.wav", "c.wav"))
    folder = tmp_path / "recordings"
    (folder / "a.wav").unlink()
    sound, rate = soundfile.read(folder / "b.wav")
    soundfile.write(folder / "b.wav", sound[::-1], rate, subtype="PCM_16")
    os.utime(folder / "c.wav", (1, 1))  # a copy of the same sound, with a time of its own
    with Server(output) as server:
        windows = json.loads(server.ask("GET", "/state")[2])["windows"]
        answers = {}
        for name in "abc":
            window = next(w for w in windows if w["recording"] == f"{name}.wav")
            status, _, body = server.ask("GET", f"/sound/{window['id']}?context=2")
            answers[name] = status, b"" if status == 200 else json.loads(body)["reason"]
        assert answers["a"][0] == 410 and "gone" in answers["a"][1]
        assert answers["b"][0] == 410 and "changed since the scan" in answers["b"][1]
        assert answers["c"][0] == 200
        # It comes back.
        soundfile.write(folder / "b.wav", sound, rate, subtype="PCM_16")
        window = next(w for w in windows if w["recording"] == "b.wav")
        assert server.ask("GET", f"/sound/{window['id']}?context=2")[0] == 200


def test_a_damaged_recording_does_not_end_the_server(tmp_path):
    output = results_of(tmp_path, names=("a.wav", "b.wav"))
    path = tmp_path / "recordings" / "a.wav"
    data, times = path.read_bytes(), path.stat()
    path.write_bytes(b"\0" * len(data))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with Server(output) as server:
        windows = json.loads(server.ask("GET", "/state")[2])["windows"]
        status, _, body = server.ask("GET", f"/sound/{windows[0]['id']}?context=2")
        assert status == 410 and json.loads(body)["reason"]
        assert server.ask("GET", f"/sound/{windows[-1]['id']}?context=2")[0] == 200


def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path):
    output = results_of(tmp_path, names=("a.wav",))
    with Server(output) as server:
        identity = ids(server)[0]
        (output / "reviews").write_text("in the way")
        status, _, body = server.ask("POST", "/verdicts", said((identity, "yes")))
        assert status == 503 and json.loads(body)["reason"]
        (output / "reviews").unlink()
        assert server.ask("POST", "/verdicts", said((identity, "yes")))[0] == 200
        assert identity in kept(output)


def test_several_reviewers_and_who_decides(tmp_path):
    output = results_of(tmp_path, names=("a.wav",))
    with Server(output, "--reviewer", "ana") as server:
        windows = ids(server)
        server.ask("POST", "/verdicts", said(*((i, "yes") for i in windows[:5]), *((i, "no") for i in windows[5:])))
        server.ask("POST", "/verdicts", said((windows[9], "unsure")))
        server.interrupt()
    with Server(output, "--reviewer", "ben") as server:
        state = json.loads(server.ask("GET", "/state")[2])
        assert not any(w["mine"] for w in state["windows"])  # each judges for themselves
        assert not any(w["others"] for w in state["windows"])  # and blindly
        verdicts = ["yes"] * 4 + ["no"] + ["other"] + ["no"] * 3
        given = [(i, v, "jay" if v == "other" else "") for i, v in zip(windows, verdicts, strict=False)]
        progress = json.loads(server.ask("POST", "/verdicts", said(*given))[2])
        server.interrupt()
    assert [d["id"] for d in progress["disagreements"]] == [windows[4]]
    # Of the nine that both judged: 4 yes/yes, 1 yes/no, 4 no/no; 'other' is no as well.
    observed, expected = 8 / 9, (5 * 4 + 4 * 5) / 81
    assert progress["kappa"] == pytest.approx((observed - expected) / (1 - expected))
    with Server(output, "--adjudicate") as server:
        state = json.loads(server.ask("GET", "/state")[2])
        assert [w["id"] for w in state["windows"]] == [windows[4]]
        assert {who: s["verdict"] for who, s in state["windows"][0]["others"].items()} == {"ana": "yes", "ben": "no"}
        assert server.ask("POST", "/verdicts", said((windows[4], "yes")))[0] == 200
    agreed = {row["review_id"]: row["verdict"] for row in ReviewStore(str(output)).consensus().to_pylist()}
    assert agreed[windows[4]] == "yes"


def test_it_is_also_the_word_of_the_console_script(tmp_path):
    argv = [sys.executable, "-m", "soundbeam.pipelines.cli", "review", "--output", str(tmp_path / "nowhere")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.startswith("soundbeam review: error: ")
