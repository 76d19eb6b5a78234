"""Splits long recordings into ranges that are decoded separately, and merges the reports of the ranges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from soundbeam.model.windows import WindowSpec
from soundbeam.transforms.channels import CANCEL, ChannelSums, notes_of
from soundbeam.transforms.counters import count
from soundbeam.transforms.decoders import AudioStream, open_decoder, resampler_period
from soundbeam.transforms.records import DecodeReport, Problem, Range, RangeReport, Recording, Stage, Status

# A recording that is hardly longer than a range is not worth splitting.
_SHORTEST_RANGES = 2
# How far before its first window a range may have to begin to be in step with the resampler.
_LONGEST_PERIOD_S = 60.0


def split_into_ranges(
    recording: Recording,
    spec: WindowSpec,
    segment_s: float,
    range_s: float,
    decoder: str = "soundfile",
) -> Iterator[Range]:
    """Yields the ranges of a recording that is longer than two of them, or one range that is the whole recording.

    Only files in which any frame can be found quickly and exactly are split (WAV, RF64, W64, AIFF, FLAC), and only if
    the samples of a range equal those of the whole, bit for bit. The length in the header is checked, not trusted.
    Whatever is wrong with a file is left for decoding to find.

    Args:
        recording: The recording to split.
        spec: Which windows.
        segment_s: About how long a segment is, seconds; a range consists of whole segments.
        range_s: About how long a range is, seconds.
        decoder: ``soundfile``; with another decoder nothing is split.
    """
    bounds = [0]
    try:
        with open_decoder(recording.uri, decoder) as stream:
            bounds = _bounds(stream, spec, segment_s, range_s, decoder)
    except Exception:  # decoding will report it
        pass
    for i, first in enumerate(bounds):
        yield Range(recording, i, len(bounds), first, bounds[i + 1] if i + 1 < len(bounds) else None)


def _bounds(stream: AudioStream, spec: WindowSpec, segment_s: float, range_s: float, decoder: str) -> list[int]:
    """The first window of each range."""
    frames = stream.seekable_frames()
    if frames is None or frames <= _SHORTEST_RANGES * range_s * stream.sample_rate:
        return [0]
    period = resampler_period(decoder, stream.sample_rate, spec.rate)
    if period is None or period > _LONGEST_PERIOD_S * stream.sample_rate:
        return [0]
    windows, per = spec.regular(frames * spec.rate // stream.sample_rate), spec.per_segment(segment_s)
    step = per * max(1, round(range_s / (per * spec.hop_s)))
    bounds = list(range(0, max(1, windows - step // 2), step))
    last = spec.start(bounds[-1]) * stream.sample_rate // spec.rate
    return bounds if last == 0 or stream.seek(last) else [0]


def report_of(parts: Iterable[RangeReport]) -> DecodeReport:
    """Merges the reports of a recording's ranges into the report it would have if it had been decoded as a whole.

    Decoding stops where the recording ends or breaks off. So the first range without all of its windows is the last one
    that counts, and later ranges are ignored. A range that a runner processed and reported twice counts once.

    Args:
        parts: One or more reports, in any order.
    """
    by_index = {part.part.index: part for part in parts}
    recording, ranges = next(iter(by_index.values())).part.recording, next(iter(by_index.values())).part.ranges
    counted: list[RangeReport] = []
    for index in range(ranges):
        last = by_index.get(index, RangeReport(Range(recording, index, ranges), problems=((_LOST, "unexpected"),)))
        counted.append(last)
        if not last.full:
            break
    windows = sum(part.windows for part in counted)
    duration_s = last.frames / last.sample_rate if last.frames and last.sample_rate else None
    if duration_s is None:
        duration_s = next((part.last_s for part in reversed(counted) if part.last_s is not None), None)
    problems: list[Problem] = list(last.problems)
    unusable = sum(part.unusable for part in counted)
    if unusable:
        total = last.frames * (last.channels or 1)
        message = f"{unusable} of {total} samples are not numbers (NaN, infinite or absurd); they became silence"
        problems.append((message, "samples"))
    problems += [(defect, "truncated") for defect in last.defects]
    notes = notes_of(sum((part.sums for part in counted), ChannelSums()), last.channel)
    # Hardly anything is left in the mean of such channels, so a count of no calls would be wrong.
    problems += [(note, "samples") for note in notes if note.startswith(CANCEL)]
    if not windows and not problems and not last.gap_frames:
        problems.append(("there is no sound in it (0 samples after the header)", "truncated"))
    if any(part.changed for part in by_index.values()):
        count("decode_changed")
        problems.append((_CHANGED, "changed"))
    status: Status = "ok" if not problems else "partial" if windows else "failed"
    count(f"decode_{status}")
    if problems:
        count(f"decode_{status}_{problems[0][1]}")
    gaps_s = last.gap_frames / last.sample_rate if last.sample_rate else 0.0
    if duration_s is not None and gaps_s:
        notes.insert(0, f"not triggered: {gaps_s:.1f} of {duration_s:.1f} s were not recorded")
    if last.expansion > 1:
        notes.insert(0, f"time expansion: stored {last.expansion} times slower; all times and rates are the true ones")
    for note in notes:
        count(f"note_{note.partition(':')[0].replace(' ', '_')}")
    return DecodeReport(
        recording=recording,
        status=status,
        stage=_stage_of(problems),
        error="; ".join(message for message, _ in problems),
        duration_s=duration_s,
        sample_rate=last.sample_rate,
        channels=last.channels,
        windows=windows,
        segments=sum(part.segments for part in counted),
        listened_s=None if duration_s is None else duration_s - gaps_s,
        notes="; ".join(notes),
        content="" if any(cause in _BROKEN for _, cause in problems) else counted[0].content,
    )


def _stage_of(problems: list[Problem]) -> Stage:
    if not problems:
        return ""
    return "read" if any(cause in ("storage", "extra") for _, cause in problems) else "decode"


# The causes of failures that cost the report of what was read.
_BROKEN = frozenset(["crash", "hang", "memory", "unexpected"])
_LOST = "the report of a range of it was lost between two steps"
_CHANGED = "the file changed while it was read (replaced, or still being written): the next scan tries it again"
