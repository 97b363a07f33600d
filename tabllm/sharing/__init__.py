"""Runs on a hub: which files of a run go there, the model card, and the way there and back."""
