"""``python -m soundbeam.pipelines.import_model …``."""

from soundbeam.pipelines.cli import launch

raise SystemExit(launch("import"))
