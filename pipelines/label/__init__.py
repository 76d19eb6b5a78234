"""The program ``label``: what a few clips are of."""
