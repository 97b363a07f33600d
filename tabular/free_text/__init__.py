"""Columns of free text.

=================  =================================================================================================
``words``          learns such a column and writes new texts
``templates``      texts that are alike but for some places
``slots``          what stands in these positions
``tokens``         a text as tokens
``made_up_words``  words that no table holds
=================  =================================================================================================
"""
