"""The program ``import``: a model that others made becomes a classifier bundle."""
