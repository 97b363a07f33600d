"""Rows from a language model.

==============  ====================================================================================================
``sampler``     rows, by the tree of prefixes
``block``       the rest of the rows, each for itself
``imputation``  rows of which some cells are given
``scorer``      log-probabilities of given rows
==============  ====================================================================================================
"""
