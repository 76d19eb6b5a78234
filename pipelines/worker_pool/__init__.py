"""The program ``worker_pool``: Beam's Python workers on a machine of a cluster."""
