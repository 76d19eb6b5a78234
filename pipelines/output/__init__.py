"""A scan's output folder: its runs, what is staged, the lock, the packing of shards."""
