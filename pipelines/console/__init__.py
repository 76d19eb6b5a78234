"""What every program says and how it ends."""
