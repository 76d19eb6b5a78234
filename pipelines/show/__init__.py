"""The program ``show``: the picture of one recording."""
