"""The report in a bundle: one HTML page."""
