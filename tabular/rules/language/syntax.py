"""What a rule says, as a tree: expressions over the columns of a row, conditions on them, and forms of rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

__all__ = [
    "All",
    "Always",
    "Call",
    "Chain",
    "Condition",
    "Constant",
    "Decides",
    "Exactly",
    "Expression",
    "Form",
    "If",
    "Increasing",
    "Listed",
    "Maps",
    "Missing",
    "OneOf",
    "Operation",
    "Reference",
    "columns_of",
    "implications",
    "quoted",
]


@dataclass(frozen=True)
class Reference:
    """The cell of a column."""

    column: str


@dataclass(frozen=True)
class Constant:
    """A number (time spans as seconds), or a text: a category or a date."""

    value: float | str


@dataclass(frozen=True)
class Operation:
    """``left sign right``, ``sign`` one of ``+ - * /``."""

    sign: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Call:
    """A function of :data:`tabular.rules.language.functions.FUNCTIONS`."""

    function: str
    arguments: tuple[Expression, ...]


Expression = Reference | Constant | Operation | Call


@dataclass(frozen=True)
class Chain:
    """``first sign second sign third``: neighbours are compared by ``= != < <= > >=``."""

    terms: tuple[Expression, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True)
class Missing:
    """``column is missing``, or is not."""

    column: str
    negated: bool = False


@dataclass(frozen=True)
class All:
    """Conditions joined with ``and``."""

    conditions: tuple[Condition, ...]


Condition = Chain | Missing | All


@dataclass(frozen=True)
class Always:
    """A condition that every row meets."""

    condition: Condition


@dataclass(frozen=True)
class If:
    """``if given then wanted``."""

    given: Condition
    wanted: Condition


@dataclass(frozen=True)
class Exactly:
    """``first exactly if second``."""

    first: Condition
    second: Condition


@dataclass(frozen=True)
class Decides:
    """``first, second -> last``: rows that agree in the columns before the arrow agree in the one behind it."""

    columns: tuple[str, ...]
    decided: str


@dataclass(frozen=True)
class Maps:
    """``month(sent) -> month_name``: rows in which the expression is the same agree in the column behind the arrow."""

    expression: Expression
    decided: str


@dataclass(frozen=True)
class Listed:
    """``combinations of first, second``: only those that are listed occur."""

    columns: tuple[str, ...]


@dataclass(frozen=True)
class OneOf:
    """``at most one of`` or ``exactly one of`` columns of flags is set."""

    columns: tuple[str, ...]
    exactly: bool


@dataclass(frozen=True)
class Increasing:
    """``increasing(at)``: no row of the file has less than one before it; ``down``: ``decreasing(at)``, more."""

    columns: tuple[str]
    down: bool = False


Form = Always | If | Exactly | Decides | Maps | Listed | OneOf | Increasing


def implications(form: Form) -> list[tuple[Condition, Condition]]:
    """Pairs of conditions of which the second holds in every row in which the first does."""
    if isinstance(form, If):
        return [(form.given, form.wanted)]
    return [(form.first, form.second), (form.second, form.first)] if isinstance(form, Exactly) else []


def columns_of(tree: Any) -> tuple[str, ...]:
    """The columns that a form, a condition or an expression names, each once, from left to right."""
    return tuple(dict.fromkeys(_names(tree)))


def _names(tree: Any) -> Iterator[str]:
    if isinstance(tree, Reference | Missing):
        yield tree.column
    elif isinstance(tree, Listed | OneOf | Increasing):
        yield from tree.columns
    elif isinstance(tree, Decides):
        yield from (*tree.columns, tree.decided)
    elif isinstance(tree, Maps):
        yield from (*_names(tree.expression), tree.decided)
    elif isinstance(tree, tuple):
        for part in tree:
            yield from _names(part)
    elif is_dataclass(tree):
        for field in fields(tree):
            yield from _names(getattr(tree, field.name))


def quoted(name: str) -> str:
    """A column's name as it stands in a rule: in quotes unless it is a plain word."""
    return name if name.isidentifier() and name not in RESERVED else '"' + name.replace('"', '""') + '"'


#: Words that mean something in a rule.
RESERVED = frozenset(
    {"and", "at", "combinations", "exactly", "if", "is", "most", "missing", "not", "of", "one", "then"}
)
