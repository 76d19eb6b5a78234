"""Formats that packages of the extra ``[formats]`` read: AOEF by soundevent, sequences by crowsetta."""

from __future__ import annotations

import contextlib
import inspect
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.extras import require
from soundbeam.model.storage.files import is_local, local_path, place_of
from soundbeam.model.storage.stores import one_line
from soundbeam.pipelines.annotations.annotation import Annotation, checked_times, listened
from soundbeam.pipelines.annotations.table_text import base_name, own_name

AOEF = "aoef"
# crowsetta's other formats are read without it: Raven's, Audacity's and tables.
SEQUENCES = ("birdsong-recognition-dataset", "generic-seq", "notmat", "simple-seq", "textgrid", "timit", "yarden")
_ENDINGS = {".textgrid": "textgrid", ".not.mat": "notmat", ".phn": "timit", ".wrd": "timit"}


def format_of(table: str) -> str | None:
    """The format of a file by its name; None: none of these."""
    name = base_name(table).casefold()
    return next((form for ending, form in _ENDINGS.items() if name.endswith(ending)), None)


def is_aoef(text: str) -> bool:
    """Whether a file's text is JSON in the form of AOEF."""
    return text.lstrip().startswith("{") and '"collection_type"' in text


def read_sequences(table: str, form: str) -> Iterator[Annotation]:
    """The annotations of a file, by crowsetta; of one without any, that its recording was listened to.

    Args:
        table: Its URL.
        form: One of `SEQUENCES`.

    Raises:
        SoundbeamError: crowsetta is missing or cannot read it.
    """
    require(f"{table}: the format {form}", ["crowsetta"], "formats")
    import crowsetta

    with _local_copy(table) as path:
        try:
            made = crowsetta.Transcriber(format=form).from_file(path)
            exact = "round_times" in inspect.signature(made.to_annot).parameters
            made = made.to_annot(**({"round_times": False} if exact else {}))
        except Exception as e:  # the package and those that it reads with have many error classes
            raise SoundbeamError(f"{table}: crowsetta cannot read it as {form} ({one_line(e)})") from e
    for each in made if isinstance(made, list) else [made]:
        name = str(each.notated_path) if each.notated_path else own_name(table)
        stretches = list(_stretches(each))
        if not stretches:
            yield listened(name, table)
        for start_s, end_s, label in stretches:
            _check(table, start_s, end_s)
            yield Annotation(name, start_s, end_s, label, 0, table=table, foreign=True)


def _stretches(annotation: Any) -> Iterator[tuple[float, float, str]]:
    """Start, end and label of each segment of crowsetta's sequences, or of its boxes."""
    sequences = getattr(annotation, "seq", None)
    for sequence in sequences if isinstance(sequences, list) else [sequences] if sequences is not None else []:
        for onset, offset, label in zip(sequence.onsets_s, sequence.offsets_s, sequence.labels, strict=True):
            yield float(onset), float(offset), str(label)
    for box in getattr(annotation, "bboxes", None) or ():
        yield float(box.onset), float(box.offset), str(box.label)


def read_aoef(table: str, wanted: str | None) -> Iterator[Annotation]:
    """The annotations of an AOEF file (whombat's and others), by soundevent.

    A sound event's label is the value of its first tag, or of the first whose key was asked for. A clip without sound
    events says that its recording was listened to.

    Args:
        table: Its URL.
        wanted: The key of the tags that are labels.

    Raises:
        SoundbeamError: soundevent is missing or cannot read it, or it holds no annotations.
    """
    require(f"{table}: the format {AOEF}", ["soundevent"], "formats")
    from soundevent import io

    with _local_copy(table) as path:
        try:
            loaded = io.load(path)
        except Exception as e:  # the package has many error classes
            raise SoundbeamError(f"{table}: soundevent cannot read it as AOEF ({one_line(e)})") from e
    clips = next((getattr(loaded, of) for of in ("clip_annotations", "clip_predictions") if hasattr(loaded, of)), None)
    if clips is None:
        raise SoundbeamError(f"{table}: AOEF of neither annotations nor predictions; export those")
    for clip in clips:
        name = str(clip.clip.recording.path)
        if not clip.sound_events:
            yield listened(name, table)
        for one in clip.sound_events:
            # The tags of predictions have a score each.
            tags = [getattr(tag, "tag", tag) for tag in one.tags]
            labels = [tag.value for tag in tags if wanted is None or wanted in (tag.term.name, tag.term.label)]
            if one.sound_event.geometry is not None:
                start_s, end_s = _extent(one.sound_event.geometry)
                _check(table, start_s, end_s)
                yield Annotation(name, start_s, end_s, labels[0] if labels else "", 0, table=table, foreign=True)


def _extent(geometry: Any) -> tuple[float, float]:
    """The first and last time of a geometry: times stand first in every pair of its coordinates."""
    coordinates, kind = geometry.coordinates, geometry.type
    if kind == "TimeStamp":
        return float(coordinates), float(coordinates)
    if kind == "TimeInterval":
        return float(coordinates[0]), float(coordinates[1])
    if kind == "BoundingBox":
        return float(coordinates[0]), float(coordinates[2])
    times = list(_times(coordinates))
    return min(times), max(times)


def _times(coordinates: Any) -> Iterator[float]:
    if coordinates and not isinstance(coordinates[0], list | tuple):
        yield float(coordinates[0])
        return
    for inner in coordinates:
        yield from _times(inner)


def _check(table: str, start_s: float, end_s: float) -> None:
    try:
        checked_times(start_s, end_s)
    except ValueError as e:
        raise SoundbeamError(f"{table}: an annotation {e}") from e


@contextlib.contextmanager
def _local_copy(table: str) -> Iterator[str]:
    """A path of this machine, for packages that read no other; a copy has the same name, since some look at it."""
    if is_local(table):
        yield local_path(table)
        return
    place, path = place_of(table)
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, base_name(path))
        place.fs.get_file(path, copy)
        yield copy
