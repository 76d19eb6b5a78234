"""The runs of an output folder: how one begins, becomes visible, and is found again.

OUTPUT/predictions/run=ID/part-….parquet     and so calls/, counts/, recordings/
OUTPUT/runs/run=ID/run.json                  written last: a run without it is no result
OUTPUT/_staging/ID/…                         a run that is not committed, or died
"""

from __future__ import annotations

import datetime
import json
import secrets
from collections.abc import Iterable
from typing import Any

import fsspec
import pyarrow.parquet as pq

from model.errors import SoundbeamError
from transforms.tables import SHARDS, TABLES, Shard, schemas


class Output:
    """An output folder.

    Args:
        url: A local path or any fsspec URL.
    """

    def __init__(self, url: str):
        self.given = url
        self.fs, path = fsspec.core.url_to_fs(url)
        self.path = path.rstrip("/")
        self.url = self.fs.unstrip_protocol(self.path)
        if self.fs.isfile(self.path):
            raise SoundbeamError(f"{url}: is a file; --output must be a folder")

    def runs(self) -> list[dict[str, Any]]:
        """The committed runs' ``run.json``, oldest first."""
        names = sorted(self.fs.glob(f"{self.path}/runs/run=*/run.json"))
        found = []
        for name in names:
            with self.fs.open(name, "r", encoding="utf-8") as file:
                try:
                    found.append(json.load(file))
                except json.JSONDecodeError as e:
                    raise SoundbeamError(f"{self.fs.unstrip_protocol(name)}: not readable ({e}); remove it") from e
        return sorted(found, key=lambda run: run["run"])

    def begin(self) -> str:
        """A new run's name; its time comes first, so names sort by age."""
        return f"{datetime.datetime.now(datetime.timezone.utc):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"

    def staging(self, run: str) -> str:
        """URL of the folder that a run writes into before it is committed."""
        return f"{self.url}/_staging/{run}"

    def staged_shards(self, run: str) -> list[Shard]:
        """The shards that a finished pipeline named; none when it wrote none."""
        path = f"{self.path}/_staging/{run}/{SHARDS}"
        with self.fs.open(path, "r", encoding="utf-8") as file:
            return [Shard(**shard) for shard in json.load(file)]

    def table(self, name: str, run: str) -> str:
        """Path, on this file system, of one run's shards of a table."""
        return f"{self.path}/{name}/run={run}"

    def discard(self, run: str) -> None:
        """Removes what a run staged."""
        staging = f"{self.path}/_staging/{run}"
        if self.fs.exists(staging):
            self.fs.rm(staging, recursive=True)
        parent = f"{self.path}/_staging"
        if self.fs.exists(parent) and not self.fs.ls(parent, detail=False):
            self.fs.rmdir(parent)

    def commit(self, run: str, shards: Iterable[Shard], labels: tuple[str, ...], info: dict[str, Any]) -> None:
        """Makes a run's tables visible: the shards that were named, then ``run.json``.

        A shard that lies in staging without being named is of a bundle that died; it is dropped. Every table gets at
        least one shard, if an empty one, so that each can be read.
        """
        named: dict[str, set[str]] = {table: set() for table in TABLES}
        for shard in shards:
            named[shard.table].add(shard.name)
        for table, names in named.items():
            staged = f"{self.path}/_staging/{run}/{table}"
            self.fs.makedirs(staged, exist_ok=True)
            for path in self.fs.ls(staged, detail=False):
                if path.rstrip("/").rpartition("/")[2] not in names:
                    self.fs.rm(path)
            if not names:
                with self.fs.open(f"{staged}/part-empty.parquet", "wb") as file:
                    pq.write_table(schemas(labels, info)[table].empty_table(), file)
            self.fs.makedirs(f"{self.path}/{table}", exist_ok=True)
            self.fs.mv(staged, self.table(table, run), recursive=True)
        folder = f"{self.path}/runs/run={run}"
        self.fs.makedirs(folder, exist_ok=True)
        with self.fs.open(f"{folder}/run.json.tmp", "w", encoding="utf-8") as file:
            json.dump(info, file, indent=1, ensure_ascii=False)
        self.fs.mv(f"{folder}/run.json.tmp", f"{folder}/run.json")
        self.discard(run)
