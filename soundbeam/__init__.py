"""soundbeam finds and counts sounds in any number of recordings.

Example:
    >>> import soundbeam
    >>> classifier = soundbeam.load_classifier("bundle/")
    >>> classifier.calls("recording.wav").num_rows
    2

Every path may be a `str`, a `pathlib.Path` or another `os.PathLike`; a URL is a `str`.

Importing soundbeam loads neither TensorFlow nor Beam; the functions that need them load them when they are called.
Errors that a user can correct are raised as a `SoundbeamError`; `soundbeam.model.errors` shows the tree.
"""

from __future__ import annotations

import importlib.util
import os

if importlib.util.find_spec("soundbeam.model") is None:
    # A checkout on PYTHONPATH that was not installed: the three folders lie beside this one.
    __path__.append(os.path.dirname(__path__[0]))

from soundbeam.bundles import calibrate, import_model, load_classifier, materialize, train
from soundbeam.findings import evaluate, export, report
from soundbeam.model.errors import BundleError, DecodeError, OptionError, ResultsError, ScanError, SoundbeamError
from soundbeam.reading import read_table, stream_table
from soundbeam.reviewing import review_import, review_report, review_sample
from soundbeam.scanning import embed, scan, search
from soundbeam.time_and_place import effort, problems

__all__ = [
    "BundleError",
    "DecodeError",
    "OptionError",
    "ResultsError",
    "ScanError",
    "SoundbeamError",
    "calibrate",
    "effort",
    "embed",
    "evaluate",
    "export",
    "import_model",
    "load_classifier",
    "materialize",
    "problems",
    "read_table",
    "report",
    "review_import",
    "review_report",
    "review_sample",
    "scan",
    "search",
    "stream_table",
    "train",
]
