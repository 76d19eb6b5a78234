"""``python -m soundbeam.pipelines.materialize …``."""

from soundbeam.pipelines.materialize.program import main

raise SystemExit(main())
