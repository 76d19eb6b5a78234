"""``python -m soundbeam.pipelines.train …``."""

from soundbeam.pipelines.train.program import main

raise SystemExit(main())
