"""What windows that people judged say of all windows: precision, totals, thresholds, with intervals; pure NumPy."""
