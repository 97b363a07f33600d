"""Rows from a language model.

==============  ====================================================================================================
``sampler``     draws all rows of a batch column by column
``prefixes``    equal prefixes are computed once
``block``       the rest of the rows, each for itself
``imputation``  rows of which some cells are given
``scorer``      log-probabilities of given rows
==============  ====================================================================================================
"""
