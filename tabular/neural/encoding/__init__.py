"""A table as one-hot spans and scalars, and back.

===============  ===================================================================================================
``encoder``      a whole table (``fields``: one column, ``scales``: a number, ``mixture``: its modes)
``spans``        softmax, draws and one-hot of all spans at once
``calibration``  sets each column's own distribution right
===============  ===================================================================================================
"""
