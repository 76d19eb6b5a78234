"""``python -m soundbeam.pipelines.scan …``."""

from soundbeam.pipelines.scan.program import main

raise SystemExit(main())
