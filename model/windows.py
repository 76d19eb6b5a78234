"""Where the windows of a recording start and end, in training, tuning, labelling and scans alike."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from soundbeam.model.errors import SoundbeamError


@dataclasses.dataclass(frozen=True)
class WindowSpec:
    """Which windows a recording has.

    Window k starts at sample round(k × hop_s × rate), at exactly k × hop_s seconds, as long as it ends within the
    recording. If the last of these ends before the recording does, one more window, moved back, ends where the
    recording ends. A recording shorter than a window has one, padded on its right; an empty one has none. So every
    sample is in a window, and no window holds anything that was not recorded.

    Attributes:
        rate: Samples per second.
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
            longest = self.length_s
            raise SoundbeamError(
                f"hop {self.hop_s} s is longer than the window ({longest:g} s): sound between the windows would be "
                f"missed; choose a hop of at most {longest:g} s"
            )

    @property
    def window_samples(self) -> int:
        """The length of a window, samples."""
        return round(self.window_s * self.rate)

    @property
    def length_s(self) -> float:
        """The length of a window in seconds, rounded to whole samples."""
        return self.window_samples / self.rate

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
        return self.windows(0, n)[0]

    def count(self, n: int) -> int:
        """How many windows a recording of ``n`` samples has."""
        regular = self.regular(n)
        if regular == 0:
            return int(n > 0)
        return regular + (self.start(regular - 1) + self.window_samples < n)

    def needed_from(self, k: int) -> int:
        """The first sample that window ``k`` and later ones may need, since the last one may be moved back."""
        return self.start(k - 1) if k > 0 else 0

    def per_segment(self, segment_s: float) -> int:
        """How many windows fit a segment of ``segment_s`` seconds; at least one."""
        return max(1, int((segment_s * self.rate - self.window_samples) / (self.hop_s * self.rate)) + 1)

    def segment_samples(self, segment_s: float) -> int:
        """How many samples a segment of ``segment_s`` seconds has at most."""
        return self.start(self.per_segment(segment_s) - 1) + self.window_samples + 1

    def regular_windows(self, first: int, end: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Starts in samples, starts and ends in seconds, of the regular windows from ``first`` to before ``end``."""
        start_s = np.arange(first, end, dtype=np.float64) * self.hop_s
        return np.rint(start_s * self.rate).astype(np.int64), start_s, start_s + self.length_s

    def windows(self, first: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Starts in samples, starts and ends in seconds, of a recording's windows from ``first`` on.

        Args:
            first: The first window, at most the number of regular ones.
            n: Samples of the recording.

        Returns:
            int64, float64 and float64 ``[windows]``.
        """
        regular = self.regular(n)
        starts, start_s, end_s = self.regular_windows(first, regular)
        if n > 0 and self.count(n) > regular:
            last = max(0, n - self.window_samples)
            starts = np.append(starts, np.int64(last))
            start_s = np.append(start_s, last / self.rate)
            end_s = np.append(end_s, n / self.rate)
        return starts, start_s, end_s
