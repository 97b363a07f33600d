"""Conditions on tables without a parent: which table each of them is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tabular.errors import ConditionError
from tabular.schema import Schema
from tabular.where.conditions import conditions_of
from tabular.where.text import Condition, Where

__all__ = ["conditions_of_roots"]


def conditions_of_roots(where: Where, roots: Mapping[str, Schema]) -> dict[str, list[Condition]]:
    """Table -> the conditions on its rows.

    Args:
        where: as :meth:`tabular.Synthesizer.sample` takes it. A column of the first table stands by its name, that of
            any as ``table.column``.
        roots: the tables without a parent, the one first whose rows are counted.

    Raises:
        ConditionError: for a column of no such table, or text that is no condition.
    """
    of: dict[str, tuple[str, str]] = {}
    columns = []
    for number, (table, schema) in enumerate(roots.items()):
        for column in schema:
            for name in (column.name, f"{table}.{column.name}")[number > 0 :]:
                if name not in of:
                    of[name] = table, column.name
                    columns.append(replace(column, name=name, label=None))
    try:
        read = conditions_of(where, Schema(tuple(columns)))
    except ConditionError as error:
        raise ConditionError(
            f"{error} Conditions are on columns of tables without a parent: {', '.join(roots)}."
        ) from None
    found: dict[str, list[Condition]] = {}
    for condition in read:
        table, own = of[condition.column]
        found.setdefault(table, []).append(replace(condition, column=own))
    return found
