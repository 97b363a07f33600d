"""Rows in random order in which rules are looked for, and how much evidence a rule needs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ...encoding.cells import grid_step
from ...errors import RuleError
from ...grain.text import grain_from_text
from ...schema import Column, Schema
from ..language.evaluation import SLACK
from ..language.instants import as_instants, is_local, local_times
from ..language.keys import category_numbers
from ..rule import Rule

__all__ = ["Numbers", "Sample", "halves", "needed", "roundest", "roundest_span", "sample_of", "span_text", "written"]

#: Rules are formed on so many random rows at most, and then checked on all.
SAMPLE_ROWS = 20_000
#: How many rows would break a rule if the columns were independent (or -log of the probability that none does).
EVIDENCE = 20.0
#: Fewer rows give no rule.
LEAST_ROWS = 50
#: Kinds whose columns take part.
_KINDS = frozenset({"integer", "continuous", "datetime", "categorical", "boolean"})
_SPANS = (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))


def needed(candidates: float) -> float:
    """The evidence that a rule must have which is one of so many that were tried."""
    return EVIDENCE + math.log(max(1.0, candidates))


@dataclass(frozen=True)
class Numbers:
    """The columns that hold numbers or dates.

    Attributes:
        names: of the columns, ``k`` in all.
        values: float64[rows, k], NaN missing; dates in UTC.
        local: the same with dates by the clocks that they are written by.
        computable: bool[k], not of dates whose clocks show something else than UTC.
        tolerance: float64[k], half of the last digit, by which a rule lets a column differ from what it is computed
            as; 0 for categories, for dates and where there is no grid.
        steps: float64[k], the distance of neighbouring numbers, of dates in seconds; 0 where there is no grid.
        grains: float64[k], the same, greater for a column that has but multiples of some number.
        dates: bool[k].
    """

    names: tuple[str, ...]
    values: np.ndarray
    tolerance: np.ndarray
    steps: np.ndarray
    grains: np.ndarray
    dates: np.ndarray
    local: np.ndarray
    computable: np.ndarray

    def of(self, rows: Any, columns: Any, *, local: bool) -> np.ndarray:
        """Some numbers, dates as they count for an operation."""
        return (self.local if local else self.values)[rows, columns]

    @cached_property
    def distinct(self) -> np.ndarray:
        """int64[k]: how many different values each column has."""
        return np.array([len(pd.unique(column[~np.isnan(column)])) for column in self.values.T], dtype=np.int64)

    def agrees(self, target: np.ndarray, computed: np.ndarray, tolerance: np.ndarray | float) -> np.ndarray:
        """bool: where ``computed`` is ``target`` after rounding, or one of them is missing."""
        with np.errstate(invalid="ignore"):
            slack = SLACK * np.maximum(np.abs(target), np.abs(computed)) + tolerance
            return ~(np.abs(target - computed) > slack)


@dataclass(frozen=True)
class Sample:
    """What discovery works on.

    Attributes:
        arrays: canonical arrays of all rows.
        schema: of the table.
        order: int64[rows], all rows in random order; the first of them are the sample.
        rng: for permutations of columns.
    """

    arrays: Mapping[str, np.ndarray]
    schema: Schema
    order: np.ndarray
    rng: np.random.Generator

    @property
    def rows(self) -> np.ndarray:
        """int64[sampled]: random rows in random order."""
        return self.order[:SAMPLE_ROWS]

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The columns that take part, by name, in table order."""
        return {column.name: column for column in self.schema if column.kind in _KINDS}

    @cached_property
    def numbers(self) -> Numbers:
        """The columns of numbers and dates; categories that are numbers count too."""
        names, values, local, tolerance, steps, grains = [], [], [], [], [], []
        for name, column in self.columns.items():
            known = None if column.is_numeric else category_numbers(column)
            if not column.is_numeric and known is None:
                continue
            cells = self.arrays[name][self.rows]
            found = cells if known is None else np.append(known, np.nan)[cells]
            if np.isfinite(found).sum() < LEAST_ROWS or np.isinf(found).any():
                continue
            step = grid_step(column) if column.is_numeric else None
            steps.append(step or _step(found if known is None else known))
            grain = grain_from_text(column.grain or "", instants=column.kind == "datetime").step
            grains.append(max(steps[-1], grain or 0.0))
            names.append(name)
            values.append(as_instants(found.astype(np.float64), column))
            local.append(values[-1] if is_local(column) else local_times(found, column))
            tolerance.append(0.0 if step is None or column.kind == "datetime" else step / 2 * (1 + 1e-6))
        table = np.stack(values, axis=1) if values else np.zeros((len(self.rows), 0))
        computable = np.array([is_local(self.columns[name]) for name in names], dtype=bool)
        clocks = table if computable.all() else np.stack(local, axis=1)
        dates = np.array([self.columns[name].kind == "datetime" for name in names], dtype=bool)
        return Numbers(
            tuple(names), table, np.array(tolerance), np.array(steps), np.array(grains), dates, clocks, computable
        )

    @cached_property
    def gaps(self) -> np.ndarray:
        """int64[sampled]: how many numbers each row lacks."""
        return np.isnan(self.numbers.values).sum(axis=1)

    @cached_property
    def codes(self) -> dict[str, np.ndarray]:
        """int64[sampled] per column: its distinct values numbered, -1 missing."""
        found = {}
        for name in self.columns:
            cells = self.arrays[name][self.rows]
            # Categories stay as they are: their codes number the categories of the schema.
            found[name] = cells.astype(np.int64) if cells.dtype.kind == "i" else pd.factorize(cells)[0].astype(np.int64)
        return found

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many different values each column has in the sample."""
        return {name: len(np.unique(codes[codes >= 0])) for name, codes in self.codes.items()}

    def holds(self, rule: Rule) -> bool:
        """Whether every row of the table keeps ``rule``."""
        names = rule.columns(self.schema.names)
        try:
            return bool(rule.kept({name: self.arrays[name] for name in names}, self.schema).all())
        except RuleError:  # a name that reads as something else, such as a column called "exactly if"
            return False

    def shuffled(self, values: np.ndarray) -> np.ndarray:
        """The values that are there, dealt anew to the rows that have one."""
        found = values.copy()
        there = np.flatnonzero(~np.isnan(values))
        found[there] = values[self.rng.permutation(there)]
        return found


def _step(values: np.ndarray) -> float:
    """The last digit that ``values`` have, binary fractions of arithmetic apart; 0 if they have many digits."""
    values = values[~np.isnan(values)]
    for decimals in range(7):
        if (np.abs(values - values.round(decimals)) <= SLACK * np.abs(values)).all():
            return float(10.0**-decimals)
    return 0.0


def sample_of(arrays: Mapping[str, np.ndarray], schema: Schema, seed: int) -> Sample:
    """A random sample of the rows of ``arrays``."""
    rng = np.random.default_rng(seed)
    rows = len(next(iter(arrays.values()), ()))
    return Sample(arrays, schema, rng.permutation(rows), rng)


def written(number: float) -> str:
    """A number as a rule writes it: it reads as the same float64."""
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(float(number))


def span_text(seconds: float, *, days: bool) -> str:
    """A time span as a rule writes it, in the largest unit that gives a whole number.

    Args:
        days: of dates without a time; others count up to four days in hours.
    """
    for unit, size in _SPANS:
        if seconds and seconds % size == 0 and (unit != "d" or days or seconds > 4 * size):
            return f"{written(seconds / size)} {unit}"
    return f"{written(seconds)} s"


def roundest(low: float, high: float) -> float:
    """The number between ``low`` and ``high``, both positive, with the fewest digits."""
    for decimals in range(-15, 16):
        size = 10.0**-decimals
        number = round(np.ceil(low / size) * size, max(decimals, 0))
        if low <= number <= high:
            return float(number)
    return low


def roundest_span(low: float, high: float) -> float:
    """The time span between ``low`` and ``high``, in seconds, that has the fewest digits in one of the units."""
    spans = [(roundest(low / size, high / size), size) for _, size in _SPANS]
    count, size = min(spans, key=lambda span: len(written(span[0])))
    return round(count * size, 6)  # without the binary fraction of the product


def halves(rows: int) -> Sequence[slice]:
    """Two halves of rows that stand in random order."""
    return (slice(0, rows // 2), slice(rows // 2, rows))
