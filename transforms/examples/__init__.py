"""Labelled clips turned into training examples."""
