"""What is to be reported, and where."""

from __future__ import annotations

import dataclasses

from soundbeam.model.errors import OptionError


@dataclasses.dataclass(frozen=True)
class Reporting:
    """What to report, and where.

    Attributes:
        output: URL of a scan's output folder.
        html: URL of the page to write.
        label: Labels to report, by their names; none: those with calls, the most frequent first.
        deployments: URL of a table of deployments, in place of the one that the scan was told.
        reviews: Whether totals are corrected by the verdicts of reviewers.

    Raises:
        OptionError: A path is empty.
    """

    output: str
    html: str
    label: tuple[str, ...] = ()
    deployments: str | None = None
    reviews: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", (self.label,) if isinstance(self.label, str) else tuple(self.label))
        for name in ("output", "html"):
            if not getattr(self, name):
                raise OptionError(f"{name}: is empty; give a path")
