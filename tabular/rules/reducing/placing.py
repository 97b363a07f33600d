"""Columns in order (``clicks <= views``, ``net >= price - discount``): a value that breaks the order is put within it.

Both columns are learned. A value out of order is replaced by the value of another drawn row: one that lies as far
within the bounds as the replaced one lies beyond them, counted in values on either side. Of values that know nothing of
the bounds this gives what a draw of the column alone, within them, would give; one that missed by little stays near.
No row is drawn again for it, however few are in order by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...encoding.arrays import on_grid
from ...encoding.cells import grid_step
from ...schema import Column, Schema
from ..language.evaluation import Rows
from ..language.instants import has_zones
from ..language.keys import category_numbers
from ..language.syntax import Always, Chain, Constant, Expression, Operation, Reference, columns_of
from ..rule import Rule
from .derivations import Derivation, Gap

__all__ = ["Bound", "Placement", "bounds_of", "placements_of", "reaches"]

Arrays = Mapping[str, np.ndarray]

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True)
class Bound:
    """``column sign expression``: what the other columns of a rule ask of this one.

    Attributes:
        sign: one of ``< <= > >=``.
        expression: without the column itself.
    """

    column: str
    sign: str
    expression: Expression

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns that decide where the bound is."""
        return columns_of(self.expression)


def bounds_of(rule: Rule, schema: Schema) -> list[tuple[Bound, ...]]:
    """The comparisons of ``rule``, each as the bounds of its columns that say the same, first of the greater side's.

    Empty where it compares text or products, or only if a condition is met.
    """
    form = rule.form(schema.names)
    if not isinstance(form, Always) or not isinstance(form.condition, Chain):
        return []
    if not all(_has_numbers(schema[name]) for name in columns_of(form)):
        return []
    terms, found = form.condition.terms, []
    for left, sign, right in zip(terms, form.condition.signs, terms[1:], strict=False):
        if sign not in _MIRRORED or any(isinstance(end, Constant) and isinstance(end.value, str) for end in terms):
            return []
        less, greater = (left, right) if sign in ("<", "<=") else (right, left)
        strict = sign in ("<", ">")
        bounds = _solved(greater, ">" if strict else ">=", less) + _solved(less, "<" if strict else "<=", greater)
        if bounds:
            found.append(tuple(bounds))
    return found


def _has_numbers(column: Column) -> bool:
    return column.is_numeric or category_numbers(column) is not None


def _solved(side: Expression, sign: str, other: Expression) -> list[Bound]:
    """``side sign other`` for each column of ``side`` that is added or taken away."""
    if isinstance(side, Reference):
        return [] if side.column in columns_of(other) else [Bound(side.column, sign, other)]
    if not isinstance(side, Operation) or side.sign not in ("+", "-"):
        return []
    rest = "-" if side.sign == "+" else "+"
    found = _solved(side.left, sign, Operation(rest, other, side.right))
    if side.sign == "+":
        return found + _solved(side.right, sign, Operation("-", other, side.left))
    return found + _solved(side.right, _MIRRORED[sign], Operation("-", side.left, other))


