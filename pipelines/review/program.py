"""Reviews what a scan found: draws windows, shows them, takes verdicts, and says what they come to.

    soundbeam review --output results/
    soundbeam review sample --output results/ --label call -n 200
    soundbeam review import judged.csv --output results/
    soundbeam review next --output results/ -n 50
    soundbeam review report --output results/

Without a word in front of the options, the page for looking opens in the browser.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from soundbeam.pipelines.console.errors import program

# Word → the module of `pipelines.review` with its ``main``, and what it does. Without a word: the page.
WORDS = {
    "sample": ("sampling", "draw windows for review"),
    "next": ("uncertain", "draw what the present detector is least sure of"),
    "import": ("judged_elsewhere", "take verdicts that were given with other tools"),
    "report": ("reporting", "what the verdicts come to: precision, recall, totals"),
}
PAGE = "looking"


@program("review")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    words = sys.argv[1:] if argv is None else argv
    if words and words[0] in WORDS:
        return int(_module(WORDS[words[0]][0]).main(list(words[1:])))
    if words and not words[0].startswith("-"):
        print(f"soundbeam review: error: no word {words[0]!r}; there are {', '.join(WORDS)}", file=sys.stderr)
        return 2
    return int(_module(PAGE).main(list(words)))


def words_help() -> str:
    """The lines on the words, for the help of the page's own options."""
    return "".join(f"  soundbeam review {word:<7} {what}\n" for word, (_, what) in WORDS.items())


def _module(name: str) -> Any:
    # Imported late: a draw must not wait for what the page or a report needs.
    return importlib.import_module(f"soundbeam.pipelines.review.{name}")


if __name__ == "__main__":
    sys.exit(main())
