"""A lock that lets one process at a time do something in an output folder, and that opens when its holder dies."""

from __future__ import annotations

import contextlib
import json
import os
import posixpath
import threading
import time
from typing import Any

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import make_folder
from soundbeam.pipelines.output.folder import Output

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # a module elsewhere; None says that it is missing

HEARTBEAT_S = 20.0
# A holder without the kernel's help that has written nothing for this long is dead.
DEAD_S = 180.0


class OutputLock(contextlib.AbstractContextManager["OutputLock"]):
    """Held while a scan writes into an output.

    On a local disk the kernel holds the lock and opens it when the process ends, however it ends. On other stores, and
    on Windows, the holder rewrites a small object every 20 seconds; one that is three minutes old belongs to a dead
    scan. There, two scans that start within the same second may both see each other and stop; never do both go on.

    Args:
        output: The output folder.
        run: Name of the run, or another name of whoever holds it.
        folder: Where in the output the lock lies; each has its own.
        held: What is said where another holds it.

    Raises:
        SoundbeamError: Another scan holds it.
    """

    def __init__(self, output: Output, run: str, folder: str = "_staging", held: str = "another scan is writing there"):
        self._fs, self._user_url, self._run, self._held = output.fs, output.user_url, run, held
        self._place = output.place
        self._folder = f"{output.path}/{folder}"
        self._by_kernel = output.local and fcntl is not None
        self._path = f"{self._folder}/lock" if self._by_kernel else f"{self._folder}/{run}/alive"
        self._stop = threading.Event()
        make_folder(self._fs, self._folder)
        if self._by_kernel:
            self._take_local()
        else:
            self._take_remote()

    def __exit__(self, *_: Any) -> None:
        self.release()

    def _take_local(self) -> None:
        # Not through a link: its target would be overwritten.
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        self._file = open(descriptor, "r+", encoding="utf-8")  # noqa: SIM115  held until release
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read()
            self._file.close()
            raise self._held_by(holder) from None
        self._file.truncate(0)
        self._file.write(f"run {self._run}, process {os.getpid()}")
        self._file.flush()

    def _take_remote(self) -> None:
        self._beat()
        own_time = self._time_of(self._path)
        for other in self._place.names(self._folder):
            # Both times are by the store's clock, so no machine's clock matters.
            if other != self._run and own_time - self._time_of(f"{self._folder}/{other}/alive") < DEAD_S:
                self._fs.rm_file(self._path)
                raise self._held_by(f"run {other}")
        threading.Thread(target=self._keep_beating, daemon=True).start()

    def _time_of(self, path: str) -> float:
        """When an object was last written, by the store's clock; 0 where it is gone."""
        try:
            return self._fs.modified(path).timestamp()
        except FileNotFoundError:
            return 0.0

    def _beat(self) -> None:
        make_folder(self._fs, posixpath.dirname(self._path))
        self._fs.pipe_file(self._path, json.dumps({"run": self._run, "at": time.time()}).encode())

    def _keep_beating(self) -> None:
        while not self._stop.wait(HEARTBEAT_S):
            with contextlib.suppress(Exception):  # stores have error classes of their own; the next beat may succeed
                self._beat()

    def _held_by(self, holder: str) -> SoundbeamError:
        return SoundbeamError(f"{self._user_url}: {self._held} ({holder}); wait for it, or choose another --output")

    def release(self) -> None:
        """Lets the next scan in."""
        self._stop.set()
        if hasattr(self, "_file"):
            self._file.close()
        elif self._fs.exists(self._path):
            self._fs.rm_file(self._path)
