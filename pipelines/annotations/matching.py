"""Which recordings annotations mean."""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Iterable

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.annotations.annotation import Annotation
from soundbeam.pipelines.annotations.table_text import own_name
from soundbeam.pipelines.recording_names import RecordingNames

_Key = tuple[str, str]  # the name of a recording, and the table that has it
_ABSOLUTE = re.compile(r"[/\\~]|[A-Za-z]:|[\w+.-]+://")


def recordings_of(
    annotations: Iterable[Annotation], names: RecordingNames, say: Callable[[str], None] | None = None
) -> Callable[[Annotation], str | None]:
    """Finds the recordings of all annotations.

    The name of a recording is a file of that path, or the end of a URI. Paths that another program wrote are often of
    another machine, so of these the recording is meant that has the same base name, with or without its ending, and
    the most folders above it in common. No two paths mean one recording: of those the one with more in common does.

    Args:
        annotations: The annotations.
        names: The recordings.
        say: Gets a line about recordings that were found by their base names alone.

    Returns:
        Annotation → the URI of its recording, or None.

    Raises:
        SoundbeamError: A name may mean several recordings, or a recording may be what several paths mean.
    """
    found: dict[_Key, str | None] = {}
    loose: dict[str, list[tuple[int, _Key]]] = collections.defaultdict(list)
    for one in annotations:
        key = (one.recording, one.table)
        if key in found:
            continue
        found[key] = next((uri for uri in one.uris if uri in names), None)
        if found[key] is None and not one.foreign:
            found[key] = names.find(one.recording)
        elif found[key] is None:
            path = one.recording
            if not _ABSOLUTE.match(path):
                path = f"{one.table.rpartition('/')[0]}/{path}"
            found[key], shared = names.nearest(path)
            if found[key] is not None:
                loose[str(found[key])].append((shared, key))
    by_base = list[tuple[str, str]]()
    for uri, claims in loose.items():
        most = max(shared for shared, _ in claims)
        kept = {key for shared, key in claims if shared == most}
        for _, key in claims:
            found[key] = uri if key in kept else None
        paths = sorted({name for name, table in kept if name != own_name(table) and re.search(r"[/\\]", name)})
        if len(paths) > 1 and most == 1:
            raise SoundbeamError(f"{paths[0]!r} and {paths[1]!r} may both be {uri}; keep the files of one in the table")
        if paths and most == 1:
            by_base.append((paths[0], uri))
    if by_base and say is not None:
        say(
            f"{len(by_base)} annotated recordings were found by their base names alone, e.g. {by_base[0][0]} as "
            f"{by_base[0][1]}"
        )
    return lambda one: found[one.recording, one.table]
