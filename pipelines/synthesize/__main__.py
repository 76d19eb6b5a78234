"""``python -m soundbeam.pipelines.synthesize …``."""

from soundbeam.pipelines.synthesize.program import main

raise SystemExit(main())
