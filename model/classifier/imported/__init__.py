"""Models that others made, read into classifier bundles."""
