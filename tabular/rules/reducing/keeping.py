"""Rows that keep the rules: what does not is drawn again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...encoding.arrays import on_grid
from ...errors import RuleError
from ...schema import Schema
from ...where.conditions import Allowed
from ..language.syntax import Increasing
from ..rule import Rule
from .derivations import constant, is_missing

__all__ = ["LEAST_SHARE", "PATIENT_ROWS", "Keeping", "redrawn"]

Arrays = Mapping[str, np.ndarray]

#: Rows that are made in search of some that are wanted before the search may be given up, and the fraction of them that
#: must be.
PATIENT_ROWS, LEAST_SHARE = 500_000, 1e-4
#: Rows that are drawn again at a time: at least, at most, and times those that were made before.
FEWEST, MOST, TIMES = 16, 1 << 16, 2


@dataclass(frozen=True)
class Keeping:
    """Which rows keep the rules of a schema, and conditions besides.

    Attributes:
        schema: of the table, with its rules.
        conditions: column -> what it may be, for columns that no model is requested.
        whole: columns without a missing cell: what a rule makes of others may be a value that they do not have.
    """

    schema: Schema
    conditions: Mapping[str, Allowed]
    whole: tuple[str, ...] = ()

    def __call__(self, arrays: Arrays, holes: Arrays | None = None) -> np.ndarray:
        """bool[rows]: which rows of canonical ``arrays`` keep all that is about these columns alone.

        Args:
            holes: bool[rows] per column; a rule counts only in rows where it is about one of them.
        """
        found = np.ones(len(next(iter(arrays.values()))), dtype=bool)
        for _, kept in self._each(arrays, holes):
            found &= kept
        return found

    def worst(self, arrays: Arrays, holes: Arrays | None = None) -> str:
        """What the fewest rows keep, as text."""
        return min(self._each(arrays, holes), key=lambda each: float(each[1].mean()))[0]

    def _each(self, arrays: Arrays, holes: Arrays | None) -> list[tuple[str, np.ndarray]]:
        names = self.schema.names
        rows = len(next(iter(arrays.values())))
        values = {
            name: on_grid(column, self.schema[name]) if self.schema[name].is_numeric else column
            for name in self.columns
            if (column := arrays[name] if name in arrays else constant(self.schema[name], rows)) is not None
        }
        found = []
        for rule in self.rules:
            columns = rule.columns(names)
            if all(name in values for name in columns):
                kept = rule.kept(values, self.schema)
                found.append((rule.text, kept if holes is None else kept | ~_any(holes, columns)))
        found += [(f"a value of {name}", ~is_missing(values[name])) for name in self.whole if name in values]
        requested = {name: condition for name, condition in self.conditions.items() if name in values}
        return found + [(f"the condition on {name}", requested[name].contains(values[name])) for name in requested]

    @cached_property
    def columns(self) -> set[str]:
        """The columns that anything is asked of."""
        names = self.schema.names
        return {name for rule in self.rules for name in rule.columns(names)} | set(self.conditions)

    @cached_property
    def rules(self) -> list[Rule]:
        """Those on the cells of a row: the order of rows is that of the finished file (:mod:`.file_order`)."""
        return [rule for rule in self.schema.rules if not isinstance(rule.form(self.schema.names), Increasing)]


def _any(holes: Arrays, columns: tuple[str, ...]) -> np.ndarray:
    return np.any([holes[name] for name in columns], axis=0)


def redrawn(
    arrays: dict[str, np.ndarray], keeping: Keeping, draw: Callable[[int], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """``arrays`` with the rows that break a rule replaced by others that do not, in the same places.

    Args:
        arrays: canonical arrays; they may be changed.
        draw: makes so many rows more.

    Raises:
        RuleError: if next to no row keeps the rules.
    """
    broken = np.flatnonzero(~keeping(arrays))
    made = rows = len(next(iter(arrays.values())))
    found = rows - len(broken)
    while len(broken):
        fraction = max(found, 0.5) / made
        new = draw(int(np.clip(1.1 * len(broken) / fraction, FEWEST, min(MOST, TIMES * made))))
        good = np.flatnonzero(keeping(new))
        made, found = made + len(new[next(iter(new))]), found + len(good)
        put, broken = broken[: len(good)], broken[len(good) :]
        for name, values in new.items():
            arrays[name][put] = values[good[: len(put)]]
        if len(broken) and made >= PATIENT_ROWS and found < LEAST_SHARE * made:
            raise RuleError(
                f"Only {found:,} of {made:,} rows that the model made keep the rules and conditions, and fewest keep "
                f"{keeping.worst(new)!r}; loosen the condition, or take the rule away."
            )
    return arrays
