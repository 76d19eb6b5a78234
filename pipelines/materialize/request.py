"""The options of ``soundbeam materialize``, without those of Beam."""

from __future__ import annotations

import dataclasses

from soundbeam.model.errors import OptionError


@dataclasses.dataclass(frozen=True)
class Materializing:
    """What to materialize, and how.

    Attributes:
        clips: URL of a folder with one folder for each label, or of a CSV.
        examples: URL of the folder for the examples, or the features.
        rate: Hz of the examples.
        window: Seconds of the longest example.
        validation: Share of each label kept for validation.
        condition: The steps of conditioning, as ``--condition`` takes them.
        noise: URL of a clip of noise alone, for ``denoise``.
        features: ``table`` or ``images`` instead of examples.
        image_size: Pixels, width and height.
        colours: Of images.
        chunk: The most seconds of sound in one image.
    """

    clips: str
    examples: str
    rate: int = 16000
    window: float = 5.0
    validation: float = 0.2
    condition: str = ""
    noise: str | None = None
    features: str | None = None
    image_size: tuple[int, int] = (299, 299)
    colours: str = "viridis"
    chunk: float = 20.0

    def check(self) -> None:
        """Raises OptionError if a share or a length is out of range."""
        if not 0 <= self.validation < 1:
            raise OptionError(f"--validation {self.validation:g} must be at least 0 and below 1")
        if self.window < 0.05:
            raise OptionError(f"--window {self.window:g} is shorter than 0.05 s, the shortest clip")
