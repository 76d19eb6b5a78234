"""Settings of the whole process, made when a program starts and not when a module is imported."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
import warnings

from soundbeam.pipelines.console.streams import prepare_streams

# If this environment variable is set, errors are raised with their stack traces.
DEBUG = "SOUNDBEAM_DEBUG"


def restart_in_utf8() -> None:
    """Starts this program anew where file names would not be read as UTF-8: in a locale of Latin-1 or ASCII."""
    if sys.getfilesystemencoding().lower() != "utf-8":
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, "PYTHONUTF8": "1"})


def prepare_process() -> None:
    """Prepares this process for a program: streams, log and garbage collection. A second call changes nothing.

    It must be called before TensorFlow and Beam are imported: they read some of these settings only then.
    """
    prepare_streams()
    # TensorFlow's start-up messages would bury the one line that matters.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Else Python's child processes would import from the current folder. Python 3.11 and later know this variable.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    # TensorFlow and Beam create half a million objects that stay. By default Python collects garbage after every 700
    # new objects, and often searches all of them.
    gc.set_threshold(50_000)
    # When Python ends, it would search all of them once more, for a fifth of a short scan's time.
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
    # On import Beam warns of missing clients that soundbeam does not use.
    logging.getLogger().setLevel(logging.ERROR)
    # Google's packages warn of Python versions that they will drop; the user of a scan can do nothing about it.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.api_core")
    # gcsfs logs each failed request with its stack trace, and raises the error as well.
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)


def cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
