"""The arithmetic of windows: where each one starts, and how a stream of blocks is cut into segments of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator

import numpy as np

from soundbeam.model.errors import SoundbeamError
from soundbeam.transforms.records import Segment


@dataclasses.dataclass(frozen=True)
class WindowSpec:
    """Which windows a recording has.

    Window k starts at sample round(k × hop_s × rate), at exactly k × hop_s seconds, as long as it ends within the
    recording. If the last of these ends before the recording does, one more window, moved back, ends where the
    recording ends. A recording shorter than a window has one, padded on its right; an empty one has none. So every
    sample is in a window, and no window holds anything that was not recorded.

    Attributes:
        rate: Samples a second.
        window_s: Length of a window, seconds; rounded to whole samples.
        hop_s: Seconds between the starts of two windows, at most a window's length.

    Raises:
        SoundbeamError: A length is not positive, or the hop would leave samples between two windows.
    """

    rate: int
    window_s: float
    hop_s: float

    def __post_init__(self):
        for name, value in (("rate", self.rate), ("window", self.window_s), ("hop", self.hop_s)):
            if not (math.isfinite(value) and value > 0):
                raise SoundbeamError(f"{name} is {value}; it must be a number above zero")
        if self.window_samples < 1 or self.hop_s * self.rate < 1:
            raise SoundbeamError(
                f"window ({self.window_s} s) or hop ({self.hop_s} s) is shorter than a sample at {self.rate} Hz"
            )
        if self.hop_s * self.rate > self.window_samples * (1 + 1e-12):
            longest = self.window_samples / self.rate
            raise SoundbeamError(
                f"hop {self.hop_s} s is longer than the window ({longest:g} s): sound between the windows would be "
                f"missed; choose a hop of at most {longest:g} s"
            )

    @property
    def window_samples(self) -> int:
        """Samples of a window."""
        return round(self.window_s * self.rate)

    def start(self, k: int) -> int:
        """First sample of the regular window ``k``."""
        return round(k * self.hop_s * self.rate)

    def regular(self, n: int) -> int:
        """How many windows of a recording of ``n`` samples start at a multiple of the hop and end within it."""
        if n < self.window_samples:
            return 0
        k = int((n - self.window_samples) / (self.hop_s * self.rate))  # right to within one, by rounding
        while k > 0 and self.start(k) + self.window_samples > n:
            k -= 1
        while self.start(k + 1) + self.window_samples <= n:
            k += 1
        return k + 1

    def starts(self, n: int) -> np.ndarray:
        """First samples of all windows of a recording of ``n`` samples, int64 ``[windows]``, ascending."""
        return self._windows(0, n)[0]

    def spans(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Starts and ends, seconds, of all windows of a recording of ``n`` samples, float64 ``[windows]`` each."""
        _, start_s, end_s = self._windows(0, n)
        return start_s, end_s

    def count(self, n: int) -> int:
        """How many windows a recording of ``n`` samples has."""
        regular = self.regular(n)
        if regular == 0:
            return int(n > 0)
        return regular + (self.start(regular - 1) + self.window_samples < n)

    def needed_from(self, k: int) -> int:
        """The first sample that windows from ``k`` on may need: the last one may be moved back."""
        return self.start(k - 1) if k > 0 else 0

    def per_segment(self, segment_s: float) -> int:
        """How many windows fit a segment of ``segment_s`` seconds; at least one."""
        return max(1, int((segment_s * self.rate - self.window_samples) / (self.hop_s * self.rate)) + 1)

    def segment_samples(self, segment_s: float) -> int:
        """How many samples a segment of ``segment_s`` seconds has at most."""
        return self.start(self.per_segment(segment_s) - 1) + self.window_samples + 1

    def _regular_windows(self, first: int, end: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        start_s = np.arange(first, end, dtype=np.float64) * self.hop_s
        return np.rint(start_s * self.rate).astype(np.int64), start_s, start_s + self.window_samples / self.rate

    def _windows(self, first: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Starts in samples, starts and ends in seconds, of the windows from ``first`` on."""
        regular = self.regular(n)
        starts, start_s, end_s = self._regular_windows(first, regular)
        if n > 0 and self.count(n) > regular:
            last = max(0, n - self.window_samples)
            starts = np.append(starts, np.int64(last))
            start_s = np.append(start_s, last / self.rate)
            end_s = np.append(end_s, n / self.rate)
        return starts, start_s, end_s


def cut(
    blocks: Iterable[np.ndarray],
    spec: WindowSpec,
    segment_s: float = 60.0,
    uri: str = "",
    first: int = 0,
    end: int | None = None,
) -> Iterator[Segment]:
    """Cuts a stream of samples into segments of whole windows.

    All windows of all segments, in order, are those of ``spec`` for the recording's length, whatever the sizes of the
    blocks, segments and ranges. It holds one segment, one window and one block at a time.
    No segment shares memory with one after it.

    Args:
        blocks: float32 ``[samples]`` each, mono, at ``spec.rate``; of any sizes, empty ones too. They begin at
            ``spec.needed_from(first)``.
        spec: Which windows.
        segment_s: About how long a segment may be, seconds; it holds at least one window.
        uri: The recording's name, for the segments.
        first: The first window; a multiple of ``spec.per_segment(segment_s)``.
        end: The first window after the last; a multiple too. None: all. When it has them, it reads no further.

    Yields:
        Segments, indexed from 0 for window 0; none when the stream is empty.
    """
    window, per = spec.window_samples, spec.per_segment(segment_s)
    # The last window, moved back, may start anywhere after the last one that is out: that is where `origin` is.
    origin = n = spec.needed_from(first)
    held: list[np.ndarray] = []  # the samples from `origin` to `n`
    index = first // per  # `first`: the next window to go into a segment
    for block in blocks:
        while n + len(block) >= (full := spec.start(first + per - 1) + window):
            samples = np.concatenate([*held, block[: full - n]], dtype=np.float32)
            starts, start_s, end_s = spec._regular_windows(first, first + per)
            yield Segment(uri, index, samples[starts[0] - origin :], starts - starts[0], start_s, end_s)
            first, index = first + per, index + 1
            if first == end:
                return
            keep = spec.needed_from(first)
            held, block = [samples[keep - origin :].copy()], block[full - n :]
            origin, n = keep, full
            del samples  # not two segments at a time
        held.append(block)
        n += len(block)
    if n == origin or spec.regular(n) < first:
        return  # the recording ends before this range: its last window is of the one before
    starts, start_s, end_s = spec._windows(first, n)
    if len(starts):
        samples = np.concatenate(held, dtype=np.float32)[starts[0] - origin :]
        if len(samples) < window:
            samples = np.pad(samples, (0, window - len(samples)))
        yield Segment(uri, index, samples, starts - starts[0], start_s, end_s)
