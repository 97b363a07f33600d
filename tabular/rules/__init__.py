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

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .rule import Rule, rule_from_data

if TYPE_CHECKING:
    from .choice import ALL, RuleChoice
    from .choosing import chosen_rules, with_rules
    from .discovery import find_rules

__all__ = ["ALL", "Rule", "RuleChoice", "chosen_rules", "find_rules", "rule_from_data", "with_rules"]

_HOMES = {
    "ALL": "choice",
    "RuleChoice": "choice",
    "chosen_rules": "choosing",
    "find_rules": "discovery",
    "with_rules": "choosing",
}


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    # Lazy: a schema holds rules, and reading one must not wait for pandas.
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
