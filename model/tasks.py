"""The two things that a classifier can do."""

from typing import Final, Literal

TaskKind = Literal["detector", "classifier"]
DETECTOR: Final = "detector"  # each label scored on its own: sigmoid
CLASSIFIER: Final = "classifier"  # scores sum to 1: softmax
