"""Decodes many spans of one recording in one pass, at its own rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from soundbeam.model.storage.stores import one_line
from soundbeam.transforms.decoders import DecodeError, open_decoder
from soundbeam.transforms.decoding.blocks import DecodedSoFar, as_decode_error, resampled

# From where a span starts to where it ends, seconds.
Span = tuple[float, float]
# What lies between two spans is passed over by a new start if it is longer, where the file can be entered anywhere.
_WORTH_A_START_S = 60.0
# A decoder has to warm up for so long before its samples are those of the whole.
_BEFORE_S = 2.0


def decode_spans(uri: str, spans: Sequence[Span], channel: int | None = None) -> Iterator[tuple[int, np.ndarray, int]]:
    """Decodes spans of a recording, which may overlap; what lies far between them only where it cannot be left out.

    Args:
        uri: The recording.
        spans: The spans, in order of their starts. What lies outside of the recording is left out.
        channel: From 1 on; None: the mean of all.

    Yields:
        (index of the span, float32 ``[samples]``, samples per second), in the order in which the spans end; none of a
        span that lies outside.

    Raises:
        DecodeError: The recording cannot be read, or breaks off; what came before has been yielded, a span that was
            broken off as far as it goes.
    """
    groups = _groups(spans)
    try:
        with open_decoder(uri) as stream:
            enterable = stream.seekable_frames() is not None
    except (OSError, MemoryError) as e:
        raise as_decode_error(e) from e
    for group in groups if enterable else [range(len(spans))]:
        yield from _decode_group(uri, spans, group, channel)


def _groups(spans: Sequence[Span]) -> list[range]:
    """The spans between which no stretch is worth a new start."""
    bounds, end_s = [0], 0.0
    for i, (start_s, span_end_s) in enumerate(spans):
        if i and start_s - end_s > _WORTH_A_START_S:
            bounds.append(i)
        end_s = max(end_s, span_end_s)
    return [range(first, end) for first, end in zip(bounds, [*bounds[1:], len(spans)], strict=True)]


def _decode_group(
    uri: str, spans: Sequence[Span], group: range, channel: int | None
) -> Iterator[tuple[int, np.ndarray, int]]:
    pieces: dict[int, list[np.ndarray]] = {}
    problem = None
    try:
        with open_decoder(uri) as stream:
            rate = stream.sample_rate
            bounds = {i: (max(0, round(spans[i][0] * rate)), round(spans[i][1] * rate)) for i in group}
            last = max(end for _, end in bounds.values())
            at = max(0, bounds[group[0]][0] - round(_BEFORE_S * rate))
            at = at if at and stream.seek(at) else 0
            waiting = list(group)
            for block in resampled(stream, rate, "soundfile", DecodedSoFar(), channel):
                for i in list(waiting):
                    start, end = bounds[i]
                    if start >= at + len(block):
                        break
                    part = block[max(0, start - at) : end - at]
                    if len(part):
                        pieces.setdefault(i, []).append(part)
                    if end <= at + len(block):
                        waiting.remove(i)
                        if i in pieces:
                            yield i, np.concatenate(pieces.pop(i)), rate
                at += len(block)
                if at >= last:
                    break
    except (DecodeError, OSError, MemoryError) as e:
        problem = as_decode_error(e)
    for i, parts in pieces.items():
        yield i, np.concatenate(parts), rate
    if problem is not None:
        raise problem


def spans_or_reason(
    uri: str, spans: Sequence[Span], channel: int | None
) -> Iterator[tuple[int, np.ndarray, int] | str]:
    """What `decode_spans` yields, and then one line that says why, if the recording breaks off: for another process."""
    try:
        yield from decode_spans(uri, spans, channel)
    except DecodeError as e:
        yield one_line(e)
