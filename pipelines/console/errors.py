"""How a program ends: one line for an error, and an exit code."""

from __future__ import annotations

import errno
import functools
import os
import sys
from collections.abc import Callable

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.extras import missing_package
from soundbeam.pipelines.console.output import plain
from soundbeam.pipelines.console.process import DEBUG, prepare_process
from soundbeam.pipelines.console.streams import UNPRINTED, unprinted


def program(name: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Decorates a ``main(argv) -> int``: the process is prepared, and errors become one line on stderr.

    The exit code is then 1, or 130 after an interrupt. Where the work was done and standard output could not take the
    result, e.g. because a disk is full, that is one line too, and the exit code `UNPRINTED`.

    Args:
        name: The program's name, shown in that line.
    """

    def wrap(main: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(main)
        def run(argv: list[str] | None = None) -> int:
            prepare_process()
            from soundbeam.model.storage.stores import restored_options  # 'soundbeam --help' needs no store

            try:
                with restored_options():
                    return printed(name, main(argv))
            except SystemExit as e:  # argparse: help, or a wrong option
                sys.exit(e.code or printed(name, 0))
            except (Exception, KeyboardInterrupt) as e:
                if os.environ.get(DEBUG):
                    raise
                sys.stdout.flush()
                print(f"soundbeam {name}: error: {plain(explain(e))}", file=sys.stderr)
                return exit_code(e)

        return run

    return wrap


def printed(name: str, code: int) -> int:
    """The exit code of what ended with ``code``; another one if its output could not be printed."""
    error = None if code else unprinted()
    if error is None:
        return code
    reason = f"all was done, but its output could not be printed ({error.strerror})"
    print(f"{f'soundbeam {name}'.strip()}: error: {reason}", file=sys.stderr)
    return UNPRINTED


def explain(e: BaseException) -> str:
    """Describes an error on one line; for an unexpected one, also how to see where it came from."""
    if isinstance(e, SoundbeamError):
        return " ".join(str(e).split())
    if isinstance(e, KeyboardInterrupt):
        return "interrupted; nothing of this run counts as a result"
    if isinstance(e, ModuleNotFoundError) and e.name and e.name.partition(".")[0] != "soundbeam":
        return missing_package(e.name)
    if isinstance(e, OSError) and e.errno == errno.ENOSPC:
        return f"disk full while writing {e.filename or 'the output'}; free some space and run again"
    if isinstance(e, OSError) and e.errno == errno.EFBIG:
        return f"{e.filename or 'a file'} grew larger than this shell allows; see 'ulimit -f'"
    if isinstance(e, OSError) and e.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and e.filename:
        return f"{e.filename}: {e.strerror}; check the permissions"
    if isinstance(e, OSError) and e.filename:
        return f"{e.filename}: {e.strerror}"
    from soundbeam.model.storage.stores import explain_store_error

    explanation = explain_store_error(e)
    if explanation is not None:
        return explanation
    message = " ".join(str(e).split())[:500]
    return f"{type(e).__name__}{': ' * bool(message)}{message} (set {DEBUG}=1 to see where)"


def exit_code(e: BaseException) -> int:
    """The exit code for an error: 130 for an interrupt, as is usual in shells, else 1."""
    return 130 if isinstance(e, KeyboardInterrupt) else 1
