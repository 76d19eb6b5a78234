"""``python -m soundbeam.pipelines.show …``."""

from soundbeam.pipelines.show.program import main

raise SystemExit(main())
