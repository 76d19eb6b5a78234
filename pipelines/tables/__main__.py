"""``python -m soundbeam.pipelines.tables …``."""

from soundbeam.pipelines.tables.program import main

raise SystemExit(main())
