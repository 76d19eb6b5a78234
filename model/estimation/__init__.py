"""What verdicts on some windows say about all of them; NumPy only."""
