"""Artificial sound and mixes."""
