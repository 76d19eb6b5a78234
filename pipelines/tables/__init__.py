"""The program ``tables``: the runs of an output folder."""
