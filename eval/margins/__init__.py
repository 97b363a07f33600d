"""Cells that are counted: three columns at once, mutual information of pairs, rare categories, subgroups."""
