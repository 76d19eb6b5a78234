"""Writes the embeddings of recordings: a classifier's inner vector of each window.

soundbeam embed --recordings 'recordings/**/*.wav' --classifier bundle/ --output embeddings/
"""

from __future__ import annotations

import sys

from soundbeam.pipelines.console.arguments import Parser
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.scan.listening_options import add_listening_options


def parser() -> Parser:
    """The program's options."""
    p = Parser(
        "embed",
        "Writes the embedding of every window of the recordings that are new or changed, and the table recordings,\n"
        "as Parquet, for 'soundbeam search'. Any Beam option may follow, e.g. --runner=FlinkRunner.",
        "soundbeam embed --recordings 'recordings/*.wav' --classifier bundle/ --output embeddings/",
    )
    add_listening_options(p, "windows")
    return p


@program("embed")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    own = parser()
    options, rest = own.parse_known_args(argv)
    from soundbeam.pipelines.embed.request import Embed
    from soundbeam.pipelines.scan.listening import listen

    return listen(Embed, own, options, rest, "embed")


if __name__ == "__main__":
    sys.exit(main())
