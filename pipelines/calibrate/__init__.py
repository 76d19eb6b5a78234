"""The program ``calibrate``: thresholds, rules and probabilities from annotated recordings."""
