"""The probability of given rows under a generator, cell by cell, and the classes of a column given the others.

=============  ======================================================================
``methods``    what a :class:`tabular.Synthesizer` offers: ``log_prob`` and others
``scorer``     what a generator must bring for it
``cells``      from a table to the log-probability of each cell
``classes``    from a table to the probability of each class of a column
``spans``      the numbers that a written number stands for
=============  ======================================================================
"""
