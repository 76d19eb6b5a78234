"""The program ``evaluate``: a scan compared with annotations."""
