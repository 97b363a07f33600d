"""Rules between columns: found in the rows, shown as text, and kept by every row that a generator makes.

=================  ===============================================================================
``rule``           :class:`Rule`: a text, what it lists, and which rows keep it
``grammar``        text -> tree (``syntax``)
``evaluation``     a tree on canonical arrays
=================  ===============================================================================
"""

from .rule import Rule, rule_from_data

__all__ = ["Rule", "rule_from_data"]
