"""The two things that a classifier can do."""

DETECTOR = "detector"  # each label scored on its own: sigmoid
CLASSIFIER = "classifier"  # scores sum to 1: softmax
