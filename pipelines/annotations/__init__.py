"""Annotations of any tool: where somebody heard a sound."""
