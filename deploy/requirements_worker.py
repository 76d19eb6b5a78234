"""Writes ``requirements-worker.txt``: what ``requirements-worker.in`` names and all that it needs, without TensorFlow.

    make requirements-worker

What a package needs is what its installed version declares, for the images' Python and Linux; the versions are those of
``constraints.txt``.
"""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
WANTED, PINNED = ROOT / "deploy" / "requirements-worker.in", ROOT / "deploy" / "requirements-worker.txt"
PLACE = {"python_version": "3.11", "python_full_version": "3.11.9", "sys_platform": "linux", "platform_system": "Linux",
         "platform_machine": "x86_64", "os_name": "posix"}  # fmt: skip
HEAD = """\
# What a scan needs, without TensorFlow; made by 'make requirements-worker'. The versions are those of constraints.txt.
#
#   pip install -r deploy/requirements-worker.txt && pip install --no-deps .
#
"""


def requirements() -> str:
    """The content of ``requirements-worker.txt``."""
    lines = re.findall(r"^[^#\s].*", WANTED.read_text(encoding="utf-8"), re.MULTILINE)
    found = set[str]()
    left = [Requirement(line) for line in lines]
    done = set[tuple[str, str]]()
    while left:
        wanted = left.pop()
        name = normal(wanted.name)
        found.add(name)
        for extra in {"", *wanted.extras}:
            if (name, extra) in done:
                continue
            done.add((name, extra))
            for text in importlib.metadata.requires(wanted.name) or ():
                needed = Requirement(text)
                if needed.marker is None or needed.marker.evaluate({**PLACE, "extra": extra}):
                    left.append(needed)
    pinned = re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    versions = {normal(name): version for name, version in pinned}
    return HEAD + "".join(f"{name}=={versions[name]}\n" for name in sorted(found))


def normal(name: str) -> str:
    """A package's name as PyPI normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    PINNED.write_text(requirements(), encoding="utf-8")
