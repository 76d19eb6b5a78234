"""Annotated recordings → clips of them: the calls with some context, and stretches in which nothing calls."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence

import apache_beam as beam
import numpy as np

from soundbeam.model.storage.stores import one_line
from soundbeam.transforms.clip_records import Clip, Reject
from soundbeam.transforms.counters import count
from soundbeam.transforms.decoders import open_decoder

BACKGROUND = "background"
_MOST_BACKGROUNDS = 20  # of one recording: many recordings teach more than much of one
_SHORTEST_BACKGROUND_S = 1.0


@dataclasses.dataclass(frozen=True)
class Stretch:
    """An annotated part of a recording.

    Attributes:
        start_s, end_s: Seconds.
        label: What is heard; "" where nothing is to be learned of it but that something may be there.
        false_alarm: As in `Clip`.
    """

    start_s: float
    end_s: float
    label: str
    false_alarm: bool = False


@dataclasses.dataclass(frozen=True)
class AnnotatedRecording:
    """A recording and what is annotated in it.

    Attributes:
        uri: The recording.
        stretches: In any order; none if nothing is heard in it.
    """

    uri: str
    stretches: tuple[Stretch, ...]


def labelled_clips(recording: AnnotatedRecording, context_s: float) -> Iterator[Clip]:
    """A clip of each labelled stretch; of a call with context, as far as no other stretch is in it.

    Args:
        recording: The recording.
        context_s: Seconds before and behind a stretch.
    """
    starts = np.sort([stretch.start_s for stretch in recording.stretches])
    ends = np.sort([stretch.end_s for stretch in recording.stretches])
    for stretch in sorted(recording.stretches, key=lambda s: (s.start_s, s.end_s, s.label)):
        if not stretch.label:
            continue
        point = stretch.start_s == stretch.end_s  # which is not its own neighbour
        before = ends[ends < stretch.start_s if point else ends <= stretch.start_s]
        behind = starts[starts > stretch.end_s if point else starts >= stretch.end_s]
        around_s = 0.0 if stretch.false_alarm or stretch.label == BACKGROUND else context_s
        start_s = max(0.0, stretch.start_s - around_s, float(before[-1]) if len(before) else 0.0)
        end_s = min(stretch.end_s + around_s, float(behind[0]) if len(behind) else np.inf)
        if end_s > start_s:
            yield Clip(recording.uri, stretch.label, recording.uri, start_s, float(end_s), stretch.false_alarm)


def free_stretches(
    stretches: Sequence[Stretch], duration_s: float, context_s: float, length_s: float, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Random stretches that overlap neither each other nor any annotated one with its context.

    Each gap between annotated stretches is divided into parts of ``length_s`` that start at a random time; a gap that
    is shorter is one part. ``_MOST_BACKGROUNDS`` of all parts are drawn.

    Args:
        stretches: What is annotated.
        duration_s: Of the recording.
        context_s: Seconds around each that are left out, too.
        length_s: The longest stretch.
        rng: Draws.

    Returns:
        Start and end of each, seconds, in order.
    """
    parts, free_from = list[tuple[float, float]](), 0.0
    taken = sorted((s.start_s - context_s, s.end_s + context_s) for s in stretches)
    for start_s, end_s in [*taken, (duration_s, duration_s)]:
        gap_s = max(0.0, min(start_s, duration_s) - free_from)
        whole = int(gap_s // length_s)
        if whole:
            at = free_from + rng.uniform(0, gap_s - whole * length_s)
            parts += [(at + i * length_s, at + (i + 1) * length_s) for i in range(whole)]
        elif gap_s >= min(_SHORTEST_BACKGROUND_S, length_s):
            parts.append((free_from, free_from + gap_s))
        free_from = max(free_from, end_s)
    drawn = rng.permutation(len(parts))[:_MOST_BACKGROUNDS]
    return [parts[i] for i in sorted(drawn)]


@dataclasses.dataclass
class ChooseClips(beam.PTransform):
    """Chooses the clips of annotated recordings.

    Args:
        context_s: Seconds before and behind a call.
        background_s: Seconds of a stretch without a call; 0: there are none.
        seed: Decides which.

    Returns:
        A dict of ``clips`` and ``rejects``.
    """

    context_s: float
    background_s: float = 0.0
    seed: int = 0

    def expand(self, recordings: beam.PCollection[AnnotatedRecording]) -> dict[str, beam.PCollection]:
        """Adds the steps to the graph."""
        chosen = (
            recordings
            | "Spread" >> beam.Reshuffle()
            | "Choose" >> beam.ParDo(_Choose(self)).with_outputs("rejects", main="clips")
        )
        return {"clips": chosen.clips, "rejects": chosen.rejects}


class _Choose(beam.DoFn):
    def __init__(self, step: ChooseClips):
        self._step = step

    def process(self, recording: AnnotatedRecording):
        step = self._step
        for clip in labelled_clips(recording, step.context_s):
            count("clips_listed")
            yield clip
        if not step.background_s:
            return
        try:
            with open_decoder(recording.uri) as stream:
                duration_s = stream.promised / stream.sample_rate if stream.promised else None
        except Exception as e:  # whatever is wrong with one recording must not affect the others
            yield _no_backgrounds(recording.uri, one_line(e))
            return
        if duration_s is None:
            yield _no_backgrounds(recording.uri, "its header does not say how long it is")
            return
        name = f"{step.seed}\n{recording.uri}".encode("utf-8", "surrogateescape")
        rng = np.random.default_rng(int.from_bytes(hashlib.sha256(name).digest()[:8], "big"))
        for start_s, end_s in free_stretches(recording.stretches, duration_s, step.context_s, step.background_s, rng):
            count("clips_listed")
            yield Clip(recording.uri, BACKGROUND, recording.uri, start_s, end_s)


def _no_backgrounds(uri: str, why: str) -> beam.pvalue.TaggedOutput:
    return beam.pvalue.TaggedOutput("rejects", Reject(uri, f"no stretches without calls are taken from it: {why}"))
