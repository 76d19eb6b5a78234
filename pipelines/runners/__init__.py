"""Beam's options and runs, on this machine and on clusters."""
