"""The runs of an output folder: how one begins, becomes visible, is found again, or is taken over when it died.

OUTPUT/predictions/run=ID/part-00000.parquet    and so calls/, counts/, recordings/
OUTPUT/runs/run=ID/run.json                     written last: a run without it is no result
OUTPUT/_staging/ID/…                            a run that is going on, or died: shards and checkpoints
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import secrets
from collections.abc import Iterable
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from model.errors import SoundbeamError
from pipelines.compaction import compact
from pipelines.locks import OutputLock
from transforms.schemas import CHECKPOINTS, SHARDS, TABLES, Shard, schemas


@dataclasses.dataclass(frozen=True)
class Abandoned:
    """A run that died before it was committed.

    Attributes:
        run: Its name.
        shards: What its checkpoints name: whole recordings' rows, each recording's once.
    """

    run: str
    shards: tuple[Shard, ...]


def settings_of(parameters: dict[str, Any]) -> str:
    """What two scans must have in common for the rows of one to stand for the other's: a hash of it.

    How times and sites are told belongs to it where the user says so: else rows of two time zones would mix.
    """
    names = ("fingerprint", "hop_s", "thresholds", "decoder")
    decisive = {name: parameters[name] for name in names}
    for name, default in (("recorded_at", None), ("timezone", "UTC"), ("site", None)):
        if parameters.get(name, default) != default:
            decisive[name] = parameters[name]
    text = json.dumps(decisive, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Output:
    """An output folder.

    Args:
        url: A local path or any fsspec URL.

    Raises:
        SoundbeamError: It is a file, or of an unknown store.
    """

    def __init__(self, url: str):
        self.given = url
        try:
            self.fs, path = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as e:
            raise SoundbeamError(f"{url}: {e}") from e
        self.path = path.rstrip("/")
        self.url = self.fs.unstrip_protocol(self.path)
        self.local = isinstance(self.fs, LocalFileSystem)
        self.fs.invalidate_cache()
        if self.fs.isfile(self.path):
            raise SoundbeamError(f"{url}: is a file; --output must be a folder")

    def runs(self) -> list[dict[str, Any]]:
        """The committed runs' ``run.json``, oldest first."""
        found = []
        for name in sorted(self.fs.glob(f"{self.path}/runs/run=*/run.json")):
            with self.fs.open(name, "r", encoding="utf-8") as file:
                try:
                    found.append(json.load(file))
                except json.JSONDecodeError as e:
                    raise SoundbeamError(f"{self.fs.unstrip_protocol(name)}: not readable ({e}); remove it") from e
        return sorted(found, key=lambda run: run["run"])

    def begin(self, parameters: dict[str, Any]) -> tuple[str, OutputLock]:
        """Starts a run: its name, which begins with the time so that names sort by age, and the output's lock.

        Raises:
            SoundbeamError: Another scan is writing there.
        """
        newest = max((run["run"] for run in self.runs()), default="")
        run = f"{datetime.datetime.now(datetime.timezone.utc):%Y%m%dT%H%M%S}Z-{secrets.token_hex(3)}"
        if run <= newest:  # the clock was set back
            run = f"{newest.partition('-')[0]}-{newest.partition('-')[2]}.{secrets.token_hex(3)}"
        lock = OutputLock(self.fs, f"{self.path}/_staging", self.local, run, self.given)
        self._write_json(f"_staging/{run}/begin.json", {"run": run, "settings": settings_of(parameters), **parameters})
        return run, lock

    def staging(self, run: str) -> str:
        """URL of the folder that a run writes into before it is committed."""
        return f"{self.url}/_staging/{run}"

    def staged_shards(self, run: str) -> list[Shard]:
        """The shards that a finished pipeline named."""
        with self.fs.open(f"{self.path}/_staging/{run}/{SHARDS}", "r", encoding="utf-8") as file:
            return [Shard(**shard) for shard in json.load(file)]

    def table(self, name: str, run: str) -> str:
        """Path, on this file system, of one run's shards of a table."""
        return f"{self.path}/{name}/run={run}"

    def abandoned(self, settings: str, but: str) -> list[Abandoned]:
        """The dead runs of these settings; only for who holds the lock, since then no other run is alive."""
        found = []
        for path in sorted(self.fs.glob(f"{self.path}/_staging/*/begin.json")):
            run = path.split("/")[-2]
            with self.fs.open(path, "r", encoding="utf-8") as file:
                try:
                    begun = json.load(file)
                except json.JSONDecodeError:
                    continue  # died while it was written: there is nothing more of it
            if run != but and begun.get("settings") == settings:
                found.append(Abandoned(run, tuple(self._checkpointed(run))))
        return found

    def _checkpointed(self, run: str) -> Iterable[Shard]:
        for path in sorted(self.fs.glob(f"{self.path}/_staging/{run}/{CHECKPOINTS}/*.json")):
            with self.fs.open(path, "r", encoding="utf-8") as file:
                try:
                    yield from [Shard(**shard) for shard in json.load(file)]
                except json.JSONDecodeError:
                    continue

    def sweep(self, alive: str) -> None:
        """Removes tables of runs that died between their tables and their ``run.json``; only for who holds the lock."""
        committed = {run["run"] for run in self.runs()} | {alive}
        for table in TABLES:
            for path in self.fs.glob(f"{self.path}/{table}/run=*"):
                if path.rstrip("/").rpartition("run=")[2] not in committed:
                    self.fs.rm(path, recursive=True)

    def has_checkpoints(self, run: str) -> bool:
        """Whether a run has staged rows that another one can take over."""
        return bool(self.fs.glob(f"{self.path}/_staging/{run}/{CHECKPOINTS}/*.json"))

    def discard(self, run: str) -> None:
        """Removes what a run staged."""
        staging = f"{self.path}/_staging/{run}"
        if self.fs.exists(staging):
            self.fs.rm(staging, recursive=True)

    def commit(
        self,
        run: str,
        shards: Iterable[Shard],
        taken_over: Iterable[Abandoned],
        labels: tuple[str, ...],
        info: dict[str, Any],
    ) -> None:
        """Makes a run's tables visible: first the tables, each at once where the store can rename, then ``run.json``.

        A shard that lies in staging without being named is of a bundle that died; it is dropped. Of runs that are
        taken over, the rows of recordings that this run scanned itself are dropped. Every table gets at least one
        shard, if an empty one, so that each can be read.
        """
        staging = f"{self.path}/_staging"
        sources = [(f"{staging}/{run}", list(shards))]
        sources += [(f"{staging}/{dead.run}", list(dead.shards)) for dead in taken_over]
        for table, schema in schemas(labels, info).items():
            ready = f"{staging}/{run}/commit/{table}"
            compact(self.fs, sources, table, schema, ready)
            self.fs.makedirs(f"{self.path}/{table}", exist_ok=True)
            self.fs.mv(ready, self.table(table, run), recursive=True)
        self._write_json(f"runs/run={run}/run.json", info)
        for dead in taken_over:
            self.discard(dead.run)
        self.discard(run)

    def _write_json(self, name: str, value: dict[str, Any]) -> None:
        path = f"{self.path}/{name}"
        self.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        with self.fs.open(f"{path}.tmp", "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, ensure_ascii=False)
        self.fs.mv(f"{path}.tmp", path)
