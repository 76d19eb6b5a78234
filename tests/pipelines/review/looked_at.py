"""Results over real recordings, with windows drawn for review, and a real server of their page in its own process."""

import contextlib
import dataclasses
import http.client
import json
import re
import signal
import subprocess
import sys

import numpy as np
import soundfile

from soundbeam.model.storage.content import content_hash
from soundbeam.model.storage.files import state_of
from soundbeam.pipelines.review.store import ReviewStore
from tests.pipelines.review.drawn import add_sample, window
from tests.pipelines.written_scan import result, write_scan

RUN = "20240101T000000Z-aaaaaa"
RATE = 16000
WINDOWS = 30
# A name that does harm where it is taken for HTML.
HARMFUL = "<img src=x onerror=document.title='harm'>\"'&.wav"


def write_recording(path, seconds=20.0, rate=RATE, seed=0):
    """Noise with a rising tone in every second window of 2 s; returns its URI."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    sound = 0.02 * rng.standard_normal(len(t))
    for start in np.arange(0, seconds, 4.0):
        part = (t >= start + 0.6) & (t < start + 1.4)
        local = t[part] - start - 0.6
        bell = np.sin(np.pi * local / 0.8) ** 2
        for harmonic, share in ((1, 0.2), (2, 0.1), (3, 0.05)):
            sound[part] += share * bell * np.sin(2 * np.pi * harmonic * (700 * local + 350 * local**2))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, rate, subtype="PCM_16")
    return f"file://{path}"


NAMES = ("a/20240101_060000.wav", "b/20240101_060000.wav", HARMFUL)


def results_of(folder, names=NAMES, label="call", labels=None, rate=RATE, store=None):
    """An output of a scan of 20-second recordings; windows of 2 s were drawn, 10 of each recording.

    The recordings are uploaded to a bucket, if one is given, and the tables name them there.
    """
    output, labels = folder / "results", labels or (label, "wren <b>", "jay")
    rows, scanned = [], []
    for i, name in enumerate(names):
        uri = write_recording(folder / "recordings" / name, seed=i, rate=rate)
        if store:
            store.upload(folder / "recordings", "review/recordings")
            uri = f"{store.url}/review/recordings/{name}"
        scores = np.linspace(0.05, 0.95, 19)[:, None].repeat(len(labels), 1)
        one = result(uri, 20.0, scores=scores, labels=labels)
        size, version = state_of(uri)
        recording = dataclasses.replace(one.report.recording, bytes=size, version=version)
        report = dataclasses.replace(one.report, recording=recording, content=content_hash(uri), sample_rate=rate)
        scanned.append(dataclasses.replace(one, report=report))
        site = name.partition("/")[0] if "/" in name else None
        rows += [
            window(uri, 2.0 * k, label=label, score=0.05 + 0.09 * k, site=site, weight=5.0, rank=10 * i + k + 1)
            for k in range(10)
        ]
    write_scan(output, scanned, labels, RUN, rate=RATE)
    add_sample(output, rows, strata=[(0.0, 1.0, 5 * len(rows), len(rows), len(rows))], label=label)
    return output


class Server:
    """``soundbeam review`` in its own process."""

    def __init__(self, output, *options):
        argv = [sys.executable, "-m", "soundbeam.pipelines.review", "--output", output, "--no-browser", *options]
        self.process = subprocess.Popen(
            [str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        self.url = line.removeprefix("review: ").strip()
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)", self.url)
        if not found:
            self.process.kill()
            raise AssertionError(line + "".join(self.process.communicate()))
        self.port, self.token = int(found[1]), found[2]

    def ask(self, method, path, body=None, cookie=True, **headers):
        """(status, headers, body) of one request; ``Origin=None`` leaves a header out."""
        own = {"Host": f"127.0.0.1:{self.port}", "Origin": f"http://127.0.0.1:{self.port}"}
        if cookie:
            own["Cookie"] = f"soundbeam_review_{self.port}={self.token}"
        if body is not None:
            own["Content-Type"] = "application/json"
            body = body if isinstance(body, (bytes, str)) else json.dumps(body)
        own = {
            k: v for k, v in {**own, **{k.replace("_", "-"): v for k, v in headers.items()}}.items() if v is not None
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host=True)
            if body is not None:
                body = body.encode() if isinstance(body, str) else body
                own.setdefault("Content-Length", str(len(body)))
            for name, value in own.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def kill(self):
        """As a crash would end it."""
        self.process.kill()
        self.process.wait()
        self._close()

    def interrupt(self):
        """As Ctrl+C does; returns its exit code and what it printed then."""
        self.process.send_signal(signal.SIGINT)
        printed = self.process.communicate(timeout=30)
        return self.process.returncode, *printed

    def _close(self):
        self.process.stdout.close()
        self.process.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()


def ids(server):
    """The windows that a server's page shows, in their order."""
    return [w["id"] for w in json.loads(server.ask("GET", "/state")[2])["windows"]]


def said(*verdicts):
    """What the page sends: each verdict a tuple of review_id, verdict, other_label and note."""
    return {"verdicts": [dict(zip(("review_id", "verdict", "other_label", "note"), v, strict=False)) for v in verdicts]}


def kept(output):
    """Review id → the newest verdict."""
    return {row["review_id"]: row for row in ReviewStore(str(output)).current().to_pylist()}
