"""An artificial corpus: recordings, clips and annotations."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.synthesis import scenes as synthesis
from soundbeam.model.synthesis.sounds import BACKGROUNDS, Caller, Chirper
from soundbeam.pipelines.console.output import Progress, say
from soundbeam.pipelines.synthesize.corpus_folder import claim

LABEL, OTHER = "call", "other"
FORMATS = (
    ("wav", "WAV", "PCM_16"),
    ("flac", "FLAC", "PCM_16"),
    ("ogg", "OGG", "VORBIS"),
    ("mp3", "MP3", "MPEG_LAYER_III"),
)
RATES = (16000, 44100, 48000, 22050, 11025, 32000)
CALLERS, CHIRPERS, PLACES = 24, 10, 5  # individuals, and places of each kind of background, that the clips are of
CLIPS_EACH = 4
# What a file holds; each kind has its own random streams, so that more recordings do not change the clips.
KINDS = ("recording", "call", "chirper", *BACKGROUNDS)


@dataclasses.dataclass(frozen=True)
class _Plan:
    """One file to be written: its path under the output, what it holds (the take of a source of a kind), and how."""

    path: str
    kind: str
    source: int
    take: int
    rate: int
    channels: int
    format: str
    subtype: str


def make_corpus(options) -> int:
    """Writes artificial recordings and clips."""
    recordings, calls, others = plan_recordings(options.recordings), *plan_clips()
    parameters = {name: getattr(options, name) for name in ("recordings", "minutes", "seed")}
    output = claim(options.output, [p.path for p in [*recordings, *calls, *others]], parameters)

    jobs: list[tuple] = [(output, plan, options.seed, options.minutes * 60) for plan in recordings]
    jobs += [(output, plan, options.seed, None) for plan in [*calls, *others]]
    rows, with_calls = [], 0
    progress = Progress("synthesizing", len(jobs))
    # Spawned, not forked: the caller may hold threads (a test that runs TensorFlow does).
    with ProcessPoolExecutor(min(4, os.cpu_count() or 1), multiprocessing.get_context("spawn")) as pool:
        for job, events in zip(jobs, pool.map(_write, *zip(*jobs, strict=True), chunksize=1), strict=True):
            rows += [(job[1].path, f"{e.start_s:.3f}", f"{e.end_s:.3f}", LABEL, f"{e.snr_db:.1f}") for e in events]
            with_calls += bool(events)
            progress.step()
    with open(output / "annotations.csv", "w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(("recording", "start_s", "end_s", "label", "snr_db"))
        writer.writerows(rows)

    heard = f"{len(rows)} calls in {with_calls} of them"
    say(f"{len(recordings)} recordings of {options.minutes:g} min with {heard}: {output / 'recordings'}")
    say(f"{len(calls) + len(others)} clips, {len(calls)} of a call, {len(others)} of anything else: {output / 'clips'}")
    say(f"every call's start, end and signal-to-noise ratio: {output / 'annotations.csv'}")
    return 0


def plan_recordings(count: int) -> list[_Plan]:
    """Paths, formats, rates and channels of the recordings, in turn.

    Every eighth one is siteA's and the fourth after it siteB's, under the same base name: a recording is known by its
    whole path only.
    """
    plans = []
    for i in range(count):
        extension, format, subtype = FORMATS[i % len(FORMATS)]
        site = {0: "siteA/", 4: "siteB/"}.get(i % 8, "")
        minute = 10 * (i - i % 8 if site else i)
        name = f"{datetime.datetime(2024, 1, 1, 6) + datetime.timedelta(minutes=minute):%Y%m%d_%H%M%S}"
        path = f"recordings/{site}{name}.{extension}"
        channels = 1 + (i + i // 4) % 2  # so that each format is met both ways
        plans.append(_Plan(path, "recording", i, 0, RATES[i % len(RATES)], channels, format, subtype))
    return plans


def plan_clips() -> tuple[list[_Plan], list[_Plan]]:
    """Paths and formats of the clips: (calls, others); what stands before the last ``-`` of a name is the source."""
    others = [("chirper", CHIRPERS), *((kind, PLACES) for kind in BACKGROUNDS)]
    return list(_plan_clips(LABEL, [("call", CALLERS)])), list(_plan_clips(OTHER, others))


def _plan_clips(label: str, kinds: list[tuple[str, int]]) -> Iterator[_Plan]:
    takes = [(kind, i, k) for kind, sources in kinds for i in range(sources) for k in range(CLIPS_EACH)]
    for n, (kind, source, take) in enumerate(takes):
        extension, format, subtype = FORMATS[0] if n % 5 == 0 else FORMATS[1]
        path = f"clips/{label}/{kind}{source:02d}-{take}.{extension}"
        yield _Plan(path, kind, source, take, RATES[n % len(RATES)], 1, format, subtype)


def write_recording(output: Path, plan: _Plan, seed: int, seconds: float) -> list[synthesis.Event]:
    """Writes one recording, block by block, and returns its calls; of five in a row one has none."""
    import soundfile

    rng = np.random.default_rng([seed, KINDS.index(plan.kind), plan.source])
    scene = synthesis.Scene.draw(rng, callers=(1, 2, 1, 0, 2)[plan.source % 5])
    balance = rng.uniform(0.5, 1.5)
    pan = np.array([balance, 2 - balance] if plan.channels == 2 else [1.0], dtype=np.float32)  # its mean is 1
    events = []
    with soundfile.SoundFile(
        output / plan.path, "w", plan.rate, plan.channels, subtype=plan.subtype, format=plan.format
    ) as f:
        for block, block_events in synthesis.soundscape(rng, scene, plan.rate, seconds):
            f.write(block[:, None] * (pan / pan.max()))
            events += block_events
    return events


def write_clip(output: Path, plan: _Plan, seed: int) -> None:
    """Writes one clip; clips of one source share the individual or the place, recordings and clips never do."""
    import soundfile

    stream = [seed, KINDS.index(plan.kind), plan.source]
    individual, rng = np.random.default_rng([*stream, 0]), np.random.default_rng([*stream, 1 + plan.take])
    if plan.kind == "call":
        clip = synthesis.call_clip(rng, Caller.draw(individual), plan.rate)
    elif plan.kind == "chirper":
        clip = synthesis.chirp_clip(rng, Chirper.draw(individual), plan.rate)
    else:
        clip = synthesis.background_clip(rng, plan.kind, int(individual.integers(2**31)), plan.rate)
    soundfile.write(output / plan.path, clip, plan.rate, subtype=plan.subtype, format=plan.format)


def _write(output: Path, plan: _Plan, seed: int, seconds: float | None) -> list[synthesis.Event]:
    """One file, in a worker process; clips have no length of their own."""
    import soundfile

    try:
        if seconds is not None:
            return write_recording(output, plan, seed, seconds)
        write_clip(output, plan, seed)
    except soundfile.LibsndfileError as e:
        raise SoundbeamError(f"{output / plan.path}: cannot be written ({e}); is the disk full?") from e
    return []
