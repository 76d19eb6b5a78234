"""The classifier bundle: scores, calls and counts."""
