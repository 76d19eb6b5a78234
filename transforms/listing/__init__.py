"""Which recordings and clips there are, and when and where they were made."""
