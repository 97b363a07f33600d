"""Which rows a rule is about, and how the cells of one row are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..encoding.arrays import from_arrays
from ..schema import Column, Schema
from .language.evaluation import Rows, flags_of, kept_of
from .language.keys import missing
from .language.syntax import Always, Decides, Exactly, Form, If, Increasing, Listed, Maps, OneOf, columns_of
from .rule import Rule

__all__ = ["SeenRule", "judged", "seen_rules", "shown_cells"]

#: Characters of a cell that are shown.
LONGEST = 60


def judged(rule: Rule, arrays: Mapping[str, np.ndarray], schema: Schema) -> tuple[np.ndarray, np.ndarray]:
    """(bool[rows] which rows ``rule`` says something of, bool[rows] which keep it).

    It says something, where it compares, of rows whose cells are there; where it has an ``if``, of those that meet it;
    ``exactly if``: of those that meet one of both sides.

    Args:
        arrays: canonical arrays of the columns it is about.

    Raises:
        RuleError: as :meth:`Rule.kept`.
    """
    form, rows = rule.form(schema.names), Rows(arrays, schema, rule.text)
    return _about(form, rows), kept_of(rule, form, rows)


def _about(form: Form, rows: Rows) -> np.ndarray:
    arrays = rows.arrays
    if isinstance(form, Always):
        return rows.truth(form.condition)[1]
    if isinstance(form, If):
        (given, known), (_, sure) = rows.truth(form.given), rows.truth(form.wanted)
        return given & known & sure
    if isinstance(form, Exactly):
        (first, known), (second, sure) = rows.truth(form.first), rows.truth(form.second)
        return (first | second) & known & sure
    if isinstance(form, OneOf):
        return np.all([flags_of(arrays[name], rows.schema[name], rows.text)[1] for name in form.columns], axis=0)
    if isinstance(form, Increasing):
        return ~missing(arrays[form.columns[0]])
    if isinstance(form, Maps):
        return ~(np.isnan(rows.once(form.expression)) | missing(arrays[form.decided]))
    assert isinstance(form, Decides | Listed)
    return ~np.any([missing(arrays[name]) for name in columns_of(form)], axis=0)


@dataclass(frozen=True)
class SeenRule:
    """A rule as a person is shown it.

    Attributes:
        rows: how many rows it says something of.
        broken: how many of them break it; not 0 only where it is ``forced``.
        example: the cells of the first of them that keeps it; ``None`` if none does.
        values: how many combinations it lists.
    """

    text: str
    rows: int
    broken: int
    example: str | None
    values: int = 0
    forced: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)


def seen_rules(arrays: Mapping[str, np.ndarray], schema: Schema) -> list[SeenRule]:
    """The rules of ``schema`` with what the rows of ``arrays`` show of each."""
    seen = []
    for rule in schema.rules:
        subject, kept = judged(rule, arrays, schema)
        shown = subject & kept
        example = shown_cells(rule, arrays, schema, int(np.argmax(shown))) if shown.any() else None
        rows, broken = int((subject | ~kept).sum()), int((~kept).sum())
        seen.append(SeenRule(rule.text, rows, broken, example, len(rule.values), rule.forced))
    return seen


def shown_cells(rule: Rule, arrays: Mapping[str, np.ndarray], schema: Schema, row: int, *, sign: str = " ") -> str:
    """The cells of ``row`` that ``rule`` is about, such as ``price 2.50, quantity 3, total 7.50``.

    Args:
        sign: what stands between a column's name and its cell.
    """
    return ", ".join(f"{name}{sign}{_cell(arrays[name][[row]], schema[name])}" for name in rule.columns(schema.names))


def _cell(values: np.ndarray, column: Column) -> str:
    """The one cell of ``values``, as its column writes it."""
    if missing(values)[0]:
        return "missing"
    if column.has_categories:
        text = str(column.categories[values[0]])
    elif column.kind == "datetime":
        unbounded = replace(column, minimum=None, maximum=None)  # a row that breaks a rule may lie beyond them
        cell = from_arrays({column.name: values}, Schema((unbounded,)))[column.name].iloc[0]
        text = str(cell).removesuffix(" 00:00:00")
    elif column.is_numeric:
        text = f"{values[0]:.15g}" if column.decimals is None else f"{values[0]:.{column.decimals}f}"
    else:
        text = str(values[0])
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
