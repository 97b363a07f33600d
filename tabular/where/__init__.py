"""Which rows are wanted, in the words of ``where``.

==============  ====================================================================================================
``conditions``  ``where`` -> what each column may be
``text``        reads what a person wrote
``intervals``   the numbers and instants that a condition allows
==============  ====================================================================================================
"""
