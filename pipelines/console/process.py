"""What a program sets for its whole process when it starts; importing a module sets nothing."""

from __future__ import annotations

import gc
import logging
import os
import warnings

# Set in the environment, errors come with their stack traces.
DEBUG = "SOUNDBEAM_DEBUG"


def prepare_process() -> None:
    """Makes this process one of a program's: quiet, and with less search for garbage. A second time changes nothing.

    It is called before TensorFlow and Beam are imported, which look at some of it only then.
    """
    # TensorFlow's start-up messages would bury the one line that matters.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Python's own child processes would import from the current folder; 3.11 and later know this.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    # TensorFlow and Beam make half a million objects that stay. Python by itself would look for garbage after every 700
    # new ones, often through all of them.
    gc.set_threshold(50_000)
    # Beam warns on loading of clients that nobody asked for.
    logging.getLogger().setLevel(logging.ERROR)
    # Google's packages warn of Python versions that they will leave; a user of a scan can do nothing about it.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.api_core")
    # Logs each failed request with its stack trace; it raises them as well.
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)
