"""A bucket in a store that a test started, and what its tables must say."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from soundbeam.model.storage import stores

BUCKET = "field"
SECRET = "s3cr3t+only/for+tests"


@dataclasses.dataclass
class Store:
    """One bucket.

    Attributes:
        url: Of the bucket.
        options: What a user gives as ``--storage-options``.
        secrets: What must appear nowhere.
    """

    url: str
    options: dict[str, dict[str, Any]]
    secrets: tuple[str, ...] = ()

    @property
    def fs(self):
        with stores.restored_options():
            stores.use_options(self.options)
            return stores.file_system_of(self.url, use_listings_cache=False)[0]

    def upload(self, folder, name):
        """Puts a folder's files below a name in the bucket."""
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                self.fs.pipe_file(f"{self.url}/{name}/{path.relative_to(folder)}", path.read_bytes())

    def objects(self, name=""):
        """path → bytes of all that is below a name."""
        return {path: self.fs.cat_file(path) for path in self.fs.find(f"{self.url}/{name}")}


def names_only(found):
    """Tables with the names below ``recordings``, without what the store itself says, and in one order."""
    found = json.loads(json.dumps(found, default=str))
    for rows in found.values():
        for row in rows:
            row["recording"] = row["recording"].partition("recordings/")[2]
            row.pop("version", None)
        rows.sort(key=json.dumps)
    return found
