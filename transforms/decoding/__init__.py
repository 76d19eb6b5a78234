"""Recordings turned into segments of windows."""
