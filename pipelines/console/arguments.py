"""A program's command line: its parser, and the types of its options."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from typing import Any, NoReturn

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.stores import parse_options, use_options


class Parser(argparse.ArgumentParser):
    """argparse with an example under the options, no abbreviations, and errors of one line."""

    def __init__(self, program: str, description: str, example: str):
        super().__init__(
            prog=f"soundbeam {program}",
            description=description,
            epilog=f"example:\n  {example}",
            formatter_class=functools.partial(argparse.RawDescriptionHelpFormatter, max_help_position=26),
            allow_abbrev=False,
        )
        self.add_argument(
            "--storage-options",
            action=_UseOptions,
            metavar="JSON",
            help="of remote stores, or @FILE: docs/stores.md",
        )

    def error(self, message: str) -> NoReturn:
        """Ends the program with exit code 2 and one line."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


class _UseOptions(argparse.Action):
    """Applies the options at once, and keeps them out of the values that a program passes on or prints."""

    def __init__(self, option_strings: list[str], dest: str, **others: Any):
        super().__init__(option_strings, dest, default=argparse.SUPPRESS, **others)

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        try:
            use_options(parse_options(values))
        except SoundbeamError as e:
            parser.error(f"--storage-options: {e}")


def option_names(parser: argparse.ArgumentParser) -> list[str]:
    """The options that a parser accepts, which argparse lists nowhere in its public interface."""
    return list(parser._option_string_actions)


def positive(text: str) -> float:
    """An argparse type: a finite number above zero."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above zero")
    return value


def positive_int(text: str) -> int:
    """An argparse type: a whole number above zero."""
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above zero")
    return value


def channel(text: str) -> int | str:
    """An argparse type: ``mean``, ``each`` or the number of a channel, from 1 on."""
    if text in ("mean", "each"):
        return text
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is neither mean nor each nor the number of a channel, from 1 on")
    return int(text)


def share(*, low_open: bool = False, high_open: bool = False) -> Callable[[str], float]:
    """An argparse type: a number from 0 to 1.

    Args:
        low_open: Whether 0 itself is refused.
        high_open: Whether 1 itself is refused.
    """
    bounds = f"{'above' if low_open else 'at least'} 0 and {'below' if high_open else 'at most'} 1"

    def share(text: str) -> float:  # argparse shows this function's name if a text is not a number
        value = float(text)
        if not 0 <= value <= 1 or (low_open and value == 0) or (high_open and value == 1):
            raise argparse.ArgumentTypeError(f"{text} is not {bounds}")
        return value

    return share


def folds(text: str) -> int:
    """An argparse type: how many folds, 2 or more."""
    value = positive_int(text)
    if value < 2:
        raise argparse.ArgumentTypeError("one fold leaves nothing to train on; give 2 or more")
    return value
