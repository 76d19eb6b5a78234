"""The tables: their schemas, and the step that writes them."""
