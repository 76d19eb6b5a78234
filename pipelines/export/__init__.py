"""The program ``export``: what a scan found, in the formats of other programs."""
