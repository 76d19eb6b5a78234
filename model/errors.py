"""The exceptions that soundbeam raises for errors that a user can fix.

    SoundbeamError         all of them
    ├── DecodeError        a recording cannot be decoded, or only in part
    ├── BundleError        a folder is no classifier bundle, or a damaged one, or cannot take one
    ├── OptionError        a value or an option is invalid
    ├── ResultsError       an output folder has no such table, column, run or classifier
    ├── ScanError          a scan has run, and not one of its files could be scanned
    └── MissingExtra       a store's client is not installed (also an ImportError)

MissingExtra is defined in `model.storage.stores`. Errors without a class of their own are plain SoundbeamErrors.

Example:
    >>> import soundbeam
    >>> try:
    ...     soundbeam.load_classifier("nowhere/")
    ... except soundbeam.BundleError as e:
    ...     print(e)
    nowhere: no classifier there (no classifier.json); make one with 'soundbeam train' or 'import'
"""

from __future__ import annotations

from typing import Literal

# Why a recording cannot be decoded, in one word for the counters.
DecodeCause = Literal["format", "damaged", "truncated", "changed", "storage", "extra", "memory", "unexpected"]


class SoundbeamError(Exception):
    """An error that the user can fix.

    The message is one line that names the file, folder or option and says what to do. Every program
    prints it on stderr and ends with a non-zero code.
    """


class DecodeError(SoundbeamError):
    """Decoding cannot start or continue.

    Args:
        message: One line, in words that a user understands.
        cause: One word for the counters.
    """

    def __init__(self, message: str, cause: DecodeCause = "damaged"):
        super().__init__(message, cause)
        self.message, self.cause = " ".join(message.split()), cause

    def __str__(self) -> str:
        return self.message


class BundleError(SoundbeamError):
    """A folder is no classifier bundle, or an incomplete or changed one, or cannot take one."""


class OptionError(SoundbeamError):
    """A value or an option is invalid."""


class ResultsError(SoundbeamError):
    """An output folder has no such table, column, run or classifier."""


class ScanError(SoundbeamError):
    """A scan has run, and not one of its files could be scanned; its table ``recordings`` says why."""
