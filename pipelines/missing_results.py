"""Why an output folder holds no results, or not those that are wanted, and what to do."""

from __future__ import annotations

from soundbeam.pipelines.output.folder import Output
from soundbeam.transforms.tables.schemas import TABLES


def why_no(table: str) -> str:
    """Why no run wrote a table, and what to do."""
    if table == "embeddings":
        return "no embeddings in it; scan with --embeddings, or make them with 'soundbeam embed'"
    return f"no table {table} in it, only embeddings; make one with 'soundbeam scan' in another folder"


def why_empty(output: Output) -> str:
    """Why a folder holds no committed run, and what to do."""
    if not output.fs.exists(output.path):
        return "no such folder; give the folder that 'soundbeam scan' or 'embed' wrote (--output)"
    names = output.place.names(output.path)
    if any(name.startswith("run=") for name in names):
        return "one table of an output; give the folder above it"
    if any(name.endswith(".parquet") for name in names):
        return "one run's rows of a table; give the folder above the tables"
    begun = output.begun_runs()
    if begun:
        return f"no finished scan in it: run {begun[-1]} is running or was interrupted; wait, or scan again"
    if any(name in TABLES for name in names):
        return "no finished scan in it: it has tables but no runs/*/run.json; copy it again as a whole, or scan again"
    return "no finished scan in it; make one with 'soundbeam scan --output'"
