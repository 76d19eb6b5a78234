"""Makes a small corpus of artificial recordings and clips, or lays real clips over real backgrounds.

    soundbeam synthesize --output corpus
    soundbeam synthesize --clips held_out/ --backgrounds 'quiet/*.wav' --output mixes --target capuchinbird
    soundbeam synthesize --clips speakers.csv --callers 3 --output mixes --snr 20 40

The first writes corpus/recordings (calls of birds over wind, rain, insects and other birds' chirps; WAV, FLAC, OGG and
MP3, mono and stereo, 11.025 to 48 kHz), corpus/clips/call and corpus/clips/other (of other individuals) and
corpus/annotations.csv (recording, start_s, end_s, label, snr_db: every call; a recording without a call has no row).
The same options give the same sound, byte for byte in WAV and FLAC. The others: see `pipelines.synthesize.mixes`.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.synthesis import scenes as synthesis
from soundbeam.model.synthesis.sounds import BACKGROUNDS, Caller, Chirper
from soundbeam.pipelines.console.arguments import Parser, positive, positive_int
from soundbeam.pipelines.console.errors import program
from soundbeam.pipelines.console.output import Progress, say

MANIFEST = "synthesis.json"
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
# What a file holds; each kind has its own streams of chance, so that more recordings leave the clips as they are.
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


def parser() -> Parser:
    """The program's options."""
    p = Parser(
        "synthesize",
        "Makes a small corpus of artificial recordings and labelled clips, with an annotation table; or, with\n"
        "--clips, lays those clips over backgrounds, to measure a detector or classifier on.",
        "soundbeam synthesize --output corpus --recordings 10 --minutes 2\n"
        "  soundbeam synthesize --clips held_out/ --backgrounds 'quiet/*.wav' --output mixes --target capuchinbird",
    )
    p.add_argument(
        "--output", required=True, metavar="DIR", help="folder to write; new, empty, or made by synthesize before"
    )
    p.add_argument("--recordings", type=positive_int, default=10, metavar="N", help="how many (default 10)")
    p.add_argument("--minutes", type=positive, default=2.0, metavar="M", help="length of each (default 2)")
    p.add_argument("--seed", type=int, default=0, metavar="S", help="another number gives another corpus (default 0)")
    mixes = p.add_argument_group("mixes")
    mixes.add_argument(
        "--clips", metavar="DIR", help="held-out clips: one folder a label, or a CSV, as for materialize"
    )
    mixes.add_argument(
        "--backgrounds",
        nargs="+",
        metavar="PATTERN",
        help="recordings without a target: files, globs, folders, @lists (default: faint noise)",
    )
    mixes.add_argument(
        "--target", nargs="+", metavar="LABEL", help="what calls; all other labels are distractors (default: all call)"
    )
    mixes.add_argument(
        "--callers", type=positive_int, metavar="N", help="sources in one recording, of the targets in turn (default 1)"
    )
    mixes.add_argument(
        "--snr", nargs=2, type=float, metavar=("LOW", "HIGH"), help="dB of a call above the background (default -5 18)"
    )
    mixes.add_argument("--rate", type=positive_int, metavar="HZ", help="of the mixes (default 16000)")
    return p


@program("synthesize")
def main(argv: list[str] | None = None) -> int:
    """Runs the program."""
    options = parser().parse_args(argv)
    if options.seed < 0:
        raise SoundbeamError(f"--seed {options.seed}: give a whole number from 0 on")
    if options.clips is None:
        for name in ("backgrounds", "target", "callers", "snr", "rate"):
            if getattr(options, name) is not None:
                raise SoundbeamError(f"--{name} is for mixes only: give --clips with it")
        return make_corpus(options)
    from soundbeam.pipelines.synthesize.mixes import make_mixes

    return make_mixes(options)


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


def claim(folder: str, paths: list[str], parameters: dict[str, Any]) -> Path:
    """Makes the output folder ready: only what synthesize itself wrote there before is removed or replaced."""
    if "://" in folder:
        raise SoundbeamError(f"--output {folder}: synthesize writes to a local folder; copy it from there")
    output = Path(folder)
    manifest = output / MANIFEST
    if output.exists() and not output.is_dir():
        raise SoundbeamError(f"--output {folder} is a file; give a folder")
    if manifest.is_file():
        try:
            old = [PurePosixPath(path) for path in json.loads(manifest.read_text(encoding="utf-8"))["files"]]
        except (ValueError, KeyError, TypeError) as e:
            raise SoundbeamError(f"{manifest} is broken; give --output another folder, or empty this one") from e
        for written in old:
            if ".." not in written.parts and not written.is_absolute():
                (output / written).unlink(missing_ok=True)
    elif output.is_dir() and any(output.iterdir()):
        raise SoundbeamError(f"--output {folder} holds other files; give a new folder, or empty this one")
    for path in paths:
        (output / path).parent.mkdir(parents=True, exist_ok=True)
    files = [*paths, "annotations.csv"]
    manifest.write_text(
        json.dumps({"program": "soundbeam synthesize", **parameters, "files": files}, indent=1), encoding="utf-8"
    )
    return output


if __name__ == "__main__":
    sys.exit(main())
