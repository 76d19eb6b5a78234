"""Cuts clips out of recordings."""
