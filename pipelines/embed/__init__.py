"""The program ``embed``: recordings turned into embeddings."""
