"""Annotations and the recordings that they mean → what is annotated in each of them."""

from __future__ import annotations

import collections
from collections.abc import Callable

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.annotations.annotation import Annotation
from soundbeam.pipelines.annotations.column_tables import NO_LABELS
from soundbeam.pipelines.annotations.matching import recordings_of
from soundbeam.pipelines.annotations.read_annotations import read_annotations
from soundbeam.pipelines.clips import uris_of_patterns
from soundbeam.pipelines.materialize.request import Materializing
from soundbeam.pipelines.recording_names import RecordingNames
from soundbeam.transforms.examples.choose_clips import BACKGROUND, AnnotatedRecording, Stretch


def annotated_recordings(request: Materializing, say: Callable[[str], None]) -> list[AnnotatedRecording]:
    """The annotated ones of the recordings, in order.

    Args:
        request: What to materialize.
        say: Gets a line for what is left out.

    Raises:
        SoundbeamError: Rows have no label, no recording is annotated, or a name is ambiguous.
    """
    annotations = read_annotations(request.clips or "", request.reading, say)
    without = [one for one in annotations if not one.label and one.start_s is not None]
    if without:
        more = f", nor have {len(without) - 1} more rows" if len(without) > 1 else ""
        raise SoundbeamError(
            f"{without[0].place} has no label{more}; complete the labels, or name their column with --label-column"
        )
    names = RecordingNames(uris_of_patterns(request.recordings, "--recordings"))
    uri_of = recordings_of(annotations, names, say)
    stretches: dict[str, set[Stretch]] = collections.defaultdict(set)
    elsewhere: collections.Counter[str] = collections.Counter()
    points = 0
    for one in annotations:
        uri = uri_of(one)
        if uri is None:
            elsewhere[one.recording] += one.start_s is not None
            continue
        of_recording = stretches[uri]
        if one.start_s is not None and one.end_s is not None:
            points += one.start_s == one.end_s
            label, false_alarm = learned_label(one)
            of_recording.add(Stretch(one.start_s, one.end_s, label, false_alarm))
    if not stretches:
        patterns = " ".join(request.recordings)
        first = f", e.g. {next(iter(elsewhere))!r}," if elsewhere else ""
        raise SoundbeamError(f"{request.clips}: no annotated recording{first} is among --recordings {patterns}")
    if elsewhere:
        say(
            f"{len(elsewhere)} annotated recordings ({sum(elsewhere.values())} annotations) are not among --recordings "
            f"and are left out, e.g. {next(iter(elsewhere))}"
        )
    if points:
        say(f"{points} annotations are points in time: their clips are the {2 * request.context:g} s around them")
    return [AnnotatedRecording(uri, tuple(sorted(of, key=_order))) for uri, of in sorted(stretches.items())]


def learned_label(one: Annotation) -> tuple[str, bool]:
    """The label of an annotation's clip, and whether it is a false alarm; "" if nothing is learned of it."""
    if one.kind == "uncertain":
        return "", False
    if one.kind == "call":
        return one.label, False
    return (BACKGROUND, False) if one.label.casefold() in NO_LABELS else (label_of_not(one.label), True)


def label_of_not(label: str) -> str:
    """The label of a stretch of which is known only that another label is not there."""
    return f"not {label}"


def _order(stretch: Stretch) -> tuple[float, float, str]:
    return stretch.start_s, stretch.end_s, stretch.label
