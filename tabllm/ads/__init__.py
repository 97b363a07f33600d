"""Advertising: a simulated click log with known click chances, and what a CTR model learns from synthetic ones."""
