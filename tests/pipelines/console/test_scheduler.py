"""Longer turns on a core, as the system tells them."""

import json
import os
import platform
import subprocess
import sys

import pytest

from soundbeam.pipelines.console.scheduler import ask_for_long_turns
from tests import ROOT

# sched_getattr(2), by its number; its "runtime" is how long an ordinary thread's turn is, since Linux 6.12.
SCRIPT = """
import ctypes, json, os, struct, subprocess, sys, threading

SET, GET = {"x86_64": (314, 315), "aarch64": (274, 275)}[os.uname().machine]

def told():
    room = ctypes.create_string_buffer(48)
    assert ctypes.CDLL(None).syscall(GET, 0, room, 48, 0) == 0
    _, policy, _, nice, _, runtime, _, _ = struct.unpack("=IIQiIQQQ", room.raw)
    return policy, nice, runtime

if sys.argv[1] == "child":
    print(json.dumps(told()))
else:
    policy, nice, _ = told()  # with the turns of whoever started this, who may have asked for long ones: back to usual
    usual = ctypes.create_string_buffer(struct.pack("=IIQiIQQQ", 48, policy, 0, nice, 0, 0, 0, 0), 48)
    assert ctypes.CDLL(None).syscall(SET, 0, usual, 0) == 0
    found = [told()]
    sys.path.insert(0, sys.argv[1])
    import soundbeam.pipelines.console.arguments
    thread = threading.Thread(target=lambda: found.append(told()))
    thread.start()
    thread.join()
    child = subprocess.run([sys.executable, sys.argv[0], "child"], capture_output=True, check=True)
    print(json.dumps([*found, json.loads(child.stdout)]))
"""
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"), reason="only there can it be asked for"
)


def told(tmp_path, *prefix):
    """Policy, nice value and turn, ns: of a process before, then of a thread and of a process that it starts."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [*prefix, sys.executable, str(script), str(ROOT)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


@pytest.mark.parametrize("prefix", [(), ("nice", "-n", "5"), ("chrt", "--batch", "0")], ids=" ".join)
def test_a_program_has_long_turns_and_what_its_user_chose_stays(tmp_path, prefix):
    before, thread, child = told(tmp_path, *prefix)
    assert thread == child and thread[:2] == before[:2]
    release = tuple(map(int, platform.release().split(".")[:2]))
    if release >= (6, 12):
        assert thread[2] == 100_000_000 > before[2]


def test_a_policy_that_has_no_turns_is_left_alone(tmp_path):
    before, thread, child = told(tmp_path, "chrt", "--idle", "0")
    assert before == thread == child


def test_where_it_is_forbidden_to_ask_nothing_is_asked(monkeypatch):
    def forbidden(_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_getscheduler", forbidden)
    assert ask_for_long_turns() is False
