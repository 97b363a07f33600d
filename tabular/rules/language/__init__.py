"""Rules as text, and what they say of rows.

==============  ====================================================================================================
``grammar``     text -> tree (``syntax``)
``evaluation``  a tree on canonical arrays (``functions``, ``instants``)
``keys``        cells as like numbers
==============  ====================================================================================================
"""
