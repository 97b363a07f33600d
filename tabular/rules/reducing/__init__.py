"""What a generator learns of a table with rules, and how its rows keep them.

===============  ===================================================================================================
``reduction``    the columns that do not follow from others
``derivations``  how a column follows from others (``sources``, ``consequences``, ``inverting``, ``solving``)
``placing``      columns in order (``narrowing``: conditions on columns that follow from others)
``keeping``      rows that break a rule are drawn again
``file_order``   rows in the order of the file
``held``         which rules generators can hold rows to
``steps``        in which order columns are made from others
===============  ===================================================================================================
"""
