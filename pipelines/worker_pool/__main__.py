"""``python -m soundbeam.pipelines.worker_pool …``."""

from soundbeam.pipelines.worker_pool.program import main

raise SystemExit(main())
