"""The page on which windows are looked at, heard and judged, in the browser: ``soundbeam review`` without a word."""

from __future__ import annotations

import argparse
import getpass
import sys

from soundbeam.pipelines.console.arguments import Parser
from soundbeam.pipelines.console.output import plain, say
from soundbeam.pipelines.review.program import words_help


def parser() -> Parser:
    """The program's options."""
    p = Parser(
        "review",
        "Opens a page in the browser on which the windows that 'soundbeam review sample' drew are looked at, heard\n"
        f"and judged. It is served from this machine, to its own browsers only. Other words:\n{words_help()}",
        "soundbeam review --output results/ --label capuchinbird",
    )
    p.add_argument("--output", required=True, metavar="DIR", help="the scan's output; path or fsspec URL")
    p.add_argument("--label", metavar="LABEL", help="only windows drawn for this label (all)")
    p.add_argument(
        "--reviewer", default=login_name(), type=name, metavar="NAME", help="whose verdicts they are (%(default)s)"
    )
    p.add_argument(
        "--adjudicate", action="store_true", help="decide only those windows that reviewers judged differently"
    )
    p.add_argument("--port", type=port, metavar="PORT", help="the page's port (a free one)")
    p.add_argument("--no-browser", action="store_true", help="only print the page's address")
    return p


def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    options = parser().parse_args(argv)
    from soundbeam.pipelines.review.server import serve
    from soundbeam.pipelines.review.session import Session

    session = Session(options.output, options.reviewer, options.label, options.adjudicate)
    for notice in session.notices:
        print(f"soundbeam review: {plain(notice)}", file=sys.stderr)
    serve(session, options.port, not options.no_browser)
    progress = session.progress()
    say(f"{progress['judged']} of {progress['windows']} windows judged by {session.reviewer}")
    return 0


def login_name() -> str:
    """The name of who is logged in; "reviewer" where the system does not know."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "reviewer"


def name(text: str) -> str:
    """An argparse type: a reviewer's name."""
    from soundbeam.pipelines.review.store import ADJUDICATED

    text = text.strip()
    if not text or len(text) > 100 or not text.isprintable():
        raise argparse.ArgumentTypeError("give a name of 1 to 100 printable characters")
    if text == ADJUDICATED:
        raise argparse.ArgumentTypeError(f"{ADJUDICATED!r} is who decides between reviewers: use --adjudicate")
    return text


def port(text: str) -> int:
    """An argparse type: a port that a user may listen on."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port; give a number from 1024 to 65535")
    return int(text)
