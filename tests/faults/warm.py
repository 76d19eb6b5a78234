"""Scans in processes that are forked off one that has everything loaded: each is a real process, and can really die.

Run as a program it reads one JSON request a line, ``{"argv": […], "faults": [{…}], "log": path}``, and answers with the
exit code, negative for a signal. TensorFlow is imported and never used in the process that forks.
"""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

from tests import ROOT

HOOKS = Path(__file__).parent / "hooks"


class Warm:
    """The client: ``scan(*argv)`` runs one ``soundbeam scan`` and returns its exit code and what it said."""

    def __init__(self, log, env=None):
        self.log = Path(log)
        path = os.pathsep.join([str(HOOKS), str(ROOT)])
        env = {**os.environ, "PYTHONPATH": path, **(env or {})}
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT
        )

    def scan(self, *argv, faults=()):
        """(exit code, negative for a signal; what it said on stdout and stderr)."""
        request = {"argv": [str(a) for a in argv], "faults": list(faults), "log": str(self.log)}
        print(json.dumps(request), file=self._server.stdin, flush=True)
        return int(self._server.stdout.readline()), self.log.read_text(encoding="utf-8")

    def close(self):
        self._server.stdin.close()
        self._server.wait()


def _serve():
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    import soundbeam.pipelines.scan.graph
    import soundbeam.pipelines.scan.program
    import soundbeam.pipelines.scan.summary

    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os._exit(_child(request, soundbeam.pipelines.scan.program.main))
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _child(request, main):
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)
    if request["faults"]:
        import hook

        for fault in request["faults"]:
            hook.install(fault)
    code = 99
    with contextlib.suppress(SystemExit):
        code = main(request["argv"])
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def real(*argv, faults=(), timeout=300):
    """``python -m soundbeam.pipelines.scan …`` as a user starts it: (exit code, what it said)."""
    path = os.pathsep.join([str(HOOKS), str(ROOT)])
    env = {**os.environ, "PYTHONPATH": path, "SOUNDBEAM_TEST_FAULT": json.dumps(list(faults))}
    done = subprocess.run(
        [sys.executable, "-m", "soundbeam.pipelines.scan", *map(str, argv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=env,
        cwd=ROOT,
        timeout=timeout,
    )
    return done.returncode, done.stdout


if __name__ == "__main__":
    _serve()
