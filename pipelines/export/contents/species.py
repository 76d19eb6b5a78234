"""What is exported as a record of a species: scientific names that are known, and calls that nobody has denied."""

from __future__ import annotations

from soundbeam.model.errors import OptionError
from soundbeam.pipelines.export.contents.call_rows import FoundCall
from soundbeam.pipelines.export.contents.selection import Selection

_DENIED = ("no", "other")


def scientific_names(selection: Selection) -> dict[str, str]:
    """Label → scientific name, of the selected labels.

    Raises:
        OptionError: Nothing tells that of a label: a standard of biology takes no other names.
    """
    names = {label: selection.known_scientific_name(label) for label in selection.labels}
    unknown = [label for label, name in names.items() if not name]
    if unknown:
        more = f", and those of {len(unknown) - 1} more labels" if len(unknown) > 1 else ""
        raise OptionError(
            f"the scientific name of {unknown[0]!r} is unknown{more}: give --scientific-name "
            f"'{unknown[0]}=Genus species', or choose other labels with --label"
        )
    return {label: name for label, name in names.items() if name}


def is_denied(call: FoundCall) -> bool:
    """Whether people said that the call is none of its label."""
    return call.verdict is not None and call.verdict.verdict in _DENIED


def classified(selection: Selection, call: FoundCall) -> tuple[bool, str, str]:
    """Whether a person confirmed the call, who said last what it is, and when: ISO 8601 in UTC, "" if unknown."""
    if call.verdict is not None and call.verdict.verdict == "yes":
        return True, call.verdict.reviewer, f"{call.verdict.reviewed_at:%Y-%m-%dT%H:%M:%SZ}"
    info = selection.runs[call.run]
    started = info.started_at[:19] + "Z" if info.started_at else ""
    return False, f"{info.parameters.architecture} {info.parameters.fingerprint[:12]}", started
