"""Makes a scan die, or its disk fill up, at a chosen moment; only tests load this, the product knows nothing of it.

``install`` takes a fault: ``{"at": k, "under": folder, "do": "kill" | "tear" | "full"}`` strikes at the k-th change of
the file system under a folder (opening for writing, renaming, removing, making a folder), by Python's audit events;
``{"call": "module:Class.method", "n": 3, "do": "kill" | "full" | "hang" | "crash" | "hoard", "after": false}``
strikes at the n-th call of a function, with ``"arg": text`` of those whose arguments' repr holds the text (n = 0: at
each). With ``"once": path`` it strikes only while that file does not exist. ``{"call": …, "value": v}`` makes it give
v; ``{"clock": seconds}`` sets the clock that runs are named by; ``{"tz": name}`` the time zone.
"""

import datetime
import errno
import functools
import importlib
import itertools
import os
import signal
import sys
import time
import types

_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink"}


def install(fault):
    """Arms a fault in this process."""
    if "at" in fault:
        sys.addaudithook(_Changes(fault))
    if "call" in fault:
        _wrap(fault)
    if "tz" in fault:
        os.environ["TZ"] = fault["tz"]
        time.tzset()
    if "clock" in fault:
        _shift(fault["clock"])


def _shift(seconds):
    import soundbeam.pipelines.output.folder

    class Shifted(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) + datetime.timedelta(seconds=seconds)

    names = {"datetime": Shifted, "timezone": datetime.timezone, "timedelta": datetime.timedelta}
    soundbeam.pipelines.output.folder.datetime = types.SimpleNamespace(**names)


class _Changes:
    def __init__(self, fault):
        self.fault, self.count, self.busy = fault, 0, False
        self.under = os.path.realpath(fault["under"])

    def __call__(self, event, args):
        if self.busy or not (event in _CHANGES or event == "open") or not args or not isinstance(args[0], str | bytes):
            return
        path = os.fsdecode(args[0])
        if (event == "open" and not _writes(args)) or not os.path.abspath(path).startswith(self.under):
            return
        if path.endswith("_staging/lock"):
            return
        self.busy = True
        try:
            self.count += 1
            if self.fault.get("count"):
                with open(self.fault["count"], "a", encoding="utf-8") as file:
                    file.write(f"{event} {path}\n")
            if self.count >= self.fault["at"]:
                self._strike(event, path)
        finally:
            self.busy = False

    def _strike(self, event, path):
        if self.fault["do"] == "full":
            if event in ("open", "os.mkdir"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
            return
        if self.fault["do"] == "tear" and event == "open":
            with open(path, "wb") as file:
                file.write(b'[{"table": "recor')
        os.kill(os.getpid(), signal.SIGKILL)


def _writes(args):
    mode, flags = args[1], args[2]
    return any(c in mode for c in "wax+") if isinstance(mode, str) else bool(flags & (os.O_WRONLY | os.O_RDWR))


def _wrap(fault):
    module, _, name = fault["call"].partition(":")
    owner = importlib.import_module(module)
    *above, name = name.split(".")
    for part in above:
        owner = getattr(owner, part)
    function, calls = getattr(owner, name), itertools.count(1)

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        if "value" in fault:
            return fault["value"]
        meant = fault.get("arg", "") in repr(args)
        strikes = meant and (fault.get("n", 1) in (0, next(calls))) and _first(fault)
        if strikes and not fault.get("after"):
            _do(fault["do"])
        result = function(*args, **kwargs)
        if strikes:
            _do(fault["do"])
        return result

    setattr(owner, name, wrapped)


def _first(fault):
    if "once" not in fault:
        return True
    try:
        os.close(os.open(fault["once"], os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


def _do(what):
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "kill-parent":
        os.kill(os.getppid(), signal.SIGKILL)
    elif what == "crash":
        os.abort()
    elif what == "hang":
        time.sleep(3600)
    elif what == "hoard":
        _do.held = [bytearray(1 << 30) for _ in range(64)]
    elif what == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/somewhere")
