"""Spectrograms and confusion matrices as pictures."""
