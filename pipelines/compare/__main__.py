"""``python -m soundbeam.pipelines.compare …``."""

from soundbeam.pipelines.compare.program import main

raise SystemExit(main())
