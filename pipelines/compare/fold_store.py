"""Keeps the figures of measured folds, so that an interrupted comparison can be resumed."""

from __future__ import annotations

import dataclasses
import io

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.training.comparison import FoldRow


class Results:
    """A folder of one Parquet file a fold; files of other settings may lie beside them.

    Args:
        url: Its URL.
    """

    def __init__(self, url: str):
        from soundbeam.model.storage.files import locate

        place, self._folder = locate(url)
        self._fs = place.fs
        if self._fs.isfile(self._folder):
            raise SoundbeamError(f"{url}: is a file; give a folder for the results")

    def read(self, architecture: str, key: str) -> FoldRow | None:
        """The row of that key; None where it is not done yet."""
        from soundbeam.model.storage.parquet import open_parquet, read_rows
        from soundbeam.model.training.comparison import FoldRow

        path = self._path(architecture, key)
        if not self._fs.exists(path):
            return None
        with open_parquet(self._fs, path) as parquet:
            return FoldRow(**read_rows(parquet).to_pylist()[0])

    def write(self, row: FoldRow) -> None:
        """Writes a row, whole or not at all."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        from soundbeam.model.storage.files import write_at_once

        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist([dataclasses.asdict(row)]), buffer)
        write_at_once(self._fs, self._path(row.architecture, row.key), buffer.getvalue())

    def _path(self, architecture: str, key: str) -> str:
        return f"{self._folder}/{architecture}-{key[:16]}.parquet"
