"""The canonical form of a table, one numpy array a column, there and back.

=================  =================================================================================================
``arrays``         a table -> arrays -> a table
``cells``          single columns: what is missing, a number, a label
``marks``          texts that stand for missing or censored values
``object_cells``   columns of Python objects
``boolean_words``  words for yes and no
``frames``         tables of other libraries (``arrow_columns``: of Arrow)
``known_cells``    rows of which some cells are given
``clock``          the time of day in columns of instants
``unmodelled``     columns with nothing to learn (``repeating``: identifiers that come back)
=================  =================================================================================================
"""
