"""Rules in rows of which some cells were given: what follows from them is computed, the rest drawn until it fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from ..encoding.arrays import on_grid
from ..progress import Reporter
from ..schema import Schema
from .language.evaluation import Rows
from .language.syntax import Missing, columns_of, implications
from .reducing.derivations import Gap, is_missing
from .reducing.file_order import Limits, order_of, order_rules
from .reducing.inverting import invert
from .reducing.keeping import Keeping
from .reducing.placing import Bound, Placement
from .reducing.reduction import Reduction, reduction_of
from .reducing.steps import Changed, Step
from .rule import Rule

__all__ = ["settle"]

Arrays = dict[str, np.ndarray]
#: How often rows that break a rule are drawn again.
ATTEMPTS = 60
#: ... before categories are chosen that agree with what was given: drawn ones go with the other cells of the row.
FREE_ATTEMPTS = 8


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
        again: (int64[some] positions of rows) -> these, completed once more.
        progress: notified of rows that no filling makes keep the rules.
    """
    keeping = Keeping(schema, {})
    limits = _limits(given, holes, schema, progress)
    rng = np.random.default_rng(len(next(iter(drawn.values()))))
    found = _solved(drawn, given, holes, schema, limits, rng, choose=False)
    # Rules without a column in common are mended apart: a row that breaks two would else have to mend both at once.
    groups = [Keeping(replace(schema, rules=rules), {}) for rules in _groups(schema)]
    for attempt in range(ATTEMPTS):
        broken = np.flatnonzero(~keeping(found, holes))
        if not len(broken):
            return found
        cells, open_cells = _some(given, broken), _some(holes, broken)
        new = _solved(
            again(broken), cells, open_cells, schema, _some(limits, broken), rng, choose=attempt >= FREE_ATTEMPTS
        )
        old = _some(found, broken)
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


def _limits(
    given: Mapping[str, np.ndarray], holes: Mapping[str, np.ndarray], schema: Schema, progress: Reporter
) -> Limits:
    """What holes may be in columns that rise from row to row; of rows that stand in another order this is said."""
    order = order_of(schema)
    if order is None:
        return {}
    for rule, name, _ in order_rules(schema):
        count = int((~rule.kept({name: given[name]}, schema) & ~holes[name]).sum())
        if count:
            rows = f"{count:,} row{'s' * (count != 1)}"
            progress.warn(f"The given rows do not keep {rule.text!r}: {rows} out of order; filled as they stand.")
    return order.limits(given, holes)


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
    drawn: Mapping[str, np.ndarray],
    given: Mapping[str, np.ndarray],
    holes: Mapping[str, np.ndarray],
    schema: Schema,
    limits: Limits,
    rng: np.random.Generator,
    *,
    choose: bool,
) -> Arrays:
    """``drawn`` with every given cell as it was given, and cells computed that follow from given ones."""
    found: Arrays = {}
    for name, values in drawn.items():
        column = schema[name]
        values = on_grid(values, column) if column.is_numeric else values
        found[name] = np.where(holes[name], values, given[name]).astype(values.dtype)
    for name in limits.keys() & found.keys():
        found[name] = np.where(holes[name], limits[name], found[name])
    derivations = [each for each in reduction_of(schema).derivations if {each.target, *each.sources} <= found.keys()]
    gaps: Arrays = {}
    for each in derivations:
        if isinstance(each, Gap):
            # The drawn gap is laid before the later instant where that was given, else behind the earlier one.
            target, source = each.target, each.source
            gaps[target] = each.between(drawn)
            where = ~holes[target] & holes[source] & (source not in limits)
            earlier = each.before(found[target], gaps[target], drawn[source])
            found[source] = _put(found[source], earlier, where)
            later = each.after(found[source], gaps[target], drawn[target])
            found[target] = _put(found[target], later, holes[target])
    known = {name: ~holes[name] | (name in limits) for name in found}
    invert(found, derivations, known, schema, rng, choose=choose)
    open_ = {name: ~cells for name, cells in known.items()}
    for step in _steps(reduction_of(schema), found):
        target = step.target
        if isinstance(step, Changed):
            found[target] = step.place(found, movable=open_[target], fixed=known, nearest=choose)
        elif isinstance(step, Gap):
            later = step.after(found[step.source], gaps[target], drawn[target])
            found[target] = _put(found[target], later, ~known[target])
            continue  # it may yet be put in order with others
        else:
            made = step.join(found)
            found[target] = np.where(holes[target] & ~is_missing(made), made, found[target]).astype(found[target].dtype)
        known[target] = np.ones_like(known[target])
    return _without_what_is_missing(found, holes, schema)


def _steps(reduction: Reduction, found: Arrays) -> Iterator[Step]:
    """The steps that make columns of ``found``: placements by all bounds, those of the least columns first."""
    bounds = {name: bounds for name, bounds in reduction.bounds.items() if name in found}
    placed = {step.target for step in reduction.steps if isinstance(step, Placement)}
    for name in [name for name in bounds if name not in placed]:
        yield Placement(name, _within(bounds[name], found), reduction.whole)
    for step in reduction.steps:
        if step.target in found and isinstance(step, Placement):
            yield Placement(step.target, _within(bounds[step.target], found), reduction.whole)
        elif {step.target, *step.sources} <= found.keys():
            yield step


def _within(bounds: tuple[Bound, ...], found: Arrays) -> tuple[Bound, ...]:
    return tuple(bound for bound in bounds if all(source in found for source in bound.sources))


def _without_what_is_missing(found: Arrays, holes: Mapping[str, np.ndarray], schema: Schema) -> Arrays:
    """``found`` without drawn cells that a rule wants missing (``if status = 'open' then paid is missing``)."""
    for rule in schema.rules:
        for given, wanted in implications(rule.form(schema.names)):
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


def _put(values: np.ndarray, new: np.ndarray, where: np.ndarray) -> np.ndarray:
    return np.where(where & ~np.isnan(new), new, values)
