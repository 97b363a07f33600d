"""Advertising: a click log with known click probabilities, and what a CTR model learns from synthetic logs."""
