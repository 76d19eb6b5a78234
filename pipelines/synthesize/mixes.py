"""Mixes held-out clips into backgrounds: soundscapes whose calls are all known, to choose a detector by.

    soundbeam synthesize --clips held_out/ --backgrounds 'quiet/*.wav' --output mixes --target capuchinbird

writes mixes/recordings (FLAC), mixes/annotations.csv (recording, start_s, end_s, label, snr_db, source: every call; a
recording without a call has no row) and mixes/distractors.csv (the same columns: every other sound that was mixed in).

- Of five soundscapes two hold no call, two a few and one a chorus. One bird calls in each: all its clips are of one
  source. The labels take turns, and so do the birds. With --callers N there are N sources of the labels in turn, e.g.
  several speakers, one after the other. Up to three sources of labels that are no target, never a bird's own recording,
  are distractors.
- Without --backgrounds there is faint white noise, 60 dB below full scale. With them, the backgrounds take turns: a
  longer one than the soundscape gives a random part, a shorter one is repeated with cross-fades. They must hold no call
  of a target, since such a call would not be annotated.
- The signal-to-noise ratio is that of mean squares, of the whole clip to the background alone over the same time
  (`model.synthesis.mixing.mix_at_snr`); 0.0 dB is as loud as the background. A soundscape that would pass full scale
  is turned down as a whole.

Soundscape k is the same whatever their number.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections import Counter

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.synthesis.evaluation_soundscapes import CHORUS, FEW, NONE, CallDensity, PlacedClip
from soundbeam.pipelines.clips import list_clips, uris_of_patterns
from soundbeam.pipelines.console.output import Progress, say
from soundbeam.pipelines.synthesize.corpus_folder import claim
from soundbeam.pipelines.synthesize.soundscape_writer import SoundscapeWriter

RATE, SNR_DB = 16000, (-5.0, 18.0)
ANNOTATIONS, DISTRACTORS = "annotations.csv", "distractors.csv"
COLUMNS = ("recording", "start_s", "end_s", "label", "snr_db", "source")


def make_mixes(options) -> int:
    """The program ``soundbeam synthesize`` with --clips."""
    low, high = options.snr or SNR_DB
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise SoundbeamError(f"--snr {low:g} {high:g}: give the lowest and the highest ratio, in dB")
    clips = list_clips(options.clips)
    labels = sorted({clip.label for clip in clips})
    targets = tuple(dict.fromkeys(options.target or labels))
    if unknown := [label for label in targets if label not in labels]:
        raise SoundbeamError(f"{options.clips}: no clips of --target {unknown[0]}; the labels are: {', '.join(labels)}")
    backgrounds = uris_of_patterns(options.backgrounds, "--backgrounds") if options.backgrounds else []
    seconds, rate, callers = options.minutes * 60, options.rate or RATE, options.callers or 1
    writer = SoundscapeWriter(clips, backgrounds, targets, (low, high), seconds, rate, options.seed, callers)
    paths = [f"recordings/mix-{i:05d}.flac" for i in range(options.recordings)]
    names = ("clips", "backgrounds", "recordings", "minutes", "seed")
    parameters = {name: getattr(options, name) for name in names}
    parameters |= {"target": targets, "snr_db": (low, high), "rate": writer.rate, "callers": callers}
    output = claim(options.output, [*paths, DISTRACTORS], parameters)

    progress, counts = Progress("mixing", len(paths)), Counter[CallDensity]()
    calls, distractors = [], []
    for i, path in enumerate(paths):
        contents = writer.write(i, output / path)
        counts[contents.density] += 1
        calls += [_row(path, placed, writer.rate) for placed in contents.calls]
        distractors += [_row(path, placed, writer.rate) for placed in contents.distractors]
        progress.step()
    for name, rows in ((ANNOTATIONS, calls), (DISTRACTORS, distractors)):
        with open(output / name, "w", newline="", encoding="utf-8") as f:
            csv.writer(f, lineterminator="\n").writerows([COLUMNS, *rows])
    say(
        f"{len(paths)} soundscapes of {options.minutes:g} min, {counts[NONE]} without a call, "
        f"{counts[FEW]} with a few, {counts[CHORUS]} choruses: {output / 'recordings'}"
    )
    say(
        f"{len(calls)} calls of {len({row[-1] for row in calls})} sources, {low:g} to {high:g} dB over the background: "
        f"{output / ANNOTATIONS}"
    )
    say(f"{len(distractors)} distractors: {output / DISTRACTORS}")
    for uri, reason in itertools.islice(writer.left_out.items(), 5):
        say(f"left out {uri}: {reason}")
    if len(writer.left_out) > 5:
        say(f"… and {len(writer.left_out) - 5} more")
    return 0


def _row(path: str, placed: PlacedClip, rate: int) -> tuple[str, ...]:
    times = (f"{placed.start / rate:.3f}", f"{placed.end / rate:.3f}")
    return (path, *times, placed.clip.label, f"{placed.snr_db:.1f}", placed.clip.source)
