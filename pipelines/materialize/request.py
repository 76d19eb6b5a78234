"""The options of ``soundbeam materialize``, without those of Beam."""

from __future__ import annotations

import dataclasses

from soundbeam.model.errors import OptionError
from soundbeam.pipelines.annotations.read_annotations import AnnotationOptions

NEGATIVES = ("listed", "unannotated")


@dataclasses.dataclass(frozen=True)
class Materializing:
    """What to materialize, and how.

    Attributes:
        clips: URL of a folder with one folder for each label, or of a CSV; with ``recordings``, of annotations. None if
            there are ``reviews`` alone.
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
        recordings: Patterns of the recordings that are annotated.
        negatives: ``unannotated``: also stretches of annotated recordings in which nothing is annotated, which says
            that their annotations are complete; ``listed``: only those that an annotation names.
        context: Seconds before and behind an annotated call.
        reading: How annotations are read.
        reviews: URLs of scans' output folders with verdicts.
    """

    clips: str | None
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
    recordings: tuple[str, ...] = ()
    negatives: str = "listed"
    context: float = 0.25
    reading: AnnotationOptions = dataclasses.field(default_factory=AnnotationOptions)
    reviews: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises OptionError if a share or a length is out of range, or options do not go together."""
        if not self.clips and not self.reviews:
            raise OptionError("give --clips, --reviews or both")
        if self.negatives not in NEGATIVES:
            raise OptionError(f"--negatives {self.negatives}: neither of {', '.join(NEGATIVES)}")
        if self.recordings and not self.clips:
            raise OptionError("--recordings are those of the annotations: give these with --clips")
        if not self.recordings and (self.negatives != "listed" or self.reading != AnnotationOptions()):
            given = "--negatives" if self.negatives != "listed" else "--annotation-format, --label-column or --map"
            raise OptionError(f"{given} goes with annotations: give their recordings with --recordings")
        if not 0 <= self.context < 60:
            raise OptionError(f"--context {self.context:g} must be at least 0 and below 60 seconds")
        if not 0 <= self.validation < 1:
            raise OptionError(f"--validation {self.validation:g} must be at least 0 and below 1")
        if self.window < 0.05:
            raise OptionError(f"--window {self.window:g} is shorter than 0.05 s, the shortest clip")
