"""Windows scored, calls counted."""
