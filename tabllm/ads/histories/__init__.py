"""Users in ad logs: ``simulated`` makes histories of known click probabilities, ``past`` tells a CTR model of them."""
