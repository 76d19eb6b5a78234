"""What the place where a program runs has to offer, checked before anything begins."""

from __future__ import annotations

import errno
import os
import tempfile
import threading

from soundbeam.model.errors import SoundbeamError

# Threads of TensorFlow, Arrow, Beam and gRPC at once; and how many more for each core.
_THREADS, _THREADS_A_CORE = 48, 4
# Open files: shards, sockets, and pipes to processes.
_FILES = 1024


def check_surroundings() -> None:
    """Raises SoundbeamError where a limit of this shell or a missing folder would break a program in the middle.

    The limit of open files is raised as far as this user may.
    """
    files = _raise_files()
    try:
        with tempfile.TemporaryFile():
            pass
    except OSError as e:
        if e.errno == errno.EMFILE:
            raise SoundbeamError(f"this shell allows {files} open files, which are too few; see 'ulimit -n'") from e
        raise SoundbeamError(
            f"no folder for temporary files can be written to ({e.strerror or e}); set TMPDIR to one"
        ) from e
    _check_threads(_THREADS + _THREADS_A_CORE * (os.cpu_count() or 1))


def _raise_files() -> int:
    """Raises the limit of open files as far as needed and allowed; returns what it was, 0 where there is none."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < _FILES:
        raised = _FILES if most == resource.RLIM_INFINITY else min(most, _FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(files, raised), most))
    return files


def _check_threads(needed: int) -> None:
    end = threading.Event()
    threads: list[threading.Thread] = []
    try:
        for _ in range(needed):
            thread = threading.Thread(target=end.wait, daemon=True)
            thread.start()
            threads.append(thread)
    except RuntimeError as e:
        raise SoundbeamError(
            f"only {len(threads)} more threads can be started, and {needed} may be needed; raise 'ulimit -u' or "
            "'ulimit -v', or the container's limit of processes"
        ) from e
    finally:
        end.set()
        for thread in threads:
            thread.join()
