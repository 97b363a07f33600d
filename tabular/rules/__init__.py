"""Rules between columns: found in the rows, shown as text, and kept by every row that a generator makes.

=================  ===============================================================================
``rule``           :class:`Rule`: a text, what it lists, and which rows keep it
``grammar``        text -> tree (``syntax``)
``evaluation``     a tree on canonical arrays
``discovery``      :func:`find_rules`: rules found in the rows
=================  ===============================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .rule import Rule, rule_from_data

if TYPE_CHECKING:
    from .discovery import find_rules

__all__ = ["Rule", "find_rules", "rule_from_data"]


def __getattr__(name: str) -> Any:
    # A schema holds rules, and reading one must not wait for numpy.
    if name != "find_rules":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .discovery import find_rules

    return find_rules
