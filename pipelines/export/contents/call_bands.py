"""The lowest and the highest frequency of each call."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from soundbeam.pipelines.export.contents.call_rows import ListenedRecording
from soundbeam.pipelines.export.contents.selection import Selection
from soundbeam.transforms.scanned_file import why_not_same

Band = tuple[float, float]
# The sound before and after a call by which its background is known.
_AROUND_S = 1.0
_FRAME = 1024
_SHARE = (0.05, 0.95)  # of the energy above the background
_CALLS_AT_ONCE = 64  # of a recording, whose sound is held


class CallBands:
    """Tells the band of each call: what the classifier hears, or with ``--frequencies measured`` what holds its energy.

    Args:
        selection: What is exported.
    """

    def __init__(self, selection: Selection):
        self._selection = selection
        self._heard = selection.newest.parameters.heard_channel
        self._measured = selection.request.frequencies == "measured"

    def of(self, recording: ListenedRecording) -> Iterator[Band]:
        """The bands of a recording's calls, Hz."""
        from soundbeam.pipelines.runners.options import cores  # loads Beam, as the other formats need not
        from soundbeam.transforms.decoding.clip_reader import read_excerpts
        from soundbeam.transforms.decoding.excerpt import Excerpt

        band = self._selection.frequencies(recording)
        if not (self._measured and recording.rate) or why_not_same(recording.scanned):
            yield from (band for _ in recording.calls)
            return
        for first in range(0, len(recording.calls), _CALLS_AT_ONCE):
            calls = recording.calls[first : first + _CALLS_AT_ONCE]
            starts = [max(0.0, call.start_s - _AROUND_S) for call in calls]
            excerpts = [
                Excerpt(recording.uri, start, call.end_s + _AROUND_S, self._heard(call.channel))
                for start, call in zip(starts, calls, strict=True)
            ]
            sounds = read_excerpts(excerpts, recording.rate, min(cores(), len(excerpts)))
            for start, call, sound in zip(starts, calls, sounds, strict=True):
                found = None
                if not isinstance(sound, str):
                    own_start, own_end = (round((t - start) * recording.rate) for t in (call.start_s, call.end_s))
                    found = energy_band(sound, own_start, own_end, recording.rate, band)
                yield found or band


def energy_band(sound: np.ndarray, first: int, end: int, rate: int, within: Band) -> Band | None:
    """The band that holds a call's energy: from 5 % to 95 % of what exceeds the background.

    The background of a frequency is its median before and after the call.

    Args:
        sound: float32 ``[samples]``, the call with what is around it.
        first, end: The samples of the call.
        rate: Samples per second.
        within: The band to look in, Hz.

    Returns:
        Hz; None where nothing exceeds the background, or the sound is too short.
    """
    size = min(_FRAME, end - first)
    if size < 16:
        return None
    window = np.hanning(size)
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[:: max(1, size // 2)] if len(sound) >= size else None
    if frames is None or not len(frames):
        return None
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    starts = np.arange(len(frames)) * max(1, size // 2)
    own = (starts >= first) & (starts + size <= end)
    around = (starts + size <= first) | (starts >= end)
    if not own.any():
        own = (starts < end) & (starts + size > first)
    background = np.median(power[around], axis=0) if around.any() else 0.0
    hz = np.fft.rfftfreq(size, 1 / rate)
    excess = np.maximum(power[own].mean(axis=0) - background, 0.0) * ((hz >= within[0]) & (hz <= within[1]))
    total = excess.sum()
    if not total > 0:
        return None
    shares = np.cumsum(excess) / total
    half = rate / size / 2
    low, high = (hz[np.searchsorted(shares, share)] for share in _SHARE)
    return max(within[0], float(low - half)), min(within[1], float(high + half))
