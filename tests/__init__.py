"""Tests, in the shape of the house."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
