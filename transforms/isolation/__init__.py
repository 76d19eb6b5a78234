"""Work done in another process, because a damaged file may kill the process that reads it."""
