"""Numbers that are stored as text.

=============  =====================================================================================================
``text``       text -> number -> text
``detection``  whether a column of texts is one of numbers
``template``   how its numbers are written: separators, signs, units
``shape``      what a text looks like, with its digits taken out
``units``      units and magnitudes of measures
``magnitude``  numbers on a logarithmic scale, where that is their scale
=============  =====================================================================================================
"""
