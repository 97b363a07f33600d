"""What the past of a user tells a CTR model, as columns: how many impressions and clicks, how long ago, and of what.

Everything that a row is given lies strictly before it: of two events of a user at one instant neither knows the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tabular.encoding.cells import labels
from tabular.schema import Column, Schema

from ..splitting import click_labels, times_of

__all__ = ["History", "history_of"]

#: Columns whose value at the event before is given, those with the fewest values; and their values at most.
MAX_LAST, MAX_VALUES = 5, 50
#: The numbers that are given.
COUNTS = ("impressions before", "clicks before", "seconds since the impression before", "seconds since the last click")


@dataclass(frozen=True)
class History:
    """How the past of users is given.

    Attributes:
        by, time, click: columns of the user, of the time and of the click; ``positive`` is the click's value.
        last: columns whose value at the event before is given.
    """

    by: str
    time: str
    click: str
    positive: str
    last: tuple[str, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are added, for the schema of the features."""
        numbers = (Column(name, "continuous", "float64", missing_rate=0.5) for name in COUNTS)
        before = (Column(f"last {name}", "categorical", "object", missing_rate=0.5) for name in self.last)
        return (*numbers, *before)

    def with_past(self, table: pd.DataFrame) -> pd.DataFrame:
        """``table`` with :attr:`columns` after its own; rows without a user or a time know no past."""
        user, times = pd.factorize(table[self.by])[0], times_of(table, self.time)
        clicked, _ = click_labels(table[self.click], self.click, self.positive)
        known = np.flatnonzero((user >= 0) & ~np.isnan(times))
        rows = known[np.lexsort((times[known], user[known]))]
        user, times, clicked = user[rows], times[rows], clicked[rows].astype(np.int64)
        at = np.arange(len(rows))
        new_user = np.append(True, user[1:] != user[:-1])[: len(rows)]
        first = np.maximum.accumulate(np.where(new_user, at, 0))
        # The first event of the same user and instant: what lies before it is the past of all of them.
        new_instant = new_user | np.append(True, times[1:] != times[:-1])[: len(rows)]
        here = np.maximum.accumulate(np.where(new_instant, at, 0))
        has_past = here > first
        before = np.maximum(here - 1, 0)
        clicks = np.append(0, np.cumsum(clicked))
        last_click = np.append(-1, np.maximum.accumulate(np.where(clicked > 0, at, -1)))[here]
        has_clicked = last_click >= first
        found = {
            COUNTS[0]: (here - first).astype(np.float64),
            COUNTS[1]: (clicks[here] - clicks[first]).astype(np.float64),
            COUNTS[2]: np.where(has_past, times - times[before], np.nan),
            COUNTS[3]: np.where(has_clicked, times - times[np.maximum(last_click, 0)], np.nan),
        }
        added = {name: _spread(values, rows, len(table)) for name, values in found.items()}
        for name in self.last:
            values = table[name].astype(object).to_numpy()[rows]
            cells = np.full(len(table), None, dtype=object)
            cells[rows[has_past]] = values[before[has_past]]
            added[f"last {name}"] = cells
        return table.assign(**added)


def history_of(table: pd.DataFrame, schema: Schema, by: str, time: str, click: str, positive: str) -> History:
    """How the past of users is given: of columns that change within users and have few values, the last one."""
    few, user = [], pd.factorize(table[by])[0]
    for column in schema:
        if column.kind in ("categorical", "boolean") and column.name not in (by, time, click):
            codes, distinct = labels(table[column.name], column.name)
            if 2 <= len(distinct) <= MAX_VALUES and not _is_constant(codes, user):
                few.append((len(distinct), column.name))
    return History(by, time, click, positive, tuple(name for _, name in sorted(few)[:MAX_LAST]))


def _is_constant(codes: np.ndarray, user: np.ndarray) -> bool:
    """Whether each user has one value."""
    return len(np.unique(user * (int(codes.max()) + 2) + codes + 1)) == len(np.unique(user))


def _spread(values: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """float64[count]: ``values`` at ``rows``, NaN elsewhere."""
    found = np.full(count, np.nan)
    found[rows] = values
    return found
