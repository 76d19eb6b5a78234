"""A program's command line: its parser, and the types of its options."""

from __future__ import annotations

import argparse
import functools
import math
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.stores import parse_options, use_options

_Number = TypeVar("_Number", int, float)


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
    return _within(float, text, "a number above zero", lambda value: 0 < value < math.inf)


def positive_int(text: str) -> int:
    """An argparse type: a whole number above zero."""
    return _within(int, text, "a whole number above zero", lambda value: value > 0)


def seconds(text: str) -> float:
    """An argparse type: a finite number of seconds, 0 or more."""
    return _within(float, text, "a number of seconds, 0 or more", lambda value: 0 <= value < math.inf)


def whole(text: str) -> int:
    """An argparse type: a whole number, 0 or more."""
    return _within(int, text, "a whole number, 0 or more", lambda value: value >= 0)


def _within(kind: Callable[[str], _Number], text: str, what: str, right: Callable[[_Number], bool]) -> _Number:
    """What a text says, if it is a number and the right one."""
    try:
        value = kind(text)
    except ValueError:  # argparse would show the name of a function
        value = None
    if value is None or not right(value):
        raise argparse.ArgumentTypeError(f"{text} is not {what}")
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

    def right(value: float) -> bool:
        return 0 <= value <= 1 and not (low_open and value == 0) and not (high_open and value == 1)

    return lambda text: _within(float, text, f"a number {bounds}", right)


def folds(text: str) -> int:
    """An argparse type: how many folds, 2 or more."""
    value = positive_int(text)
    if value < 2:
        raise argparse.ArgumentTypeError("one fold leaves nothing to train on; give 2 or more")
    return value
