"""AOEF, the JSON of whombat and others, written by the package soundevent."""

from __future__ import annotations

import os
import pathlib
import tempfile
import uuid
from datetime import datetime

from soundbeam.pipelines.export.contents.call_bands import CallBands
from soundbeam.pipelines.export.contents.call_rows import ListenedRecording
from soundbeam.pipelines.export.contents.destination import Destination
from soundbeam.pipelines.export.contents.file_format import Format
from soundbeam.pipelines.export.contents.selection import Selection

# Calls in a file: soundevent holds a whole file in memory, at some kilobytes a call.
_MOST_CALLS = 20_000
# … or recordings, which are in it without a call too.
_MOST_RECORDINGS = 20_000
# Names for identities that are the same whenever the same call is exported.
_SPACE = uuid.UUID("6f0c7c1e-61d3-4d4b-9f0e-3f1f8f0a5a11")


def write(selection: Selection, to: Destination) -> None:
    """Writes ``predictions-001.json`` and so on, each with whole recordings."""
    bands = CallBands(selection)
    waiting: list[ListenedRecording] = []
    number, calls = 1, 0
    for recording in selection.listened():
        calls += len(recording.calls)
        if waiting and (calls > _MOST_CALLS or len(waiting) >= _MOST_RECORDINGS):
            _write_file(selection, to, bands, waiting, number)
            waiting, number, calls = [], number + 1, len(recording.calls)
        waiting.append(recording)
    _write_file(selection, to, bands, waiting, number)


def _write_file(
    selection: Selection, to: Destination, bands: CallBands, recordings: list[ListenedRecording], number: int
) -> None:
    from soundevent import data, io

    info = selection.newest
    created = datetime.fromisoformat(info.started_at.replace("Z", "+00:00")) if info.started_at else datetime.min
    predictions = data.PredictionSet(
        uuid=uuid.uuid5(_SPACE, f"{info.run} {number}"),
        name=f"soundbeam {info.run} {number}",
        description=f"{info.parameters.architecture} {info.parameters.fingerprint}",
        clip_predictions=[_clip(selection, bands, recording) for recording in recordings],
        created_on=created,
    )
    with tempfile.TemporaryDirectory(prefix="soundbeam-export-") as folder:
        path = os.path.join(folder, "predictions.json")
        io.save(predictions, path)
        with open(path, "rb") as file:
            to.write(f"predictions-{number:03d}.json", file.read())


def _clip(selection: Selection, bands: CallBands, recording: ListenedRecording):
    """A recording and its calls, as soundevent has them."""
    from soundevent import data

    duration = recording.duration_s or max((call.end_s for call in recording.calls), default=0.0)
    place = selection.deployments and selection.deployments.at(recording.site, recording.recorded_at)
    site = [data.Tag(term=_term("site"), value=recording.site)] if recording.site else []
    audio = data.Recording(
        uuid=uuid.uuid5(_SPACE, recording.uri),
        path=pathlib.Path(selection.audio_path(recording)),
        duration=duration,
        channels=recording.channels or 1,
        samplerate=recording.rate or selection.newest.parameters.rate,
        date=recording.local.date() if recording.local else None,
        time=recording.local.time() if recording.local else None,
        latitude=place.latitude if place else None,
        longitude=place.longitude if place else None,
        tags=site,
    )
    sounds = []
    for call, (low, high) in zip(recording.calls, bands.of(recording), strict=True):
        identity = f"{recording.uri} {call.channel} {call.label} {round(call.start_s * 1000)}"
        box = data.BoundingBox(coordinates=[call.start_s, low, min(call.end_s, duration), high])
        sounds.append(
            data.SoundEventPrediction(
                uuid=uuid.uuid5(_SPACE, f"{identity} prediction"),
                sound_event=data.SoundEvent(uuid=uuid.uuid5(_SPACE, identity), recording=audio, geometry=box),
                score=call.score,
                tags=[data.PredictedTag(tag=data.Tag(term=_term("label"), value=call.label), score=call.score)],
            )
        )
    clip = data.Clip(
        uuid=uuid.uuid5(_SPACE, f"{recording.uri} clip"), recording=audio, start_time=0.0, end_time=duration
    )
    return data.ClipPrediction(uuid=uuid.uuid5(_SPACE, f"{recording.uri} predictions"), clip=clip, sound_events=sounds)


def _term(name: str):
    from soundevent import data

    return data.Term(name=f"soundbeam:{name}", label=name, definition=f"the {name} in soundbeam's tables")


FORMAT = Format(
    "aoef", "JSON of whombat and soundevent", write, ("audio_root", "frequencies"), packages=("soundevent",)
)
