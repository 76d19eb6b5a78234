"""What a flex template's launcher runs: a scan whose job Dataflow starts when this has described it."""

import sys

from soundbeam.pipelines.scan.program import main

if __name__ == "__main__":
    sys.exit(main())
