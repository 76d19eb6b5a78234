"""Training of a classifier, from examples to a bundle."""
