"""The program ``compare``: architectures, cross-validated with the same budget."""
