"""What a flex template's launcher runs: this builds the job of a scan, and Dataflow then starts it."""

import sys

from soundbeam.pipelines.scan.program import main

if __name__ == "__main__":
    sys.exit(main())
