"""Where numba keeps the code that it compiles for librosa."""

from __future__ import annotations

import functools
import os
import stat
import tempfile

_temporary: list[tempfile.TemporaryDirectory[str]] = []


@functools.cache
def prepare_numba() -> None:
    """Gives numba a folder for compiled code where it would find none; to be called before librosa is used.

    It writes beside librosa or in the user's home. A service user may write to neither, and then numba refuses to
    compile at all. NUMBA_CACHE_DIR, where the user set it, is left alone if it can be written.
    """
    import numba
    from librosa.version import show_versions

    try:
        numba.njit(cache=True)(show_versions)  # compiles nothing, but looks for a folder
    except RuntimeError:
        numba.config.CACHE_DIR = _own_folder()  # type: ignore[attr-defined]  # numba sets it by its name


def _own_folder() -> str:
    """A folder of this user's in that for temporary files, kept: compiling takes half a minute.

    What is in it is run as code: a folder that is somebody else's is not used, but a new one, removed at the end.
    """
    try:
        folder = os.path.join(tempfile.gettempdir(), f"soundbeam-numba-{os.getuid()}")
        os.makedirs(folder, 0o700, exist_ok=True)
        status = os.lstat(folder)
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022:
            with tempfile.TemporaryFile(dir=folder):
                return folder
    except (OSError, AttributeError):  # Windows knows users by no number
        pass
    _temporary.append(tempfile.TemporaryDirectory(prefix="soundbeam-numba-", ignore_cleanup_errors=True))
    return _temporary[-1].name
