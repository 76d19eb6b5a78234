"""``python -m soundbeam.pipelines.label …``."""

from soundbeam.pipelines.label.program import main

raise SystemExit(main())
