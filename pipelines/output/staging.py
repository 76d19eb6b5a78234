"""Runs that are not committed: how one begins, becomes visible, or is taken over after it died."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterable, Iterator

import pyarrow as pa

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import make_folder, write_at_once
from soundbeam.model.storage.parquet import open_parquet
from soundbeam.pipelines.output.compaction import compact
from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.output.lock import OutputLock
from soundbeam.pipelines.output.run_info import RunInfo, ScanParameters
from soundbeam.transforms.tables.schemas import CHECKPOINTS, SHARDS, TABLES, Shard, schemas


@dataclasses.dataclass(frozen=True)
class DeadRun:
    """A run that died before it was committed.

    Attributes:
        run: Name of the run.
        shards: What its checkpoints name: the rows of whole recordings, each recording's once.
    """

    run: str
    shards: tuple[Shard, ...]


class Staging:
    """The staging folder of an output. Apart from `checkpoints`, only whoever runs `new_run` may use it."""

    def __init__(self, output: Output):
        self._output, self._place, self._fs = output, output.place, output.fs

    @contextlib.contextmanager
    def new_run(self, parameters: ScanParameters, *, keep: bool = False) -> Iterator[str]:
        """Begins a run and holds the output's lock while it lasts; gives the run's name.

        Afterwards what the run staged is removed, unless the run failed and has checkpoints: the next scan takes those
        over.

        Args:
            parameters: The run's parameters.
            keep: Whether to leave the staging folder in any case, for a job that has yet to start.

        Raises:
            SoundbeamError: Another scan is writing there.
        """
        run, lock = self._begin(parameters)
        with lock:
            try:
                self._sweep(run)
                yield run
            except BaseException:
                if not (keep or any(self.checkpoints(run))):
                    self.discard(run)
                raise
            if not keep:
                self.discard(run)

    def _begin(self, parameters: ScanParameters) -> tuple[str, OutputLock]:
        self._refuse_links()
        while True:
            run = self._output.new_name()
            lock = OutputLock(self._output, run)
            try:
                # False where another run was committed between the choice of the name and the lock.
                if self._output.newest_name() <= run:
                    self._write_begin(run, parameters)
                    return run, lock
            except BaseException:
                lock.release()
                raise
            lock.release()

    def _write_begin(self, run: str, parameters: ScanParameters) -> None:
        begin = {"run": run, "settings": parameters.settings, **dataclasses.asdict(parameters)}
        text = json.dumps(begin, indent=1, ensure_ascii=False)
        write_at_once(self._fs, f"{self._output.staging_path(run)}/begin.json", text.encode())

    def _refuse_links(self) -> None:
        """Raises SoundbeamError where a folder that is written into is a link, and so leads out of the output."""
        if not self._output.local:
            return
        for name in (*TABLES, "runs", "_staging", "_staging/lock"):
            path = f"{self._output.path}/{name}"
            if os.path.islink(path):
                raise SoundbeamError(f"{path}: is a link out of the output; put a folder in its place")

    def _sweep(self, alive: str) -> None:
        """Removes what runs left behind that died while they committed or cleaned up.

        That is tables without a ``run.json``, and what was staged by runs that are committed, or taken over by one
        that is: their rows must not be taken over again.
        """
        runs = self._output.runs()
        committed = {info.run for info in runs}
        for folder in (*TABLES, "runs"):
            for name in self._place.names(f"{self._output.path}/{folder}"):
                if name.startswith("run=") and name.removeprefix("run=") not in committed | {alive}:
                    self._place.remove(f"{self._output.path}/{folder}/{name}")
        done = committed | {dead for info in runs for dead in info.taken_over}
        for run in self._place.names(f"{self._output.path}/_staging"):
            path = self._output.staging_path(run)
            begun = any(self._fs.exists(f"{path}/{name}") for name in ("begin.json", "alive"))
            nothing_staged = self._fs.isdir(path) and not begun
            if run != alive and (run in done or nothing_staged):
                self._place.remove(path)

    def discard(self, run: str) -> None:
        """Removes what a run staged."""
        staging = self._output.staging_path(run)
        if self._fs.exists(staging):
            self._place.remove(staging)

    def dead_runs(self, settings: str, alive: str) -> list[DeadRun]:
        """The dead runs with these settings, oldest first: all that have begun except the one that is alive."""
        dead_runs = []
        for run in self._output.begun_runs():
            with self._fs.open(f"{self._output.staging_path(run)}/begin.json", "r", encoding="utf-8") as file:
                try:
                    begin = json.load(file)
                except json.JSONDecodeError:
                    continue  # it died while it wrote this file, its first
            if run != alive and begin.get("settings") == settings:
                whole = [c for c in self.checkpoints(run) if all(self._is_whole(run, shard) for shard in c)]
                dead_runs.append(DeadRun(run, tuple(shard for checkpoint in whole for shard in checkpoint)))
        return dead_runs

    def checkpoints(self, run: str) -> Iterator[list[Shard]]:
        """The shards that each checkpoint of a run names."""
        folder = f"{self._output.staging_path(run)}/{CHECKPOINTS}"
        for name in self._place.names(folder):
            if not name.endswith(".json"):
                continue
            with self._fs.open(f"{folder}/{name}", "r", encoding="utf-8") as file:
                try:
                    yield [Shard(**shard) for shard in json.load(file)]
                except json.JSONDecodeError:
                    continue  # it is being written, or its run died while it was

    def _is_whole(self, run: str, shard: Shard) -> bool:
        """Whether a shard is there to its end: a machine that lost its power may have lost it."""
        try:
            with open_parquet(self._fs, f"{self._output.staging_path(run)}/{shard.table}/{shard.name}") as parquet:
                return bool(parquet.metadata.num_rows == shard.rows)
        except (FileNotFoundError, pa.ArrowInvalid):
            return False

    def ledger(self, settings: str, dead_runs: list[DeadRun]) -> list[tuple[int, str]]:
        """(age, URL) of each shard of ``recordings`` that says what is done: those of runs with these settings, then of
        dead ones."""
        shards = []
        runs = [info.run for info in self._output.runs() if info.settings == settings]
        for age, run in enumerate(runs):
            shards += [(age, self._fs.unstrip_protocol(path)) for path in self._output.parts_of("recordings", run)]
        for age, dead in enumerate(dead_runs, start=len(runs)):
            folder = f"{self._output.staging_url(dead.run)}/recordings"
            shards += [(age, f"{folder}/{shard.name}") for shard in dead.shards if shard.table == "recordings"]
        return shards

    def finished_shards(self, run: str) -> tuple[list[Shard], dict[str, int]]:
        """The shards that a finished pipeline named, and the numbers of `CountFiles`."""
        with self._fs.open(f"{self._output.staging_path(run)}/{SHARDS}", "r", encoding="utf-8") as file:
            content = json.load(file)
        return [Shard(**shard) for shard in content["shards"]], content["tally"]

    def commit(
        self, info: RunInfo, shards: Iterable[Shard], dead_runs: Iterable[DeadRun], deployments: str = ""
    ) -> None:
        """Makes a run's tables visible: first the tables, each at once where the store can rename, then ``run.json``.

        A staged shard that is not named belongs to a bundle that died; it is dropped. From dead runs, the rows of
        recordings that this run scanned itself are dropped. Every table gets at least one shard, if an empty one, so
        that each can be read.

        Args:
            info: What ``run.json`` is to say.
            shards: The run's own shards.
            dead_runs: The runs whose rows it takes over.
            deployments: The table of deployments that the run was told, as CSV; "" without one.
        """
        run, output = info.run, self._output
        sources = [(output.staging_path(run), list(shards))]
        # The newest first: where it scanned a recording, an older run had scanned an older version of it.
        dead_runs = sorted(dead_runs, key=lambda dead: dead.run, reverse=True)
        sources += [(output.staging_path(dead.run), list(dead.shards)) for dead in dead_runs]
        for table, schema in schemas(tuple(info.labels), info.to_dict()).items():
            # Only local disks can rename a folder; on other stores nothing is visible before run.json.
            ready = f"{output.staging_path(run)}/commit/{table}" if output.local else output.table_path(table, run)
            compact(self._fs, sources, table, schema, ready)
            if output.local:
                make_folder(self._fs, f"{output.path}/{table}")
                self._fs.mv(ready, output.table_path(table, run), recursive=True)
        output.write_run(info, deployments)
        for dead in dead_runs:
            self.discard(dead.run)
        self.discard(run)
