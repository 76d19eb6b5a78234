"""The program ``synthesize``: artificial recordings and clips."""