@dataclass(frozen=True)
class Placement:
    """All bounds of one column that are held by placing its values.

    Attributes:
        target: the column.
        bounds: of that column.
    """

    target: str
    bounds: tuple[Bound, ...]
    schema: Schema

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns that decide where the bounds are."""
        return tuple(dict.fromkeys(name for bound in self.bounds for name in bound.sources))

    def place(
        self,
        arrays: Arrays,
        *,
        movable: np.ndarray | None = None,
        fixed: Mapping[str, np.ndarray] | None = None,
        nearest: bool = False,
    ) -> np.ndarray:
        """Canonical values of the column, within its bounds where any of the values is.

        Args:
            arrays: canonical arrays of the column and its sources, on their grids.
            movable: bool[rows], which values may be replaced; all if absent.
            fixed: bool[rows] per column; a bound counts where all of its sources are.
            nearest: where no value is within the bounds, take the nearest that the column can hold.
        """
        rows, values = Rows(arrays, self.schema, ""), arrays[self.target]
        numbers = rows.number(Reference(self.target))
        known = ~np.isnan(numbers)
        window = _Window(len(numbers))
        for bound in self.bounds:
            ends = rows.number(bound.expression)
            counts = np.ones(len(ends), dtype=bool)
            for name in bound.sources:
                counts &= True if fixed is None else fixed[name]
            window.add(bound.sign, np.where(counts, ends, np.nan))
        todo = np.flatnonzero(known & ~window.holds(numbers) & (True if movable is None else movable))
        if not len(todo):
            return values
        donors, found = _donors(numbers, known, window, todo)
        placed = values.copy()
        placed[todo[found]] = values[donors[found]]
        column = self.schema[self.target]
        if nearest and not found.all() and column.is_numeric and not has_zones(column):
            rest = todo[~found]
            placed[rest] = window.nearest(numbers, rest, column)
        return placed


class _Window:
    """Where the numbers of each row may lie: float64[rows] from ``low`` to ``high``, without the ends where open."""

    def __init__(self, rows: int) -> None:
        self.low, self.high = np.full(rows, -np.inf), np.full(rows, np.inf)
        self.low_open, self.high_open = np.zeros(rows, dtype=bool), np.zeros(rows, dtype=bool)

    def add(self, sign: str, ends: np.ndarray) -> None:
        """One more bound; NaN bounds nothing."""
        is_open = sign in ("<", ">")
        with np.errstate(invalid="ignore"):
            if sign in (">", ">="):
                closer = (ends > self.low) | ((ends == self.low) & is_open)
                self.low, self.low_open = np.where(closer, ends, self.low), np.where(closer, is_open, self.low_open)
            else:
                closer = (ends < self.high) | ((ends == self.high) & is_open)
                self.high, self.high_open = np.where(closer, ends, self.high), np.where(closer, is_open, self.high_open)

    def holds(self, numbers: np.ndarray) -> np.ndarray:
        """bool[rows]: which of float64[rows] lie within; NaN does not."""
        with np.errstate(invalid="ignore"):
            above = (numbers > self.low) | ((numbers == self.low) & ~self.low_open)
            return above & ((numbers < self.high) | ((numbers == self.high) & ~self.high_open))

    def nearest(self, numbers: np.ndarray, rows: np.ndarray, column: Column) -> np.ndarray:
        """float64[some]: what ``column`` can hold next to the ``numbers`` of ``rows``, and within their bounds."""
        step = grid_step(column) or 0.0
        low = self.low[rows] + np.where(self.low_open[rows], step, 0.0)
        high = self.high[rows] - np.where(self.high_open[rows], step, 0.0)
        return on_grid(np.maximum(np.minimum(numbers[rows], high), low), column)


def _donors(numbers: np.ndarray, known: np.ndarray, window: _Window, todo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(int64[todo] rows whose numbers lie within the bounds of these rows, bool[todo] where there is one)."""
    order = np.flatnonzero(known)[np.argsort(numbers[known], kind="stable")]
    ordered = numbers[order]
    rank = np.empty(len(numbers), dtype=np.int64)
    rank[order] = np.arange(len(order))

    def positions(ends: np.ndarray, after: np.ndarray) -> np.ndarray:
        return np.where(after, np.searchsorted(ordered, ends, "right"), np.searchsorted(ordered, ends, "left"))

    first = positions(window.low[todo], window.low_open[todo])
    count = np.maximum(positions(window.high[todo], ~window.high_open[todo]) - first, 0)
    own, last = rank[todo], first + count
    below = own < first
    # How many values lie between this one and its bounds, as a fraction of all on that side: as many of those within
    # them.
    beyond = np.where(below, first - own, own - last + 1) - 0.5
    far = beyond / np.maximum(np.where(below, first, len(order) - last), 1)
    steps = np.minimum((far * count).astype(np.int64), np.maximum(count - 1, 0))
    chosen = np.where(below, first + steps, last - 1 - steps)
    return order[np.minimum(chosen, len(order) - 1)], count > 0


def placements_of(
    schema: Schema, derived: Mapping[str, Derivation], needed: dict[str, set[str]]
) -> tuple[dict[str, Placement], dict[str, tuple[Bound, ...]]]:
    """(column -> its placement, column -> all of its bounds) by the rules on orders.

    Of two columns in order the greater is placed, unless it is computed or the other one is made from it.

    Args:
        derived: columns that follow from others.
        needed: column -> those that it is made from, to which those are added that it is placed by.
    """
    chosen: dict[str, list[Bound]] = {}
    every: dict[str, list[Bound]] = {}
    for rule in schema.rules:
        for same in bounds_of(rule, schema):
            movable = [bound for bound in same if isinstance(derived.get(bound.column), Gap | None)]
            for bound in movable:
                every.setdefault(bound.column, []).append(bound)
            for bound in movable:
                if not any(reaches(source, bound.column, needed) for source in bound.sources):
                    chosen.setdefault(bound.column, []).append(bound)
                    needed.setdefault(bound.column, set()).update(bound.sources)
                    break
    placements = {name: Placement(name, tuple(bounds), schema) for name, bounds in chosen.items()}
    return placements, {name: tuple(bounds) for name, bounds in every.items()}


def reaches(name: str, target: str, needed: Mapping[str, set[str]]) -> bool:
    """Whether ``target`` is needed, at whatever remove, to make ``name``."""
    return name == target or any(reaches(source, target, needed) for source in needed.get(name, ()))
