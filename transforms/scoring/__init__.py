"""Scoring of windows and counting of calls."""
