"""How to start a Python process that imports nothing from the current folder.

A user may have a ``socket.py`` or a ``numpy.py`` there. Python puts the current folder on the import path for ``-c``
and ``-m``. The switch that prevents this, ``-P``, exists since Python 3.11, and ``-I`` would also ignore PYTHONPATH.
"""

from __future__ import annotations

import os
import sys

# A thread reserves as much address space as the stack limit allows, and a decoder's threads must fit into its memory.
_STACK_BYTES = 8 << 20


def python_command(code: str) -> list[str]:
    """The command that runs ``code`` in this Python, with the current folder removed from its import path first."""
    return [sys.executable, "-c", f"import sys; sys.path[:] = [p for p in sys.path if p]; {code}"]


def restart_with_small_stacks() -> None:
    """Starts this program anew with the usual stack limit if that is far larger: C libraries read it only at start.

    Of a stack limit of 4 GB no thread would fit below a decoder's memory limit. "unlimited" means 2 MB for a thread.
    """
    try:
        import resource
    except ImportError:  # Windows, where a program's file says how large its stack is
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if soft != resource.RLIM_INFINITY and soft > 8 * _STACK_BYTES:
        resource.setrlimit(resource.RLIMIT_STACK, (_STACK_BYTES, hard))
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def import_path() -> str:
    """PYTHONPATH for a child: this process's import path, with the current folder only if PYTHONPATH names it."""
    named = {os.path.abspath(p) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p}
    path = [os.path.abspath(p) for p in sys.path if p]
    return os.pathsep.join(p for p in path if p in named or p != os.getcwd())
