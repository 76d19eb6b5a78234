"""Work in another process, which damaged files may kill."""
