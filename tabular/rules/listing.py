"""The combinations of cells that occur, for a rule that lists them and was given without."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..encoding.arrays import on_grid
from ..errors import RuleError
from ..schema import Column, Schema
from .language.evaluation import Rows
from .language.keys import missing, most_frequent, row_keys
from .language.syntax import Decides, Listed, Maps, columns_of
from .rule import Rule, Scalar

__all__ = ["lists_values", "plain_numbers", "scalars", "with_values", "without_rare"]


def lists_values(rule: Rule, schema: Schema) -> bool:
    """Whether ``rule`` is one that lists cells: ``city -> country``, ``month(at) -> name``, ``combinations of a, b``.

    One that decides from or of texts or identifiers lists none: such values are made anew, and rows need only agree.

    Raises:
        RuleError: if it is to list combinations of texts or identifiers.
    """
    form = rule.form(schema.names)
    if not isinstance(form, Decides | Listed | Maps):
        return False
    open_ = [name for name in columns_of(form) if not (schema[name].has_categories or schema[name].is_numeric)]
    if open_ and isinstance(form, Listed):
        raise RuleError(
            f"The rule {rule.text!r} lists values of column {open_[0]!r}, which is of the kind "
            f"{schema[open_[0]].kind}, so that its values are made anew; leave it out of the rule, or make it "
            f"categorical with --kind {open_[0]}=categorical."
        )
    return not open_


def with_values(rule: Rule, arrays: Mapping[str, np.ndarray], schema: Schema, *, least_rows: int = 1) -> Rule:
    """``rule`` with the combinations of cells that occur as its values, where it lists some and has none.

    Where rows of ``city -> country`` contradict each other, the country of most rows of a city counts; it is listed as
    missing where it is in all of them. Other rows with a missing cell list nothing.

    Args:
        arrays: canonical arrays of the columns it is about.
        least_rows: combinations in fewer rows are not listed.
    """
    if rule.values or not lists_values(rule, schema):
        return rule
    form = rule.form(schema.names)
    if isinstance(form, Maps):
        decided_column = schema[form.decided]
        columns: list[Column | None] = [None, decided_column]
        cells = [Rows(arrays, schema, rule.text).number(form.expression), _cells(arrays[form.decided], decided_column)]
    else:
        named = [schema[name] for name in columns_of(form)]
        columns = [*named]
        cells = [_cells(arrays[column.name], column) for column in named]
    sides = cells if isinstance(form, Listed) else cells[:-1]
    whole = np.flatnonzero(~np.any([missing(values) for values in sides], axis=0))
    if not len(whole):
        raise RuleError(f"The rule {rule.text!r} lists nothing: no row has a cell in all of its columns.")
    key = row_keys([values[whole] for values in sides])
    if not isinstance(form, Listed):
        decided = row_keys([cells[-1][whole]])
        # A missing cell counts only where no other is.
        decided[missing(cells[-1][whole])] = -1
        there = decided >= 0
        most = most_frequent(key[there], decided[there], of=key)
        wanted = (most == decided) | (np.isnan(most) & ~there)
        whole, key = whole[wanted], key[wanted]
    _, first, count = np.unique(key, return_index=True, return_counts=True)
    rows = whole[first[count >= least_rows]]
    rows = rows[np.lexsort([values[rows] for values in cells[::-1]])]
    listed = [
        plain_numbers(values[rows]) if column is None else scalars(values[rows], column)
        for column, values in zip(columns, cells, strict=True)
    ]
    return replace(rule, values=tuple(zip(*listed, strict=True)))


def without_rare(rule: Rule, arrays: Mapping[str, np.ndarray], schema: Schema, rare_below: int) -> Rule | None:
    """``rule`` without the listed combinations that stand in fewer than ``rare_below`` rows; ``None`` if none is left.

    Of ``zip -> city`` all or nothing: beside a zip that it does not list no city could be made.

    Args:
        arrays: canonical arrays of the columns it is about.
    """
    if not rule.values or rare_below < 2:
        return rule
    frequent = set(with_values(replace(rule, values=()), arrays, schema, least_rows=rare_below).values)
    left = tuple(row for row in rule.values if row in frequent)
    if not left or (len(left) < len(rule.values) and not isinstance(rule.form(schema.names), Listed)):
        return None
    return replace(rule, values=left)


def _cells(values: np.ndarray, column: Column) -> np.ndarray:
    return on_grid(values, column) if column.is_numeric else values


def plain_numbers(numbers: np.ndarray) -> list[Scalar]:
    """``numbers`` as a rule lists them: whole ones without a point."""
    return [int(number) if number == int(number) else number for number in numbers.tolist()]


def scalars(values: np.ndarray, column: Column) -> list[Scalar]:
    """Canonical ``values`` (codes or numbers; as float64 NaN is missing) as cells."""
    if column.has_categories:
        gone = missing(values)
        return [None if none else column.categories[int(code)] for code, none in zip(values, gone, strict=True)]
    return [
        None if math.isnan(value) else int(value) if column.kind == "integer" else value for value in values.tolist()
    ]
