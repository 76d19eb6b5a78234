"""The program ``scan``: recordings turned into tables."""
