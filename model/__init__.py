"""Sound → score, without Beam: front end, architectures, training, evaluation, the classifier bundle."""
