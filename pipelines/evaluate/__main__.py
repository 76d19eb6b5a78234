"""``python -m soundbeam.pipelines.evaluate …``."""

from soundbeam.pipelines.evaluate.program import main

raise SystemExit(main())
