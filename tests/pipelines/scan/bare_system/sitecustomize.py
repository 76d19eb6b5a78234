"""Shows soundbeam a system without what Windows and macOS lack, in each Python process that finds this folder.

Only soundbeam's modules: what other packages do on such systems is theirs.
"""

import builtins
import os
import signal
import socket
import sys
import types

MISSING = ("fcntl", "resource", "pwd", "grp", "termios")
LACKING = {
    "os": ("fork", "getuid", "geteuid", "sched_getaffinity", "O_NOFOLLOW", "O_CLOEXEC", "O_ASYNC", "mkfifo", "wait4"),
    "signal": ("SIGKILL", "SIGIO", "SIGALRM", "pthread_kill", "pthread_sigmask", "setitimer"),
    "socket": ("AF_UNIX",),
    "sys": (),
}


class Socket(socket.socket):
    @property
    def sendmsg(self):
        raise AttributeError("sendmsg")


def socketpair():
    return tuple(Socket(fileno=end.detach()) for end in socket.socketpair())


OTHERS = {"socket": {"socket": Socket, "socketpair": socketpair}, "sys": {"platform": "win32"}}


class Bare(types.ModuleType):
    """A module without some of its names."""

    def __init__(self, module):
        super().__init__(module.__name__)
        object.__setattr__(self, "_module", module)

    def __getattribute__(self, name):
        module = object.__getattribute__(self, "_module")
        if name in LACKING[module.__name__]:
            raise AttributeError(f"bare {module.__name__} has no {name}")
        others = OTHERS.get(module.__name__, {})
        return others[name] if name in others else getattr(module, name)

    def __setattr__(self, name, value):
        setattr(object.__getattribute__(self, "_module"), name, value)


BARE = {module.__name__: Bare(module) for module in (os, signal, socket, sys)}
real_import = builtins.__import__


def bare_import(name, globals=None, locals=None, fromlist=(), level=0):
    if ((globals or {}).get("__name__") or "").startswith("soundbeam."):
        if name in MISSING:
            with open(os.path.join(os.environ["BARE_SYSTEM_LOG"], str(os.getpid())), "a") as log:
                log.write(f"{globals['__name__']} {name}\n")
            raise ImportError(f"this system has no {name}")
        if name in BARE:
            return BARE[name]
    return real_import(name, globals, locals, fromlist, level)


builtins.__import__ = bare_import
