"""Values that come once in a history: a user rates a film once, an order has one line for each product."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tabular.relations.log import EventLog

from .overdue import Overdue

__all__ = ["Once", "RowWeights", "once_columns"]

Arrays = dict[str, np.ndarray]
#: (column, int64[events], of which histories) -> float32[events, categories]: what each value counts.
RowWeights = Callable[[str, np.ndarray], np.ndarray]
#: A column in which no history repeats a value, though this many pairs of its events would by chance.
MIN_EXPECTED = 20.0
#: How often a value that comes again is replaced by any other.
ATTEMPTS = 16
#: Users times values of a column that are weighted, at most.
MAX_CELLS = 1 << 26


def once_columns(log: EventLog) -> tuple[str, ...]:
    """The columns of categories that have each value at most once in every history, and hardly by chance."""
    return tuple(name for name in log.event_columns if log.schema[name].has_categories and _comes_once(log, name))


def _comes_once(log: EventLog, name: str) -> bool:
    codes, categories = log.arrays[name], len(log.schema[name].categories)
    known = codes >= 0
    share = np.bincount(codes[known], minlength=max(categories, 1)) / max(int(known.sum()), 1)
    counts = np.bincount(log.user[known], minlength=len(log.first)).astype(np.float64)
    if (counts * (counts - 1)).sum() / 2 * (share**2).sum() < MIN_EXPECTED:
        return False
    keys = log.user[known].astype(np.int64) * categories + codes[known]
    return len(np.unique(keys)) == len(keys)


class Once:
    """Which values the histories that are being made have had.

    Args:
        categories: column -> how many it has; every column of these comes once.
        owner: int64[histories], whose each is: several stretches of one user share what they have had.
        overdue: how likely values are that have not come.
    """

    def __init__(self, categories: Mapping[str, int], owner: np.ndarray, overdue: Overdue | None = None) -> None:
        self.categories, self.owner = dict(categories), owner
        # Keys of (owner, value), ascending.
        self._had = {name: np.zeros(0, np.int64) for name in categories}
        self._overdue = overdue or Overdue()
        users = int(owner.max(initial=-1)) + 1
        self._table = {
            name: np.zeros((users, categories[name]), dtype=bool)
            for name in self._overdue.shares
            if users * categories[name] <= MAX_CELLS
        }
        self._events = {name: np.zeros(users, np.int64) for name in self._table}

    def have(self, name: str, owner: np.ndarray, codes: np.ndarray) -> None:
        """Add values of a column, int32[events], that histories of ``owner``, int64[events], have had."""
        known = codes >= 0
        new = np.unique(self._keys(name, owner[known], codes[known]))
        had = self._had[name]
        self._had[name] = np.insert(had, np.searchsorted(had, new), new)
        if name in self._table:
            self._table[name][owner[known], codes[known]] = True
            np.add.at(self._events[name], owner[known], 1)

    def weights(self) -> RowWeights | None:
        """What values count in the events to come: nothing where they came; ``None`` where all count alike."""

        def of(name: str, rows: np.ndarray) -> np.ndarray:
            if name not in self._table:
                return np.ones((len(rows), self.categories[name]), np.float32)
            owner = self.owner[rows]
            weights = self._overdue.weights(name, self._events[name][owner])
            return np.where(self._table[name][owner], np.float32(0), weights)

        return of if self._table else None

    def repeats(self, drawn: Mapping[str, np.ndarray], events: int) -> np.ndarray:
        """bool[events]: which of so many drawn events, one of each of the first histories, have a value that came."""
        columns = [name for name in self.categories if name in drawn]
        repeated = [self._repeats(name, drawn[name]) for name in columns]
        return np.any(repeated, axis=0) if columns else np.zeros(events, dtype=bool)

    def had(self, drawn: Mapping[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        """bool[events]: which of the events have a value that their histories, int64[events], have had."""
        columns = [name for name in self.categories if name in drawn]
        found = [self._is_had(name, self.owner[rows], drawn[name]) for name in columns]
        return np.any(found, axis=0) if columns else np.zeros(len(rows), dtype=bool)

    def keep(self, drawn: Arrays, rng: np.random.Generator) -> None:
        """Add what the drawn events have; a value that still comes again gives way, in place, to one that is free."""
        for name in (name for name in self.categories if name in drawn):
            for _ in range(ATTEMPTS):  # hardly ever one
                if not len(rows := np.flatnonzero(self._repeats(name, drawn[name]))):
                    break
                drawn[name][rows] = rng.integers(self.categories[name], size=len(rows))
            self.have(name, self.owner[: len(drawn[name])], drawn[name])

    def _keys(self, name: str, owner: np.ndarray, codes: np.ndarray) -> np.ndarray:
        return owner.astype(np.int64) * self.categories[name] + codes

    def _is_had(self, name: str, owner: np.ndarray, codes: np.ndarray) -> np.ndarray:
        had, keys = self._had[name], self._keys(name, owner, codes)
        if not len(had):
            return np.zeros(len(keys), dtype=bool)
        return (had[np.minimum(np.searchsorted(had, keys), len(had) - 1)] == keys) & (codes >= 0)

    def _repeats(self, name: str, codes: np.ndarray) -> np.ndarray:
        """bool[events]: which have a value of before, or that of another stretch of the same user."""
        owner = self.owner[: len(codes)]
        first = np.zeros(len(codes), dtype=bool)
        first[np.unique(self._keys(name, owner, codes), return_index=True)[1]] = True
        return (self._is_had(name, owner, codes) | ~first) & (codes >= 0)
