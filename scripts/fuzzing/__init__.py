"""What ``scripts/fuzz_inputs.py`` mutates, and how."""
