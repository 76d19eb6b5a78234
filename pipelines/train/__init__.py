"""The program ``train``: examples turned into a classifier bundle."""
