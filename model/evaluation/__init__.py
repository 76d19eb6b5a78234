"""Figures of how good scores, calls and counts are."""
