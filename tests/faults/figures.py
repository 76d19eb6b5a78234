"""What the fault tests tried, printed at the end by ``make test-faults``."""

import collections
import os
import sys

FIGURES = "SOUNDBEAM_TEST_FIGURES"


def figure(what, tried, note=""):
    """Writes down that ``tried`` faults of a kind were made, and nothing was lost."""
    if os.environ.get(FIGURES):
        with open(os.environ[FIGURES], "a", encoding="utf-8") as file:
            file.write(f"{what}\t{tried}\t{note}\n")


def table(path):
    """The figures as a Markdown table, faults of one kind added up."""
    tried, notes = collections.Counter(), collections.defaultdict(list)
    with open(path, encoding="utf-8") as file:
        for line in file:
            what, n, note = line.rstrip("\n").split("\t")
            tried[what] += int(n)
            if note and note not in notes[what]:
                notes[what].append(note)
    lines = ["| fault | tried | rows lost or doubled | |", "|---|---|---|---|"]
    lines += [f"| {what} | {n} | 0 | {'; '.join(notes[what])} |" for what, n in tried.items()]
    return "\n".join([*lines, f"| all | {sum(tried.values())} | 0 | |"])


if __name__ == "__main__":
    print(table(sys.argv[1]))
