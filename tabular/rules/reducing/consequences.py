"""What a condition decides: ``if kind = 'free' then price = 0``, ``refund is missing exactly if status = 'kept'``.

Both columns are learned. Where a drawn row meets the condition, and its cell is another one, the cell is set; no row is
drawn again for it, so rows that meet the condition are as many as the model draws.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from ...encoding.arrays import on_grid
from ...schema import Schema
from ..language.evaluation import Rows
from ..language.keys import missing
from ..language.syntax import (
    Chain,
    Condition,
    Constant,
    Exactly,
    If,
    Missing,
    Reference,
    columns_of,
    implications,
)
from ..rule import Rule
from .derivations import Derivation, Gap, LookedUp
from .placing import reaches

__all__ = ["Consequence", "Consequences", "Nearest", "consequences_of", "nearest_of"]

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Consequence:
    """Where ``given`` is met, ``target`` has ``value``, as an array of one canonical value.

    Attributes:
        only: a missing value stands nowhere else, and another one takes its place there.
    """

    target: str
    given: Condition
    value: np.ndarray
    only: bool

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns that decide."""
        return columns_of(self.given)


def _consequences_in(rule: Rule, schema: Schema) -> list[Consequence]:
    """The cells that ``rule`` decides, of which one needs to be set; none where it leaves more than one value."""
    form = rule.form(schema.names)
    found = []
    for given, wanted in reversed(implications(form)):
        value = _value(wanted, schema, rule.text)
        # Of an equation that holds exactly if a condition is met nothing says what stands elsewhere.
        if value is not None and (isinstance(form, If) or isinstance(wanted, Missing)):
            (target,) = columns_of(wanted)
            found.append(Consequence(target, given, value, isinstance(form, Exactly)))
    return [each for each in found if each.target not in each.sources]


def _value(wanted: Condition, schema: Schema, text: str) -> np.ndarray | None:
    """The one canonical value that meets ``wanted``, if it is no more than ``column = value`` or ``is missing``."""
    if isinstance(wanted, Missing):
        column = schema[wanted.column]
        if wanted.negated or not (column.is_numeric or column.has_categories):
            return None
        return np.array([np.nan]) if column.is_numeric else np.array([-1], dtype=np.int32)
    if not isinstance(wanted, Chain) or wanted.signs != ("=",):
        return None
    sides = sorted(wanted.terms, key=lambda term: isinstance(term, Constant))
    if not isinstance(sides[0], Reference) or not isinstance(sides[1], Constant):
        return None
    column, constant = schema[sides[0].column], sides[1].value
    if column.has_categories:
        values = np.arange(len(column.categories), dtype=np.int32)
    elif column.kind in ("integer", "continuous") and not isinstance(constant, str):
        values = on_grid(np.array([constant]), column)
    else:
        return None
    met = np.flatnonzero(Rows({column.name: values}, schema, text).truth(wanted)[0])
    return values[met] if len(met) == 1 else None


@dataclass(frozen=True)
class Consequences:
    """All that conditions on others decide of one column."""

    target: str
    all: tuple[Consequence, ...]
    schema: Schema

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns that decide."""
        return tuple(dict.fromkeys(name for each in self.all for name in each.sources))

    def place(
        self, arrays: Arrays, *, movable: np.ndarray | None = None, fixed: Arrays | None = None, nearest: bool = False
    ) -> np.ndarray:
        """Canonical values of the column, set where a condition decides them.

        Args:
            arrays: canonical arrays of the column and its sources, on their grids.
            movable: bool[rows], which values may be set; all if absent.
            fixed: bool[rows] per column; a condition counts where all of its sources are.
            nearest: takes no part.
        """
        values = arrays[self.target]
        for each in self.all:
            met, known = Rows({**arrays, self.target: values}, self.schema, "").truth(each.given)
            free = np.ones(len(values), dtype=bool) if movable is None else movable.copy()
            for name in each.sources:
                free &= True if fixed is None else fixed[name]
            gone = missing(values)
            to_set = free & met & known & (values != each.value[0]) & ~(gone & missing(each.value)[0])
            if to_set.any():
                values = np.where(to_set, each.value[0], values).astype(values.dtype)
            if each.only:
                empty, there = np.flatnonzero(free & ~met & known & gone), np.flatnonzero(~gone & ~met)
                if len(empty) and len(there):
                    values = values.copy()
                    values[empty] = values[there[np.arange(len(empty)) * len(there) // len(empty)]]
        return values


def consequences_of(
    schema: Schema, derived: Mapping[str, Derivation], needed: dict[str, set[str]], fixed: Collection[str]
) -> dict[str, Consequences]:
    """Column -> all that conditions decide of it, for columns that no rule computes.

    Args:
        derived: columns that follow from others.
        needed: column -> those that it is made from, to which those are added that decide it.
        fixed: columns whose missing cells are made otherwise.
    """
    chosen: dict[str, list[Consequence]] = {}
    for rule in schema.rules:
        for each in _consequences_in(rule, schema):
            made, is_gap = derived.get(each.target), bool(missing(each.value)[0])
            if not (made is None or (isinstance(made, Gap) and is_gap)) or (each.target in fixed and is_gap):
                continue
            if not any(reaches(source, each.target, needed) for source in each.sources):
                chosen.setdefault(each.target, []).append(each)
                needed.setdefault(each.target, set()).update(each.sources)
                break
    return {name: Consequences(name, tuple(found), schema) for name, found in chosen.items()}


@dataclass(frozen=True)
class Nearest:
    """``code -> name``, where the code is a number: a number that no row has beside a name is put at the nearest.

    Attributes:
        values: float64, sorted: the numbers that the rule lists.
    """

    target: str
    values: np.ndarray

    @property
    def sources(self) -> tuple[str, ...]:
        """None: what is near follows from the number alone."""
        return ()

    def place(
        self, arrays: Arrays, *, movable: np.ndarray | None = None, fixed: Arrays | None = None, nearest: bool = False
    ) -> np.ndarray:
        """Canonical values of the column; as :meth:`Consequences.place`."""
        numbers = arrays[self.target]
        position = np.searchsorted((self.values[1:] + self.values[:-1]) / 2, numbers)
        put = ~np.isnan(numbers) & (True if movable is None else movable)
        return np.where(put, self.values[position], numbers)


def nearest_of(schema: Schema, derived: Mapping[str, Derivation]) -> dict[str, Nearest]:
    """Column -> how its numbers are put at listed ones, for numbers that decide others by themselves."""
    found: dict[str, Nearest] = {}
    for each in derived.values():
        if not isinstance(each, LookedUp) or len(each.sources) != 1:
            continue
        (source,) = each.sources
        if schema[source].kind in ("integer", "continuous") and source not in derived and source not in found:
            listed = on_grid(np.asarray(each.listed(source), dtype=np.float64), schema[source])
            found[source] = Nearest(source, np.unique(listed[~np.isnan(listed)]))
    return {name: each for name, each in found.items() if len(each.values)}
