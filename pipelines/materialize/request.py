"""What is to be materialized, and how."""

from __future__ import annotations

import dataclasses

from soundbeam.model.errors import OptionError


@dataclasses.dataclass(frozen=True)
class Materializing:
    """What to materialize, and how.

    Attributes:
        clips: URL of a folder with a folder a label, or of a CSV.
        examples: URL of the folder for the examples, or the features.
        rate: Hz of the examples.
        window: Seconds of the longest example.
        validation: Share of each label kept for validation.
        condition: What is done to the sound, as ``--condition`` takes it.
        noise: URL of a clip of noise alone, for ``denoise``.
        features: ``table`` or ``images`` instead of examples.
        image_size: Pixels, width and height.
        colours: Of images.
        chunk: Seconds of the longest stretch in one image.
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
        """Raises OptionError where a share or a length cannot be."""
        if not 0 <= self.validation < 1:
            raise OptionError(f"--validation {self.validation:g} must be at least 0 and below 1")
        if self.window < 0.05:
            raise OptionError(f"--window {self.window:g} is shorter than 0.05 s, the shortest clip")
