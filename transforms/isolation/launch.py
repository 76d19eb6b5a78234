"""How to start a Python process that imports nothing from the current folder.

A user may have a ``socket.py`` or a ``numpy.py`` there. Python puts the current folder on the import path for ``-c``
and ``-m``. The switch that prevents this, ``-P``, exists since Python 3.11, and ``-I`` would also ignore PYTHONPATH.
"""

from __future__ import annotations

import os
import sys


def python_command(code: str) -> list[str]:
    """The command that runs ``code`` in this Python, with the current folder removed from its import path first."""
    return [sys.executable, "-c", f"import sys; sys.path[:] = [p for p in sys.path if p]; {code}"]


def import_path() -> str:
    """PYTHONPATH for a child: this process's import path, with the current folder only if PYTHONPATH names it."""
    named = {os.path.abspath(p) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p}
    path = [os.path.abspath(p) for p in sys.path if p]
    return os.pathsep.join(p for p in path if p in named or p != os.getcwd())
