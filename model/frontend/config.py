"""What a front end computes, and the shape that comes out of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from soundbeam.model.extras import require
from soundbeam.model.frontend.conditioning import as_text, packages_of, parse
from soundbeam.model.frontend.kinds import FEATURES, HIGH_HZ, RATE, Features, LogMel

STACK = "stack"  # the kind of a front end of several kinds
KINDS = (*FEATURES, STACK)
NORMALISATIONS = ("none", "window", "band", "percentile")


@dataclasses.dataclass(frozen=True, init=False)
class FrontEndConfig:
    """How a waveform becomes a spectrogram, or other features.

    Attributes:
        features: What is computed; several kinds become channels, each resized along its bins, linearly, to as many
            as the first one has. A setting that several of them have is the same in all.
        rate: Samples a second of the waveform.
        frame: Samples of a frame (Hann window: periodic, but symmetric where they are odd).
        step: Samples between the starts of two frames.
        fft: Length of the FFT, at least ``frame``.
        normalise: ``none``; ``window``: zero mean and unit deviation over the window; ``band``: the same for each
            frequency over time; ``percentile``: each band's 25th percentile over time, its background, is subtracted,
            the rest clipped to ``clip`` and scaled to about unit size. Each channel is normalised by itself.
        clip: Lowest and highest value above the background, in nats (``percentile`` only).
        condition: What is done to each window first, e.g. ``pre-emphasis=0.97,loudness=-23``
            (``model.frontend.conditioning``).
        noise: The noise for its ``denoise``, as ``pack_noise`` writes it; "": each window's own statistics.
    """

    features: tuple[Features, ...] = (LogMel(),)
    rate: int = RATE
    frame: int = 800
    step: int = 320
    fft: int = 1024
    normalise: str = "percentile"
    clip: tuple[float, float] = (-1.0, 7.0)
    condition: str = ""
    noise: str = dataclasses.field(default="", repr=False)

    def __init__(
        self,
        features: tuple[Features, ...] = (LogMel(),),
        rate: int = RATE,
        frame: int = 800,
        step: int = 320,
        fft: int = 1024,
        normalise: str = "percentile",
        clip: Sequence[float] = (-1.0, 7.0),
        condition: str = "",
        noise: str = "",
        *,
        kind: str | None = None,
    ) -> None:
        """``kind`` is one of ``KINDS`` by its name, with its defaults: instead of ``features``."""
        cuts, steps = parse(condition)
        if cuts:
            raise ValueError(f"{cuts[0][0]} is for clips, not for the windows of a front end")
        if kind is not None:
            features = (of_kind(kind),)
        values = (features, rate, frame, step, fft, normalise, (float(clip[0]), float(clip[1])), as_text(steps), noise)
        for field, value in zip(dataclasses.fields(self), values, strict=True):
            object.__setattr__(self, field.name, value)
        if self.normalise not in NORMALISATIONS:
            raise ValueError(f"unknown normalisation {self.normalise}; there are {NORMALISATIONS}")
        self._check_stack()
        if self.step <= 0 or not 0 < self.frame <= self.fft:
            raise ValueError(f"step {self.step}, frame {self.frame} and fft {self.fft} do not fit together")
        for each in self.features:
            each.check(self.rate)
        if self.normalise == "percentile" and not all(each.has_background for each in self.features):
            raise ValueError(f"{self.kind} has no background to subtract; choose another normalise, e.g. 'none'")

    def _check_stack(self) -> None:
        settings: dict[str, Any] = {}
        for features in self.features if len(self.features) > 1 else ():
            if not features.has_picture:
                raise ValueError(f"{features.kind} cannot be stacked; it must have frames and bins")
            for name, value in dataclasses.asdict(features).items():
                if settings.setdefault(name, value) != value:
                    raise ValueError(f"stacked kinds have {name} {settings[name]} and {value}; give them the same")

    @property
    def kind(self) -> str:
        """The kind that is computed; ``stack`` where there are several."""
        return STACK if len(self.features) > 1 else self.features[0].kind

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that are computed."""
        return tuple(features.kind for features in self.features)

    @property
    def frame_local(self) -> bool:
        """Whether overlapping windows may share frames: ``Spectrograms.of_segment`` takes no others."""
        return not self.condition and all(features.frame_local for features in self.features)

    @property
    def has_picture(self) -> bool:
        """Whether frames and bins span time and frequency, so that masks make sense."""
        return self.features[0].has_picture

    @property
    def packages(self) -> list[str]:
        """Packages of the extra ``[zoo]`` that it is computed by."""
        librosa = ["librosa"] if any(features.by_librosa for features in self.features) else []
        return librosa + packages_of(parse(self.condition)[1])

    def check(self) -> None:
        """Raises SoundbeamError where a package that it is computed by is not installed."""
        require(f"the front end {'+'.join(filter(None, (self.condition, *self.kinds)))}", self.packages)

    @property
    def slow(self) -> bool:
        """Whether it takes longer than the networks that read it: a classifier's training computes it once a clip."""
        return bool(self.packages) or any(features.slow for features in self.features)

    def frames(self, samples: int) -> int:
        """The number of frames that lie wholly within so many samples."""
        return self.features[0].frames(samples, self.frame, self.step)

    @property
    def bins(self) -> int:
        """Values in a frame of one channel."""
        return self.features[0].bins(self.fft)

    @property
    def channels(self) -> int:
        """Channels of what comes out."""
        return sum(features.channels for features in self.features)

    def shape(self, samples: int) -> tuple[int, int, int]:
        """(frames, bins, channels) of a window of so many samples."""
        return self.frames(samples), self.bins, self.channels

    def of_kind(self, name: str) -> FrontEndConfig:
        """This one with another kind, or several joined by ``+`` as channels, normalised as they can be.

        Raises:
            ValueError: There is no such kind, or it does not go with the rest.
        """
        kinds = tuple(name.split("+"))
        normalise = self.normalise
        if name in ("summary", "table", "texture"):
            normalise = "none"
        elif normalise in ("none", "percentile") and name != "log_mel":
            normalise = "window"
        kind, stack = (name, ()) if len(kinds) == 1 else (STACK, kinds)
        return self.from_plain({**self.plain(), "kind": kind, "stack": stack, "normalise": normalise})

    def at_rate(self, rate: int) -> FrontEndConfig:
        """This one for sounds of another rate: frames and steps of the same seconds, bands to the same share of it.

        The FFT grows to a power of two that holds the frame at least as finely as before. Octaves that no longer fit
        below half of the rate fall away; at a higher rate they stay as they are.

        Raises:
            ValueError: Its bands do not fit below half of that rate.
        """
        scale = rate / self.rate
        frame = max(1, round(self.frame * scale))
        fft = 1 << (max(frame, round(self.fft * scale)) - 1).bit_length()
        features = tuple(features.at_rate(self.rate, rate) for features in self.features)
        return dataclasses.replace(
            self, features=features, rate=rate, frame=frame, step=max(1, round(self.step * scale)), fft=fft
        )

    def plain(self) -> dict[str, Any]:
        """Plain values for JSON, all on one level: ``from_plain`` gives the same configuration.

        Settings of kinds that are not computed are there too, at their defaults: bundles have always been written so,
        and their fingerprints are over it.
        """
        values = {name: value for kind in FEATURES.values() for name, value in dataclasses.asdict(kind()).items()}
        values["high_hz"] = HIGH_HZ * (self.rate / RATE)
        for features in self.features:
            values |= dataclasses.asdict(features)
        values |= {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del values["features"]
        stack = list(self.kinds) if len(self.features) > 1 else []
        return {**values, "kind": self.kind, "stack": stack, "clip": list(self.clip)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> FrontEndConfig:
        """The configuration of plain values; those that are missing have their defaults.

        Raises:
            ValueError: There is no such kind, or its settings do not fit each other.
            TypeError: There is no such setting.
        """
        values = dict(plain)
        kind, stack = values.pop("kind", LogMel.kind), tuple(values.pop("stack", ()))
        if kind not in KINDS:
            raise ValueError(f"unknown front end {kind}; there are {KINDS}")
        if bool(stack) != (kind == STACK):
            raise ValueError("stack=(kind, …) goes with kind='stack' and only with it")
        for name in stack:
            if name not in FEATURES:
                raise ValueError(f"{name} cannot be stacked; it must have frames and bins")
        names = {name for features_class in FEATURES.values() for name in _names(features_class)}
        settings = {name: values.pop(name) for name in names & values.keys()}
        features = []
        for name in stack or (kind,):
            features_class = FEATURES[name]
            features.append(features_class(**{n: settings[n] for n in _names(features_class) & settings.keys()}))
        return cls(tuple(features), **values)


def of_kind(name: str) -> Features:
    """A kind of features by its name, with its defaults.

    Raises:
        ValueError: There is no such kind, or the name is that of several.
    """
    if name not in FEATURES:
        raise ValueError(f"unknown front end {name}; there are {tuple(FEATURES)}")
    return FEATURES[name]()


def _names(features_class: type[Features]) -> set[str]:
    """The names of a kind's settings."""
    return {field.name for field in dataclasses.fields(features_class)}
