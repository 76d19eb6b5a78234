"""The runs of an output folder: how one begins, becomes visible, is found again, or is taken over when it died.

OUTPUT/predictions/run=ID/part-00000.parquet    and so calls/, counts/, recordings/
OUTPUT/runs/run=ID/run.json                     written last: a run without it is no result
OUTPUT/_staging/ID/…                            a run that is going on, or died: shards and checkpoints
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import locate, make_folder, write_at_once
from soundbeam.pipelines.output.compaction import compact
from soundbeam.pipelines.output.lock import OutputLock
from soundbeam.pipelines.output.staging import Abandoned
from soundbeam.transforms.tables.schemas import CHECKPOINTS, SHARDS, TABLES, Shard, schemas

_TIME = "%Y%m%dT%H%M%SZ"


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
        place, self.path = locate(url)
        self.fs = place.fs
        self.url = self.fs.unstrip_protocol(self.path)
        self.local = isinstance(self.fs, LocalFileSystem)
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
        self._refuse_links()
        while True:
            run = self._new_name()
            lock = OutputLock(self.fs, f"{self.path}/_staging", self.local, run, self.given)
            try:
                if max(self._names(), default="") > run:  # committed while the lock was waited for
                    lock.release()
                    continue
                begin = {"run": run, "settings": settings_of(parameters), **parameters}
                self._write_json(f"_staging/{run}/begin.json", begin)
            except BaseException:
                lock.release()
                raise
            return run, lock

    def _names(self) -> list[str]:
        """The names of all runs, committed, dead or going on."""
        found = self.fs.glob(f"{self.path}/_staging/*/begin.json") + self.fs.glob(f"{self.path}/runs/run=*/run.json")
        return [path.split("/")[-2].removeprefix("run=") for path in found]

    def _new_name(self) -> str:
        """A name that sorts behind all others, also after the clock was set back."""
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        newest = max(self._names(), default="").partition("-")[0]
        with contextlib.suppress(ValueError):  # not named by us
            now = max(now, datetime.datetime.strptime(newest, _TIME) + datetime.timedelta(seconds=1))
        return f"{now:{_TIME}}-{secrets.token_hex(3)}"

    def _refuse_links(self) -> None:
        """Raises SoundbeamError where a folder that is written into is a link, so leads out of the output."""
        if not self.local:
            return
        for name in (*TABLES, "runs", "_staging", "_staging/lock"):
            if os.path.islink(f"{self.path}/{name}"):
                raise SoundbeamError(f"{self.path}/{name}: is a link out of the output; put a folder in its place")

    def staging(self, run: str) -> str:
        """URL of the folder that a run writes into before it is committed."""
        return f"{self.url}/_staging/{run}"

    def staged_shards(self, run: str) -> tuple[list[Shard], dict[str, int]]:
        """The shards that a finished pipeline named, and its tally."""
        with self.fs.open(f"{self.path}/_staging/{run}/{SHARDS}", "r", encoding="utf-8") as file:
            named = json.load(file)
        return [Shard(**shard) for shard in named["shards"]], named["tally"]

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
                    shards = [Shard(**shard) for shard in json.load(file)]
                except json.JSONDecodeError:
                    continue
            if all(self._is_whole(run, shard) for shard in shards):
                yield from shards

    def _is_whole(self, run: str, shard: Shard) -> bool:
        """Whether a shard is there to its end: a machine that lost its power may have lost it."""
        try:
            with self.fs.open(f"{self.path}/_staging/{run}/{shard.table}/{shard.name}", "rb") as file:
                return bool(pq.read_metadata(file).num_rows == shard.rows)
        except (FileNotFoundError, pa.ArrowInvalid):
            return False

    def sweep(self, alive: str) -> None:
        """Removes what runs left that died while they committed or cleaned up; only for who holds the lock.

        That is tables without a ``run.json``, and what was staged by runs that are committed, or taken over by one
        that is: their rows must not be taken over again.
        """
        runs = self.runs()
        committed = {run["run"] for run in runs} | {alive}
        for folder in (*TABLES, "runs"):
            for path in self.fs.glob(f"{self.path}/{folder}/run=*"):
                if path.rstrip("/").rpartition("run=")[2] not in committed:
                    self._remove(path)
        done = {run["run"] for run in runs} | {dead for run in runs for dead in run.get("taken_over", ())}
        for path in self.fs.glob(f"{self.path}/_staging/*"):
            run = path.rstrip("/").rpartition("/")[2]
            begun = self.fs.exists(f"{path}/begin.json") or self.fs.exists(f"{path}/alive") or not self.fs.isdir(path)
            if run != alive and (run in done or not begun):
                self._remove(path)

    def _remove(self, path: str) -> None:
        if self.local and os.path.islink(path):
            os.unlink(path)  # and not what it leads to
        else:
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
        # The newest first: what it scanned itself, a run before it had scanned in an older version.
        taken_over = sorted(taken_over, key=lambda dead: dead.run, reverse=True)
        sources += [(f"{staging}/{dead.run}", list(dead.shards)) for dead in taken_over]
        for table, schema in schemas(labels, info).items():
            ready = f"{staging}/{run}/commit/{table}" if self.local else self.table(table, run)
            compact(self.fs, sources, table, schema, ready)
            if self.local:  # elsewhere there is no rename, and nothing is visible before run.json
                make_folder(self.fs, f"{self.path}/{table}")
                self.fs.mv(ready, self.table(table, run), recursive=True)
        self._write_json(f"runs/run={run}/run.json", info)
        for dead in taken_over:
            self.discard(dead.run)
        self.discard(run)

    def _write_json(self, name: str, value: dict[str, Any]) -> None:
        write_at_once(self.fs, f"{self.path}/{name}", json.dumps(value, indent=1, ensure_ascii=False).encode())


def ledger_of(output: Output, settings: str, dead: list[Abandoned]) -> list[tuple[int, str]]:
    """(age, URL) of each shard of ``recordings`` that tells what is done: runs of these settings, and dead ones."""
    found = []
    runs = [run["run"] for run in output.runs() if run["settings"] == settings]
    for age, run in enumerate(runs):
        found += [(age, output.fs.unstrip_protocol(p)) for p in output.fs.glob(f"{output.table('recordings', run)}/*")]
    for age, abandoned in enumerate(dead, start=len(runs)):
        staging = output.staging(abandoned.run)
        found += [(age, f"{staging}/{s.table}/{s.name}") for s in abandoned.shards if s.table == "recordings"]
    return found
