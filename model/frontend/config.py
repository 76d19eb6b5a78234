"""What a front end computes, and the shape that comes out of it."""

from __future__ import annotations

import dataclasses
from typing import Any

from soundbeam.model.extras import require
from soundbeam.model.frontend.conditioning import as_text, packages_of, parse

# Each kind, and how many channels it has.
CHANNELS = {
    "waveform": 1,
    "stft": 1,
    "power": 1,
    "complex": 2,
    "magnitude_phase": 2,
    "log_mel": 1,
    "pcen": 1,
    "mfcc": 1,
    "gfcc": 1,
    "cqt": 1,
    "chroma_stft": 1,
    "chroma_cqt": 1,
    "chroma_cens": 1,
    "summary": 1,
    "table": 1,
    "texture": 1,
}
KINDS = (*CHANNELS, "stack")
# One value a sample, or numbers of the whole window: no picture of frames and bins.
_NO_PICTURE = ("waveform", "summary", "table", "texture")
# A frame of these is more than its own samples.
_WHOLE_WINDOW = ("waveform", "cqt", "chroma_cqt", "chroma_cens", "summary", "table", "texture")
_MEL = ("log_mel", "pcen", "mfcc", "gfcc", "texture")
NORMALISATIONS = ("none", "window", "band", "percentile")
CHROMA = 12
SUMMARY = 47  # model/frontend/feature_table.py names them
TABLE = (40, 5)
GROUPS, MODULATIONS = 16, 16  # of ``texture``: groups of bands, and ranges of modulation frequency of each


