"""One scan at a time in an output folder: a lock that its holder's death opens."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
from typing import Any

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import make_folder

HEARTBEAT_S = 20.0
# A holder on an object store whose last sign of life is older than this is dead.
DEAD_S = 180.0


class OutputLock:
    """Held while a scan writes into an output.

    On a local disk the kernel holds it and lets go of it when the process ends, however it ends. On other stores a
    small object is written again every 20 seconds; one that has not been for three minutes is of a dead scan. There,
    two that start within the same second may both see each other and stop; never do both go on.

    Args:
        fs: fsspec's file system.
        folder: Path of the staging folder there.
        local: Whether it is a local disk.
        run: Name of the run.
        given: The output as the user wrote it, for the message.

    Raises:
        SoundbeamError: Another scan holds it.
    """

    def __init__(self, fs: Any, folder: str, local: bool, run: str, given: str):
        self._fs, self._folder, self._given, self._run = fs, folder, given, run
        self._path = f"{folder}/lock" if local else f"{folder}/{run}/alive"
        self._stop = threading.Event()
        make_folder(fs, folder)
        if local:
            self._take_local()
        else:
            self._take_remote()

    def _take_local(self) -> None:
        # Never through a link: what it leads to would be overwritten.
        opened = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        self._file = open(opened, "r+", encoding="utf-8")  # noqa: SIM115  held until release
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read()
            self._file.close()
            raise self._taken(holder) from None
        self._file.truncate(0)
        self._file.write(f"run {self._run}, process {os.getpid()}")
        self._file.flush()

    def _take_remote(self) -> None:
        self._beat()
        mine = self._age_of(self._path)
        for other in self._fs.glob(f"{self._folder}/*/alive"):
            # Ages by the store's own clock, against that of our own object: nobody else's clock matters.
            if other.rpartition("/")[0] != self._path.rpartition("/")[0] and mine - self._age_of(other) < DEAD_S:
                self._fs.rm(self._path)
                raise self._taken(f"run {other.split('/')[-2]}")
        threading.Thread(target=self._keep_beating, daemon=True).start()

    def _age_of(self, path: str) -> float:
        try:
            return self._fs.modified(path).timestamp()
        except FileNotFoundError:
            return 0.0

    def _beat(self) -> None:
        self._fs.pipe_file(self._path, json.dumps({"run": self._run, "at": time.time()}).encode())

    def _keep_beating(self) -> None:
        while not self._stop.wait(HEARTBEAT_S):
            with contextlib.suppress(Exception):  # a store's own error classes are many; the next beat may get through
                self._beat()

    def _taken(self, holder: str) -> SoundbeamError:
        return SoundbeamError(
            f"{self._given}: another scan is writing there ({holder}); wait for it, or choose another --output"
        )

    def release(self) -> None:
        """Lets the next scan in."""
        self._stop.set()
        if hasattr(self, "_file"):
            self._file.close()
        elif self._fs.exists(self._path):
            self._fs.rm(self._path)
