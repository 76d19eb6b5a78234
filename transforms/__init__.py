"""Beam steps: one file a step, a thin PTransform over a pure function in the same file."""
