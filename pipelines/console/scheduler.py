"""Longer turns on a core. Decoding and scoring share cores: each time they take turns there, caches are filled anew."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

# What Linux gives at most, ns; by itself it is a few milliseconds: 1.4 on two cores, as sched_getattr(2) tells.
_TURN_NS = 100_000_000
# The number of sched_setattr(2), which Python's os does not have.
_SYSCALL = {"x86_64": 314, "aarch64": 274}


def ask_for_long_turns() -> bool:
    """Asks the system's scheduler for turns of 100 ms for this thread, and all threads and processes that it starts.

    Nobody gets less of a core for that: Linux keeps the shares equal and lets those with shorter turns go first when
    they wake up (EEVDF: Stoica and Abdel-Wahab, "Earliest Eligible Virtual Deadline First", 1995).

    Returns:
        Whether it was asked for. Before Linux 6.12 that has no effect. On another system, where it is forbidden, or
        where somebody has chosen a policy without turns for this process, nothing is done.
    """
    number = _SYSCALL.get(platform.machine())
    if sys.platform != "linux" or number is None or sys.maxsize < 1 << 32:
        return False
    try:
        policy = os.sched_getscheduler(0)
        if policy not in (os.SCHED_OTHER, os.SCHED_BATCH):
            return False
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        # struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period
        attributes = struct.pack("=IIQiIQQQ", 48, policy, 0, nice, 0, _TURN_NS, 0, 0)
        return ctypes.CDLL(None).syscall(number, 0, ctypes.create_string_buffer(attributes, len(attributes)), 0) == 0
    except OSError:  # a sandbox that forbids even to ask: a program must start there too
        return False
