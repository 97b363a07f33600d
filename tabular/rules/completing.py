"""Rules in rows of which some cells were given: what follows from them is computed, the rest drawn until it fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from ..arrays import on_grid
from ..cells import grid_step
from ..progress import Reporter
from ..schema import Schema
from .derivations import Computed, Gap, is_missing
from .evaluation import Rows
from .keeping import Keeping
from .reduction import reduction_of
from .rule import Rule
from .syntax import Condition, Constant, Exactly, Expression, If, Missing, Operation, Reference, columns_of

__all__ = ["settle"]

Arrays = dict[str, np.ndarray]
#: How often rows that break a rule are drawn again.
ATTEMPTS = 60


def settle(
    drawn: Arrays,
    given: Mapping[str, np.ndarray],
    holes: Mapping[str, np.ndarray],
    schema: Schema,
    again: Callable[[np.ndarray], Arrays],
    progress: Reporter,
) -> Arrays:
    """Completed rows that keep the rules of ``schema``, as far as their given cells allow it.

    Args:
        drawn: canonical arrays of the learned columns, completed by a model.
        given: of the same rows as they came.
        holes: bool[rows] per column: which cells are to be filled.
        again: (int64[some] places of rows) -> these, completed once more.
        progress: told of rows that no filling makes keep the rules.
    """
    keeping = Keeping(schema, {})
    found = _solved(drawn, given, holes, schema)
    # Rules without a column in common are mended apart: a row that breaks two would else have to mend both at once.
    groups = [Keeping(replace(schema, rules=rules), {}) for rules in _groups(schema)]
    for _ in range(ATTEMPTS):
        broken = np.flatnonzero(~keeping(found, holes))
        if not len(broken):
            return found
        cells, open_cells = _some(given, broken), _some(holes, broken)
        new, old = _solved(again(broken), cells, open_cells, schema), _some(found, broken)
        for group in groups:
            better = ~group(old, open_cells) & group(new, open_cells)
            for name in group.columns & new.keys():
                found[name][broken[better]] = new[name][better]
    broken = np.flatnonzero(~keeping(found, holes))
    if len(broken):
        progress.warn(
            f"In {len(broken):,} row{'s' * (len(broken) != 1)} the given cells leave nothing that keeps "
            f"{keeping.worst(_some(found, broken), _some(holes, broken))!r}, such as row {int(broken[0]) + 1:,} (the "
            "header not counted); filled all the same."
        )
    return found


def _groups(schema: Schema) -> list[tuple[Rule, ...]]:
    """The rules of ``schema``, those together that have columns in common, at whatever remove."""
    groups: list[tuple[set[str], tuple[Rule, ...]]] = []
    for rule in schema.rules:
        columns = set(rule.columns(schema.names))
        together: tuple[Rule, ...] = (rule,)
        for group in [group for group in groups if group[0] & columns]:
            groups.remove(group)
            columns, together = columns | group[0], (*group[1], *together)
        groups.append((columns, together))
    return [together for _, together in groups]


def _some(arrays: Mapping[str, np.ndarray], rows: np.ndarray) -> Arrays:
    return {name: values[rows] for name, values in arrays.items()}


def _solved(
    drawn: Mapping[str, np.ndarray], given: Mapping[str, np.ndarray], holes: Mapping[str, np.ndarray], schema: Schema
) -> Arrays:
    """``drawn`` with every given cell as it was given, and cells computed that follow from given ones."""
    found: Arrays = {}
    for name, values in drawn.items():
        column = schema[name]
        values = on_grid(values, column) if column.is_numeric else values
        found[name] = np.where(holes[name], values, given[name]).astype(values.dtype)
    for derivation in reduction_of(schema).derivations:
        target = derivation.target
        if target not in found or not all(source in found for source in derivation.sources):
            continue
        if isinstance(derivation, Gap):
            source = derivation.source
            gap = drawn[target] - drawn[source]
            # The drawn gap is laid before the later instant where that was given, else behind the earlier one.
            found[source] = _put(found[source], found[target] - gap, ~holes[target] & holes[source], source, schema)
            found[target] = _put(found[target], found[source] + gap, holes[target], target, schema)
        elif isinstance(derivation, Computed):
            _solve_holes(derivation, found, holes, schema)
        made = derivation.join(found) if not isinstance(derivation, Gap) else found[target]
        found[target] = np.where(holes[target] & ~is_missing(made), made, found[target]).astype(found[target].dtype)
    return _without_what_is_missing(found, holes, schema)


def _solve_holes(derivation: Computed, found: Arrays, holes: Mapping[str, np.ndarray], schema: Schema) -> None:
    """Compute one of the holes that a given cell follows from, in ``found``; the finest number of them."""
    finest = sorted(derivation.sources, key=lambda name: grid_step(schema[name]) or 0.0)
    todo = ~holes[derivation.target]
    for source in finest:
        where = todo & holes[source]
        if not where.any() or not schema[source].is_numeric:
            continue
        solution = _solve(derivation.expression, source, found[derivation.target], found, schema)
        if solution is not None:
            found[source] = _put(found[source], solution, where, source, schema)
            todo &= ~where


def _without_what_is_missing(found: Arrays, holes: Mapping[str, np.ndarray], schema: Schema) -> Arrays:
    """``found`` without drawn cells that a rule wants missing (``if status = 'open' then paid is missing``)."""
    for rule in schema.rules:
        form = rule.form(schema.names)
        pairs: list[tuple[Condition, Condition]] = []
        if isinstance(form, If):
            pairs = [(form.given, form.wanted)]
        elif isinstance(form, Exactly):
            pairs = [(form.first, form.second), (form.second, form.first)]
        for given, wanted in pairs:
            if not isinstance(wanted, Missing) or wanted.negated or not set(columns_of((given, wanted))) <= set(found):
                continue
            met, known = Rows(found, schema, rule.text).truth(given)
            values = found[wanted.column]
            emptied = values.copy()
            emptied[met & known & holes[wanted.column]] = (
                None if values.dtype == object else np.nan if values.dtype.kind == "f" else -1
            )
            found[wanted.column] = emptied
    return found


def _put(values: np.ndarray, new: np.ndarray, where: np.ndarray, name: str, schema: Schema) -> np.ndarray:
    column = schema[name]
    return np.where(where & ~np.isnan(new), on_grid(new, column), values)


def _solve(
    expression: Expression, unknown: str, value: np.ndarray, arrays: Mapping[str, np.ndarray], schema: Schema
) -> np.ndarray | None:
    """What ``unknown`` must be for ``expression`` to be ``value``; ``None`` where no arithmetic tells."""
    if isinstance(expression, Reference):
        return value if expression.column == unknown else None
    if isinstance(expression, Constant) or not isinstance(expression, Operation):
        return None
    left, right = (unknown in columns_of(side) for side in (expression.left, expression.right))
    if left == right:
        return None
    rows = Rows(arrays, schema, "")
    known = rows.number(expression.right if left else expression.left)
    side = expression.left if left else expression.right
    with np.errstate(divide="ignore", invalid="ignore"):
        if expression.sign == "+":
            rest = value - known
        elif expression.sign == "-":
            rest = value + known if left else known - value
        elif expression.sign == "*":
            rest = np.where(known == 0, np.nan, value / known)
        else:
            rest = value * known if left else np.where(value == 0, np.nan, known / value)
    return _solve(side, unknown, rest, arrays, schema)
