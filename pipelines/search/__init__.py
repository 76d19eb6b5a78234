"""The program ``search``: the windows that sound most like some clips."""
