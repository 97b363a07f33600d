"""Rules between columns, as the schema lists them: how many rows of each table break them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from tabular.encoding.arrays import to_arrays
from tabular.encoding.boolean_words import truth
from tabular.rules import Rule
from tabular.rules.language.keys import category_numbers
from tabular.rules.language.syntax import Decides, Listed, Maps
from tabular.rules.support import judged, shown_cells
from tabular.schema import Column, Schema

from ..facts.rules import RuleCount, RuleFacts
from ..preparing.tables import code_unseen

__all__ = ["measure_rules"]


def measure_rules(
    schema: Schema,
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    holdout: pd.DataFrame | None,
    *,
    anew: tuple[str, ...] = (),
) -> tuple[RuleFacts, ...]:
    """The facts of each rule of ``schema``, in its order; none of one that lists values of columns ``anew``.

    Args:
        schema: as it was inferred or learned; a value that it does not list counts as another value.
        anew: columns whose values were made anew, so that rows can only agree with each other.
    """
    rules = [rule for each in schema.rules if (rule := _comparable(each, schema, anew)) is not None]
    if not rules:
        return ()
    frames = {"real": real, "synthetic": synthetic} | ({} if holdout is None else {"holdout": holdout})
    named = {name for rule in rules for name in rule.columns(schema.names)}
    part = Schema(tuple(column for column in schema if column.name in named))
    arrays = {label: to_arrays(frame, part, unseen="missing") for label, frame in frames.items()}
    for column in part:
        if column.has_categories:
            schema = _with_unseen(schema, column, frames, arrays)
    found = []
    for rule in rules:
        counts = {label: _count(rule, table, schema, example=label == "synthetic") for label, table in arrays.items()}
        found.append(RuleFacts(rule.text, **counts, forced=rule.forced))
    return tuple(found)


def _comparable(rule: Rule, schema: Schema, anew: tuple[str, ...]) -> Rule | None:
    if not set(rule.columns(schema.names)).intersection(anew):
        return rule
    form = rule.form(schema.names)
    return replace(rule, values=()) if isinstance(form, Decides | Maps) else None if isinstance(form, Listed) else rule


def _with_unseen(
    schema: Schema, column: Column, frames: dict[str, pd.DataFrame], arrays: dict[str, dict[str, np.ndarray]]
) -> Schema:
    """``schema`` with the values of ``column`` that only the tables have, where they are of the same sort."""
    known = len(column.categories)
    unseen = [str(value) for value in code_unseen(column.name, known, frames, arrays)]
    wider = replace(column, categories=(*column.categories, *unseen))
    if (category_numbers(column) is None) == (category_numbers(wider) is None) and (
        any(truth(value) is None for value in column.categories) or all(truth(value) is not None for value in unseen)
    ):
        return schema.replace_column(column.name, categories=wider.categories)
    for table in arrays.values():
        table[column.name] = np.where(table[column.name] >= known, -1, table[column.name])
    return schema


def _count(rule: Rule, arrays: Mapping[str, np.ndarray], schema: Schema, *, example: bool) -> RuleCount:
    subject, kept = judged(rule, arrays, schema)
    broken = ~kept
    rows, count = int((subject | broken).sum()), int(broken.sum())
    shown = shown_cells(rule, arrays, schema, int(np.argmax(broken))) if example and count else None
    return RuleCount(rows, count, 100 * count / rows if rows else None, shown)
