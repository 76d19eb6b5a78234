"""Where clips come from: folders and tables of clips, annotations of long recordings, and reviews."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from soundbeam.model.storage.files import locate
from soundbeam.pipelines.clips import labels_of_folder, read_clips
from soundbeam.pipelines.console.output import redacted
from soundbeam.pipelines.materialize.request import Materializing
from soundbeam.transforms.clip_records import Clip
from soundbeam.transforms.examples.choose_clips import AnnotatedRecording
from soundbeam.transforms.scanned_file import ScannedFile


@dataclasses.dataclass(frozen=True)
class ClipSources:
    """All clips of a run, or where the pipeline finds them.

    Attributes:
        name: What the user named, for messages.
        recorded: What a manifest says of them.
        root: URI of a folder or table of clips; "" if there is none.
        labels: The folders; None if there is no folder of clips.
        annotated: The annotated recordings.
        reviewed: Scanned recordings with the clips of them that were judged.
        context_s, background_s: As in `ChooseClips`.
    """

    name: str
    recorded: dict[str, Any]
    root: str = ""
    labels: list[str] | None = None
    annotated: tuple[AnnotatedRecording, ...] = ()
    reviewed: tuple[tuple[ScannedFile, tuple[Clip, ...]], ...] = ()
    context_s: float = 0.0
    background_s: float = 0.0

    def read(self, pipeline: Any) -> dict[str, Any]:
        """Adds the steps that list the clips to a pipeline; a dict of ``clips`` and ``rejects``."""
        import apache_beam as beam

        from soundbeam.transforms.examples.choose_clips import ChooseClips
        from soundbeam.transforms.examples.unchanged_clips import KeepUnchanged

        made = list[dict[str, Any]]()
        if self.root:
            made.append(read_clips(pipeline, self.root, self.labels))
        if self.annotated:
            recordings = pipeline | "Annotated" >> beam.Create(self.annotated)
            made.append(recordings | "ChooseClips" >> ChooseClips(self.context_s, self.background_s))
        if self.reviewed:
            made.append(pipeline | "Reviewed" >> beam.Create(self.reviewed) | "KeepUnchanged" >> KeepUnchanged())
        if len(made) == 1:
            return made[0]
        clips, rejects = (tuple(one[of] for one in made) for of in ("clips", "rejects"))
        return {"clips": clips | "AllClips" >> beam.Flatten(), "rejects": rejects | "AllListed" >> beam.Flatten()}


def find_sources(request: Materializing, say: Callable[[str], None]) -> ClipSources:
    """Finds out where the clips of a request come from.

    Args:
        request: What to materialize.
        say: Gets a line for what people should know.

    Raises:
        SoundbeamError: There is nothing, or it cannot be used.
    """
    names, recorded, found = list[str](), dict[str, Any](), dict[str, Any]()
    if request.clips:
        names.append(request.clips)
        place, path = locate(request.clips)
        recorded["clips_from"] = place.uri(path)
    if request.clips and request.recordings:
        from soundbeam.pipelines.materialize.annotated import annotated_recordings

        recorded["recordings_from"] = [redacted(pattern) for pattern in request.recordings]
        found["annotated"] = tuple(annotated_recordings(request, say))
        found["context_s"] = request.context
        found["background_s"] = request.window if request.negatives == "unannotated" else 0.0
    elif request.clips:
        found["root"] = recorded["clips_from"]
        found["labels"] = labels_of_folder(place.fs, path, request.clips)
    if request.reviews:
        from soundbeam.pipelines.materialize.reviewed import reviewed_clips

        names += request.reviews
        recorded["reviews_from"] = [redacted(output) for output in request.reviews]
        found["reviewed"] = tuple(reviewed_clips(request.reviews, say))
    return ClipSources(", ".join(names), recorded, **found)
