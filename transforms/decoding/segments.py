"""Splits a stream of blocks into segments of whole windows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from soundbeam.model.windows import WindowSpec
from soundbeam.transforms.records import Segment


def split_into_segments(
    blocks: Iterable[np.ndarray],
    spec: WindowSpec,
    segment_s: float = 60.0,
    uri: str = "",
    first: int = 0,
    end: int | None = None,
) -> Iterator[Segment]:
    """Splits a stream of samples into segments of whole windows.

    The windows of all segments, in order, are those of ``spec`` for the length of the recording, whatever the sizes of
    blocks, segments and ranges. Memory holds one segment, one window and one block at a time. No segment shares memory
    with a later one.

    Args:
        blocks: float32 ``[samples]`` each, mono, at ``spec.rate``, of any sizes, also empty. They start at
            ``spec.needed_from(first)``.
        spec: Which windows.
        segment_s: About how long a segment is, seconds; it holds at least one window.
        uri: The URI of the recording, for the segments.
        first: The first window; a multiple of ``spec.per_segment(segment_s)``.
        end: The window to stop before, also such a multiple; None for the end of the recording. Blocks after it are not
            read.

    Yields:
        Segments, indexed from 0 for window 0; none when the stream is empty.
    """
    window, per = spec.window_samples, spec.per_segment(segment_s)
    # The last window is moved back and may start anywhere after the last regular one, which starts at `origin`.
    origin = n = spec.needed_from(first)
    buffer: list[np.ndarray] = []  # the samples from `origin` to `n`
    index = first // per  # `first`: the next window to go into a segment
    for block in blocks:
        while n + len(block) >= (full := spec.start(first + per - 1) + window):
            samples = np.concatenate([*buffer, block[: full - n]], dtype=np.float32)
            starts, start_s, end_s = spec.regular_windows(first, first + per)
            yield Segment(uri, index, samples[starts[0] - origin :], starts - starts[0], start_s, end_s)
            first, index = first + per, index + 1
            if first == end:
                return
            keep = spec.needed_from(first)
            buffer, block = [samples[keep - origin :].copy()], block[full - n :]
            origin, n = keep, full
            del samples  # so that memory does not hold two segments
        buffer.append(block)
        n += len(block)
    if n == origin or spec.regular(n) < first:
        return  # the recording ends before this range; its last window belongs to the previous range
    starts, start_s, end_s = spec.windows(first, n)
    if len(starts):
        samples = np.concatenate(buffer, dtype=np.float32)[starts[0] - origin :]
        if len(samples) < window:
            samples = np.pad(samples, (0, window - len(samples)))
        yield Segment(uri, index, samples, starts - starts[0], start_s, end_s)
