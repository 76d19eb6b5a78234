"""Finding the windows whose embeddings are nearest to those of some queries."""
