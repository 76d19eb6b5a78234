"""``python -m soundbeam.pipelines.materialize …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("materialize"))
