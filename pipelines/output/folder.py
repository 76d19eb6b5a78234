"""An output folder: what its parts are called, and the runs that are committed in it.

OUTPUT/predictions/run=ID/part-00000.parquet    likewise calls/, counts/, recordings/
OUTPUT/runs/run=ID/deployments.csv              where and when recorders were, if the run was told
OUTPUT/runs/run=ID/run.json                     written last: a run without it is no result
OUTPUT/_staging/ID/…                            a run that is still going or has died: see `pipelines.output.staging`
"""

from __future__ import annotations

import contextlib
import datetime
import json
import secrets

from fsspec.implementations.local import LocalFileSystem

from soundbeam.model.errors import ResultsError, SoundbeamError
from soundbeam.model.storage.files import locate, write_at_once
from soundbeam.pipelines.output.run_info import RunInfo

_TIME = "%Y%m%dT%H%M%SZ"


class Output:
    """An output folder.

    Args:
        url: A local path or any fsspec URL.

    Attributes:
        user_url: The URL as the user wrote it, for messages.
        place: Its file system, as a `Place`.
        fs: The same, as fsspec's.
        path: The folder's path on that file system.
        url: The folder's full URL.
        local: Whether it is on a local disk.

    Raises:
        SoundbeamError: It is a file, or its store is unknown.
    """

    def __init__(self, url: str):
        self.user_url = url
        self.place, self.path = locate(url)
        self.fs = self.place.fs
        self.url = self.fs.unstrip_protocol(self.path)
        self.local = isinstance(self.fs, LocalFileSystem)
        if self.fs.isfile(self.path):
            raise SoundbeamError(f"{url}: is a file; the output must be a folder")

    def table_path(self, table: str, run: str) -> str:
        """Path of the folder that holds one run's shards of a table."""
        return f"{self.path}/{table}/run={run}"

    def parts_of(self, table: str, run: str) -> list[str]:
        """Paths of one run's Parquet files of a table. Another program's hidden files may lie beside them."""
        folder = self.table_path(table, run)
        names = self.place.names(folder)
        return [f"{folder}/{name}" for name in names if name.endswith(".parquet") and not name.startswith(".")]

    def staging_path(self, run: str) -> str:
        """Path of the folder that a run writes into before it is committed."""
        return f"{self.path}/_staging/{run}"

    def staging_url(self, run: str) -> str:
        """URL of the same folder, for workers on other machines."""
        return f"{self.url}/_staging/{run}"

    def begun_runs(self) -> list[str]:
        """Names of the runs that have begun and are not committed: one may be going, the others have died."""
        runs = self.place.names(f"{self.path}/_staging")
        return [run for run in runs if self.fs.exists(f"{self.staging_path(run)}/begin.json")]

    def runs(self) -> list[RunInfo]:
        """The committed runs, oldest first.

        Raises:
            ResultsError: A ``run.json`` is damaged.
        """
        runs = []
        for path in self._run_files():
            with self.fs.open(path, "r", encoding="utf-8") as file:
                try:
                    runs.append(RunInfo.from_dict(json.load(file)))
                except (ValueError, TypeError, AttributeError) as e:
                    raise ResultsError(f"{self.fs.unstrip_protocol(path)}: not readable ({e}); remove it") from e
        return sorted(runs, key=lambda info: info.run)

    def write_run(self, info: RunInfo, deployments: str = "") -> None:
        """Writes a run's ``deployments.csv``, if there are any, and ``run.json``, which makes its tables visible."""
        if deployments:
            write_at_once(self.fs, self.deployments_path(info.run), deployments.encode())
        text = json.dumps(info.to_dict(), indent=1, ensure_ascii=False)
        write_at_once(self.fs, f"{self.path}/runs/run={info.run}/run.json", text.encode())

    def deployments_path(self, run: str) -> str:
        """Path of the table of deployments that a run was told, if it was."""
        return f"{self.path}/runs/run={run}/deployments.csv"

    def _run_files(self) -> list[str]:
        folder = f"{self.path}/runs"
        paths = [f"{folder}/{name}/run.json" for name in self.place.names(folder) if name.startswith("run=")]
        return [path for path in paths if self.fs.exists(path)]

    def newest_name(self) -> str:
        """The greatest name of all runs, committed or only begun; "" where there is none."""
        committed = [path.split("/")[-2].removeprefix("run=") for path in self._run_files()]
        return max([*committed, *self.begun_runs()], default="")

    def new_name(self) -> str:
        """A name for a new run. It begins with the time and sorts after all others, even if the clock was set back."""
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        newest_time = self.newest_name().partition("-")[0]
        with contextlib.suppress(ValueError):  # a name that is not ours
            now = max(now, datetime.datetime.strptime(newest_time, _TIME) + datetime.timedelta(seconds=1))
        return f"{now:{_TIME}}-{secrets.token_hex(3)}"