@dataclasses.dataclass(frozen=True)
class FrontEndConfig:
    """How a waveform becomes a spectrogram, or other features.

    Attributes:
        kind: One of
            ``waveform``: the samples;
            ``stft``: magnitudes of all FFT bins; ``power``: their squares;
            ``complex``: real and imaginary parts, two channels;
            ``magnitude_phase``: magnitude and atan2(imaginary, real), two channels;
            ``log_mel``: natural logarithm of mel-band powers;
            ``pcen``: mel-band magnitudes under per-channel energy normalisation (Wang et al. 2017);
            ``mfcc``: orthonormal DCT-II of ``log_mel``, the first ``coefficients``;
            ``gfcc``: the same of the cube root of gammatone-band powers (Shao and Wang 2008);
            ``cqt``: natural logarithm of constant-Q magnitudes, by librosa;
            ``chroma_stft``, ``chroma_cqt``, ``chroma_cens``: 12 pitch classes from C, the last two by librosa;
            ``summary``: the window's row of the feature table (``soundbeam materialize --features table``);
            ``table``: 40 × 5: means of MFCC, mel, chroma STFT, chroma CQT and chroma CENS, by librosa;
            ``texture``: statistics of how the bands of ``log_mel`` move over the window (``model.frontend.texture``);
            ``stack``: those of ``stack`` as channels.
        rate: Samples a second of the waveform.
        frame: Samples of a frame (periodic Hann window).
        step: Samples between the starts of two frames.
        fft: Length of the FFT, at least ``frame``.
        bands: Mel bands (``log_mel``, ``pcen``, ``mfcc``, ``texture``) or gammatone bands (``gfcc``).
        low_hz: Lower edge of the lowest band; the lowest centre of ``gfcc`` and ``cqt``.
        high_hz: Upper edge of the highest band (mel), highest centre (``gfcc``).
        floor: Added to a band's power (or a CQT magnitude) before the logarithm or root: silence stays finite.
        normalise: ``none``; ``window``: zero mean and unit deviation over the window; ``band``: the same for each
            frequency over time; ``percentile``: each band's 25th percentile over time, its background, is subtracted,
            the rest clipped to ``clip`` and scaled to about unit size. Each channel is normalised by itself.
        clip: Lowest and highest value above the background, in nats (``percentile`` only).
        coefficients: Of ``mfcc``, ``gfcc`` and ``texture``; at most ``bands``.
        octaves: Of ``cqt``, from ``low_hz`` upwards.
        bins_per_octave: Of ``cqt``.
        pcen_gain: Exponent of the smoothed energy, α.
        pcen_bias: Offset δ.
        pcen_power: Exponent r.
        pcen_time_s: Time constant of the smoother, seconds.
        stack: Kinds stacked as channels. Each is resized along its bins, linearly, to as many as the first one has.
        condition: What is done to each window first, e.g. ``pre-emphasis=0.97,loudness=-23``
            (``model.frontend.conditioning``).
        noise: The noise for its ``denoise``, as ``pack_noise`` writes it; "": each window's own statistics.
    """

    kind: str = "log_mel"
    rate: int = 16000
    frame: int = 800
    step: int = 320
    fft: int = 1024
    bands: int = 64
    low_hz: float = 60.0
    high_hz: float = 7600.0
    floor: float = 1e-7
    normalise: str = "percentile"
    clip: tuple[float, float] = (-1.0, 7.0)
    coefficients: int = 20
    octaves: int = 6
    bins_per_octave: int = 12
    pcen_gain: float = 0.98
    pcen_bias: float = 2.0
    pcen_power: float = 0.5
    pcen_time_s: float = 0.4
    stack: tuple[str, ...] = ()
    condition: str = ""
    noise: str = dataclasses.field(default="", repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "clip", (float(self.clip[0]), float(self.clip[1])))
        object.__setattr__(self, "stack", tuple(self.stack))
        cuts, steps = parse(self.condition)
        if cuts:
            raise ValueError(f"{cuts[0][0]} is for clips, not for the windows of a front end")
        object.__setattr__(self, "condition", as_text(steps))
        if self.kind not in KINDS or self.normalise not in NORMALISATIONS:
            raise ValueError(f"unknown front end {self.kind}/{self.normalise}; there are {KINDS} and {NORMALISATIONS}")
        if bool(self.stack) != (self.kind == "stack"):
            raise ValueError("stack=(kind, …) goes with kind='stack' and only with it")
        for kind in self.stack:
            if kind not in CHANNELS or kind in _NO_PICTURE:
                raise ValueError(f"{kind} cannot be stacked; it must have frames and bins")
        if self.step <= 0 or not 0 < self.frame <= self.fft:
            raise ValueError(f"step {self.step}, frame {self.frame} and fft {self.fft} do not fit together")
        if self._any(_MEL) and not 0 <= self.low_hz < self.high_hz <= self.rate / 2:
            raise ValueError(f"{self.low_hz} to {self.high_hz} Hz is no band below half of {self.rate} Hz")
        if self._any(("mfcc", "gfcc", "texture")) and not 0 < self.coefficients <= self.bands:
            raise ValueError(f"{self.coefficients} coefficients cannot be had from {self.bands} bands")
        fits = 0 < self.low_hz * 2**self.octaves <= self.rate / 2
        if self._any(("cqt",)) and not (fits and self.octaves > 0 and self.bins_per_octave > 0):
            raise ValueError(f"{self.octaves} octaves from {self.low_hz} Hz on do not fit below half of {self.rate} Hz")
        if self.normalise == "percentile" and (self.kind in _NO_PICTURE or self._any(("complex", "magnitude_phase"))):
            raise ValueError(f"{self.kind} has no background to subtract; choose another normalise, e.g. 'none'")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that are computed: those of the stack, or the only one."""
        return self.stack or (self.kind,)

    def _any(self, kinds: tuple[str, ...]) -> bool:
        return any(kind in kinds for kind in self.kinds)

    @property
    def frame_local(self) -> bool:
        """Whether overlapping windows may share frames: what ``FrontEnd.spectrogram`` needs is a frame's samples."""
        return not self.condition and not self._any(_WHOLE_WINDOW)

    @property
    def has_picture(self) -> bool:
        """Whether frames and bins span time and frequency, so that masks make sense."""
        return self.kind not in _NO_PICTURE

    @property
    def packages(self) -> list[str]:
        """Packages of the extra ``[zoo]`` that it is computed by."""
        librosa = ["librosa"] if self._any(("cqt", "chroma_cqt", "chroma_cens", "table")) else []
        return librosa + packages_of(parse(self.condition)[1])

    def check(self) -> None:
        """Raises SoundbeamError where a package that it is computed by is not installed."""
        require(f"the front end {'+'.join(filter(None, (self.condition, *self.kinds)))}", self.packages)

    @property
    def slow(self) -> bool:
        """Whether it takes longer than the networks that read it: a classifier's training computes it once a clip."""
        return bool(self.packages) or self._any(("summary",))

    def frames(self, samples: int) -> int:
        """The number of frames that lie wholly within so many samples."""
        fixed = {"waveform": samples, "summary": 1, "texture": 1, "table": TABLE[0]}.get(self.kind)
        return max(0, (samples - self.frame) // self.step + 1) if fixed is None else fixed

    def bins_of(self, kind: str) -> int:
        """Values in a frame of one kind's channel, before any resizing."""
        if kind in ("log_mel", "pcen"):
            return self.bands
        if kind in ("mfcc", "gfcc"):
            return self.coefficients
        if kind == "texture":
            return 3 * self.bands + 2 * self.coefficients + min(GROUPS, self.bands) * MODULATIONS
        if kind.startswith("chroma_"):
            return CHROMA
        fixed = {"waveform": 1, "cqt": self.octaves * self.bins_per_octave, "summary": SUMMARY, "table": TABLE[1]}
        return fixed.get(kind, self.fft // 2 + 1)

    @property
    def bins(self) -> int:
        """Values in a frame of one channel."""
        return self.bins_of(self.kinds[0])

    @property
    def channels(self) -> int:
        """Channels of what comes out."""
        return sum(CHANNELS[kind] for kind in self.kinds)

    def shape(self, samples: int) -> tuple[int, int, int]:
        """(frames, bins, channels) of a window of so many samples."""
        return self.frames(samples), self.bins, self.channels

    def of_kind(self, name: str) -> FrontEndConfig:
        """This one with another kind, or several joined by ``+`` as channels, normalised as they can be.

        Raises:
            ValueError: There is no such kind, or it does not go with the rest.
        """
        kinds = tuple(name.split("+"))
        kind = kinds[0] if len(kinds) == 1 else "stack"
        normalise = self.normalise
        if kind in ("summary", "table", "texture"):
            normalise = "none"
        elif normalise in ("none", "percentile") and kinds != ("log_mel",):
            normalise = "window"
        return dataclasses.replace(self, kind=kind, stack=kinds if len(kinds) > 1 else (), normalise=normalise)

    def at_rate(self, rate: int) -> FrontEndConfig:
        """This one for sounds of another rate: frames and steps of the same seconds, bands to the same share of it.

        The FFT grows to a power of two that holds the frame at least as finely as before. Octaves that no longer fit
        below half of the rate fall away; at a higher rate they stay as they are.

        Raises:
            ValueError: Its bands do not fit below half of that rate.
        """
        scale = rate / self.rate
        frame, octaves = max(1, round(self.frame * scale)), self.octaves
        while octaves > 1 and self._any(("cqt",)) and self.low_hz * 2**octaves > rate / 2:
            octaves -= 1
        fft = 1 << (max(frame, round(self.fft * scale)) - 1).bit_length()
        return dataclasses.replace(
            self, rate=rate, frame=frame, step=max(1, round(self.step * scale)), fft=fft, octaves=octaves,
            high_hz=self.high_hz * scale,
        )  # fmt: skip

    def plain(self) -> dict[str, Any]:
        """Plain values, which JSON holds: ``FrontEndConfig(**plain)`` gives the same."""
        return {**dataclasses.asdict(self), "clip": list(self.clip), "stack": list(self.stack)}
