"""The kinds of features that a front end computes, a class each, with the settings of that kind alone.

What all kinds share (rate, frames, normalisation, conditioning) is in ``model.frontend.config``.
"""

from __future__ import annotations

import abc
import dataclasses
from typing import ClassVar

RATE, HIGH_HZ = 16000, 7600.0  # the defaults belong together: at another rate the band is the same share of it
CHROMA = 12
SUMMARY = 47  # model/frontend/feature_table.py names them
TABLE = (40, 5)
GROUPS, MODULATIONS = 16, 16  # of ``texture``: groups of bands, and ranges of modulation frequency of each


@dataclasses.dataclass(frozen=True)
class Features(abc.ABC):
    """One kind of features.

    Attributes:
        kind: Its name on the command line and in a bundle.
        channels: How many channels it has.
        frame_local: Whether a frame needs only its own samples; else whole windows are computed at once.
        has_picture: Whether frames and bins span time and frequency.
        has_background: Whether a low percentile over time is the background of a bin.
        by_librosa: Whether librosa computes it.
        slow: Whether it takes longer than the networks that read it.
    """

    kind: ClassVar[str]
    channels: ClassVar[int] = 1
    frame_local: ClassVar[bool] = True
    has_picture: ClassVar[bool] = True
    has_background: ClassVar[bool] = True
    by_librosa: ClassVar[bool] = False
    slow: ClassVar[bool] = False

    def check(self, rate: int) -> None:  # noqa: B027  most kinds have nothing to check
        """Raises ValueError where the settings do not fit each other or the rate."""

    def at_rate(self, rate: int, new_rate: int) -> Features:
        """The same for another rate: bands keep their share of it."""
        return self

    def frames(self, samples: int, frame: int, step: int) -> int:
        """How many frames a window of so many samples has."""
        return max(0, (samples - frame) // step + 1)

    @abc.abstractmethod
    def bins(self, fft: int) -> int:
        """Values in a frame of one channel."""


class Waveform(Features):
    """The samples: each is a frame of one value."""

    kind = "waveform"
    frame_local = has_picture = has_background = False

    def frames(self, samples: int, frame: int, step: int) -> int:
        """The samples."""
        return samples

    def bins(self, fft: int) -> int:
        """One."""
        return 1


class Stft(Features):
    """Magnitudes of all FFT bins."""

    kind = "stft"

    def bins(self, fft: int) -> int:
        """The bins of the FFT."""
        return fft // 2 + 1


class PowerSpectrum(Stft):
    """Squared magnitudes of all FFT bins."""

    kind = "power"


class ComplexSpectrum(Stft):
    """Real and imaginary parts, two channels."""

    kind, channels, has_background = "complex", 2, False


class MagnitudePhase(Stft):
    """Magnitude and atan2(imaginary, real), two channels."""

    kind, channels, has_background = "magnitude_phase", 2, False


@dataclasses.dataclass(frozen=True)
class Bands(Features):
    """What is computed from frequency bands.

    Attributes:
        bands: Mel bands, or gammatone bands of ``gfcc``.
        low_hz: Lower edge of the lowest mel band, or centre of the lowest gammatone band.
        high_hz: Upper edge of the highest mel band, or centre of the highest gammatone band.
    """

    bands: int = 64
    low_hz: float = 60.0
    high_hz: float = HIGH_HZ

    def check(self, rate: int) -> None:
        """Raises ValueError where the band does not lie below half of the rate."""
        if not 0 <= self.low_hz < self.high_hz <= rate / 2:
            raise ValueError(f"{self.low_hz} to {self.high_hz} Hz is no band below half of {rate} Hz")

    def at_rate(self, rate: int, new_rate: int) -> Bands:
        """The highest frequency is the same share of the rate."""
        return dataclasses.replace(self, high_hz=self.high_hz * (new_rate / rate))

    def bins(self, fft: int) -> int:
        """The bands."""
        return self.bands


@dataclasses.dataclass(frozen=True)
class Pcen(Bands):
    """Mel-band magnitudes under per-channel energy normalisation (Wang et al. 2017).

    Attributes:
        pcen_gain: Exponent of the smoothed energy, α.
        pcen_bias: Offset δ.
        pcen_power: Exponent r.
        pcen_time_s: Time constant of the smoother, seconds.
    """

    kind = "pcen"
    pcen_gain: float = 0.98
    pcen_bias: float = 2.0
    pcen_power: float = 0.5
    pcen_time_s: float = 0.4


@dataclasses.dataclass(frozen=True)
class LogMel(Bands):
    """Natural logarithm of mel-band powers.

    Attributes:
        floor: Added to a band's power before the logarithm: silence stays finite.
    """

    kind = "log_mel"
    floor: float = 1e-7


@dataclasses.dataclass(frozen=True)
class Mfcc(LogMel):
    """Orthonormal DCT-II of ``log_mel``.

    Attributes:
        coefficients: How many are kept, from the first; at most ``bands``.
    """

    kind = "mfcc"
    coefficients: int = 20

    def check(self, rate: int) -> None:
        """Raises ValueError where there are more coefficients than bands, or the band does not fit."""
        super().check(rate)
        if not 0 < self.coefficients <= self.bands:
            raise ValueError(f"{self.coefficients} coefficients cannot be had from {self.bands} bands")

    def bins(self, fft: int) -> int:
        """The coefficients."""
        return self.coefficients


class Gfcc(Mfcc):
    """The same DCT of the cube root of gammatone-band powers (Shao and Wang 2008)."""

    kind = "gfcc"


class Texture(Mfcc):
    """Statistics of how the bands and coefficients move over the window (``model.frontend.texture``)."""

    kind = "texture"
    frame_local = has_picture = has_background = False

    def frames(self, samples: int, frame: int, step: int) -> int:
        """One."""
        return 1

    def bins(self, fft: int) -> int:
        """The statistics."""
        return 3 * self.bands + 2 * self.coefficients + min(GROUPS, self.bands) * MODULATIONS


@dataclasses.dataclass(frozen=True)
class ConstantQ(Features):
    """Natural logarithm of constant-Q magnitudes, by librosa.

    Attributes:
        low_hz: Centre of the lowest bin.
        floor: Added to a magnitude before the logarithm: silence stays finite.
        octaves: From ``low_hz`` upwards.
        bins_per_octave: Bins of each of them.
    """

    kind = "cqt"
    frame_local, by_librosa = False, True
    low_hz: float = 60.0
    floor: float = 1e-7
    octaves: int = 6
    bins_per_octave: int = 12

    def check(self, rate: int) -> None:
        """Raises ValueError where the octaves do not lie below half of the rate."""
        fits = 0 < self.low_hz * 2**self.octaves <= rate / 2
        if not (fits and self.octaves > 0 and self.bins_per_octave > 0):
            raise ValueError(f"{self.octaves} octaves from {self.low_hz} Hz on do not fit below half of {rate} Hz")

    def at_rate(self, rate: int, new_rate: int) -> ConstantQ:
        """Octaves that no longer fit below half of the rate fall away; at a higher rate they stay as they are."""
        octaves = self.octaves
        while octaves > 1 and self.low_hz * 2**octaves > new_rate / 2:
            octaves -= 1
        return dataclasses.replace(self, octaves=octaves)

    def bins(self, fft: int) -> int:
        """Those of all octaves."""
        return self.octaves * self.bins_per_octave


class ChromaStft(Features):
    """12 pitch classes from C, of the STFT."""

    kind = "chroma_stft"

    def bins(self, fft: int) -> int:
        """The pitch classes."""
        return CHROMA


class ChromaCqt(ChromaStft):
    """12 pitch classes from C, of a constant-Q transform, by librosa."""

    kind, frame_local, by_librosa = "chroma_cqt", False, True


class ChromaCens(ChromaCqt):
    """``chroma_cqt`` quantised and smoothed, by librosa."""

    kind = "chroma_cens"


class FeatureSummary(Features):
    """The window's row of the feature table (``soundbeam materialize --features table``)."""

    kind, slow = "summary", True
    frame_local = has_picture = has_background = False

    def frames(self, samples: int, frame: int, step: int) -> int:
        """One."""
        return 1

    def bins(self, fft: int) -> int:
        """The columns."""
        return SUMMARY


class MeansTable(Features):
    """40 × 5: means of MFCC, mel, chroma STFT, chroma CQT and chroma CENS, by librosa."""

    kind, by_librosa = "table", True
    frame_local = has_picture = has_background = False

    def frames(self, samples: int, frame: int, step: int) -> int:
        """The rows."""
        return TABLE[0]

    def bins(self, fft: int) -> int:
        """The columns."""
        return TABLE[1]


FEATURES: dict[str, type[Features]] = {
    features.kind: features
    for features in (
        Waveform, Stft, PowerSpectrum, ComplexSpectrum, MagnitudePhase, LogMel, Pcen, Mfcc, Gfcc, ConstantQ,
        ChromaStft, ChromaCqt, ChromaCens, FeatureSummary, MeansTable, Texture,
    )
}  # fmt: skip
