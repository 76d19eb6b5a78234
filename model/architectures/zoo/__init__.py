"""Architectures from the literature, a file a family."""
