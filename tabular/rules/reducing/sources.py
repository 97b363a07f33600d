"""Missing cells of columns that others are made from.

A total stands in rows without a price, too. Such a price is worked out from the total for the model to learn, which
learns besides whether the cell is there: the rows that it makes have a price, a total that goes with it, and a gap in
place of the price as often as the table has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...schema import Schema
from ..language.syntax import Condition, Missing, implications
from .derivations import Derivation, Gap, is_missing
from .inverting import invert

__all__ = ["free_sources", "with_sources"]

Arrays = Mapping[str, np.ndarray]
#: How often a missing instant is put where its later one and its given day, say, both allow it.
ATTEMPTS = 8


def free_sources(schema: Schema, derivations: Sequence[Derivation]) -> list[str]:
    """Columns that may be missing where one that is made from them is there, as far as the rules of ``schema`` say.

    Columns that are computed themselves are none of them: they can be computed and left out.
    """
    implied = set(_implied_gaps(schema))
    computed = {each.target for each in derivations if not isinstance(each, Gap)}
    return [
        column.name
        for column in schema
        if 0 < column.missing_rate < 1
        and column.name not in computed
        and any(
            column.name in each.sources and (column.name, each.target) not in implied and _varies(schema, each.target)
            for each in derivations
        )
    ]


def _varies(schema: Schema, target: str) -> bool:
    return schema[target].missing_rate < 1


def _implied_gaps(schema: Schema) -> list[tuple[str, str]]:
    """Pairs of columns of which the second is missing wherever the first is, by a rule."""
    found = []
    for rule in schema.rules:
        for given, wanted in implications(rule.form(schema.names)):
            if _is_gap(given) and _is_gap(wanted):
                found.append((given.column, wanted.column))  # type: ignore[union-attr]
    return found


def _is_gap(condition: Condition) -> bool:
    return isinstance(condition, Missing) and not condition.negated


def with_sources(arrays: Arrays, names: Sequence[str], derivations: Sequence[Derivation], schema: Schema) -> Arrays:
    """``arrays`` with the missing cells of the columns ``names`` that follow from other cells, or go with them.

    The same arrays give the same cells. What follows from nothing stays missing.
    """
    gone = [name for name in names if name in arrays and is_missing(arrays[name]).any()]
    if not gone:
        return arrays
    whole = {name: values.copy() if name in gone else values for name, values in arrays.items()}
    rows = np.flatnonzero(np.any([is_missing(arrays[name]) for name in gone], axis=0))
    rng = np.random.default_rng(len(rows))
    for _ in range(ATTEMPTS):
        found, fits, apart = _filled(arrays, rows, gone, derivations, schema, rng)
        for name, fit in fits.items():
            whole[name][rows[fit]] = found[name][fit]
        rows = rows[apart]
        if not len(rows):
            break
    return whole


def _filled(
    arrays: Arrays,
    rows: np.ndarray,
    gone: Sequence[str],
    derivations: Sequence[Derivation],
    schema: Schema,
    rng: np.random.Generator,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]:
    """(cells of ``rows``, bool[rows] per column where a missing one follows, where another try may do better)."""
    found = {name: values[rows] for name, values in arrays.items()}
    known = {name: ~is_missing(values) for name, values in found.items()}
    for name in gone:
        # As if drawn: a cell of another row, of which invert takes over what is left open.
        there = np.flatnonzero(~is_missing(arrays[name]))
        if len(there):
            other = arrays[name][there[rng.integers(0, len(there), len(rows))]]
            found[name] = np.where(known[name], found[name], other)
    gaps = [each for each in derivations if isinstance(each, Gap) and each.source in gone and each.target in found]
    laid = {each.source: _before(each, arrays, found, known, schema, rng) for each in gaps}
    before = {name: known[name].copy() for name in gone}
    invert(found, derivations, known, schema, rng)
    fits = {name: (known[name] | laid.get(name, False)) & ~before[name] for name in gone}
    apart = np.zeros(len(rows), dtype=bool)
    for each in gaps:
        off = fits[each.source] & ~_within(each, found) & ~is_missing(found[each.target])
        fits[each.source] &= ~off
        apart |= off
    return found, fits, apart


def _within(gap: Gap, found: Arrays) -> np.ndarray:
    apart = gap.between(found)
    return (apart >= (gap.gap.minimum or 0.0)) & (apart <= (gap.gap.maximum or np.inf))


def _before(
    gap: Gap, arrays: Arrays, found: dict[str, np.ndarray], known: Arrays, schema: Schema, rng: np.random.Generator
) -> np.ndarray:
    """Put missing earlier instants before the later ones that are there, by what lies between others; bool[rows]."""
    gaps = gap.between(arrays)
    gaps = gaps[~np.isnan(gaps)]
    where = ~known[gap.source] & known[gap.target]
    if len(gaps) and where.any():
        drawn = gap.before(found[gap.target], gaps[rng.integers(0, len(gaps), len(where))], found[gap.source])
        found[gap.source] = np.where(where, drawn, found[gap.source])
    return where & _within(gap, found)
