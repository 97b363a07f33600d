"""Rules between columns: found in the rows, shown as text, and kept by every row that a generator makes.

=================  ===============================================================================
``rule``           :class:`Rule`: a text, what it lists, and which rows keep it
``language``       rules as text, and what they say of rows
``discovery``      :func:`find_rules`: rules found in the rows
``choosing``       :func:`with_rules`: those that were found and the user's own (``choice``, ``telling``)
``listing``        the combinations of cells that a rule lists
``support``        which rows a rule is about, and how it is shown
``reducing``       what a generator learns: the columns that do not follow from others; rules kept
``completing``     rows of which some cells were given
=================  ===============================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import names_from
from .rule import Rule, rule_from_data

if TYPE_CHECKING:
    from .choice import ALL, RuleChoice
    from .choosing import chosen_rules, with_rules
    from .discovery import find_rules

__all__ = ["ALL", "Rule", "RuleChoice", "chosen_rules", "find_rules", "rule_from_data", "with_rules"]

# A schema holds rules, and reading one must not wait for pandas.
__getattr__ = names_from(
    __name__,
    {".choice": ("ALL", "RuleChoice"), ".choosing": ("chosen_rules", "with_rules"), ".discovery": ("find_rules",)},
)


def __dir__() -> list[str]:
    return sorted(__all__)
