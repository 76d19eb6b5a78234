"""Command lines, printed output and errors, shared by all programs."""
