"""Files and folders, local or in any store that fsspec knows."""
