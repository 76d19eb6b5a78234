"""soundbeam finds and counts sounds in any number of recordings."""
