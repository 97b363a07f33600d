"""The tables as the metrics need them, made once.

================  ==================================================================================================
``tables``        canonical arrays of all tables under comparison
``features``      the tables as features of a tree model (``trees``: which library grows it)
``fingerprints``  one number for each row, equal for equal rows
================  ==================================================================================================
"""
