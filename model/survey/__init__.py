"""What a survey found: rates and totals with their intervals, the sky above it, and its pictures."""
