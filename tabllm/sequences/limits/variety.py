"""How many different values a history has: a plane flies for one airline, and to ten places and not twenty.

A model of events gives a value that a history has not had a little too often or too seldom, and over a hundred events
that adds up. So it is counted how often made histories have new ones after so many events, and where that is more often
than in the log, some events are drawn again until they have none; where it is less often, until they have one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from typing_extensions import Self

from tabular.plain_json import FieldError, check_fields, each_of, list_of, real
from tabular.relations.log import EventLog

__all__ = ["Variety", "Varying"]

Arrays = dict[str, np.ndarray]
#: Events of which a rate is learned, at least, and users whose they are.
MIN_EVENTS, MIN_USERS = 100, 20
#: Made events as which the learned rate counts where the rate of made ones is estimated.
MORE_EVENTS = 20.0
#: Histories times categories of a column that are kept track of, at most.
MAX_CELLS = 1 << 26


@dataclass(frozen=True)
class Variety:
    """How often events of a log have a value that their history has not had.

    Attributes:
        rates: column -> the share after 1 event, 2 or 3, 4 to 7, and so on; later ones as the last.
    """

    rates: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, log: EventLog, columns: Collection[str]) -> Self:
        """Those of the ``columns`` of a log that have categories."""
        rates = {}
        for name in columns:
            count = len(log.schema[name].categories)
            if not log.schema[name].has_categories or count < 2:
                continue
            new = np.zeros(len(log.user), dtype=bool)
            known = np.flatnonzero(log.arrays[name] >= 0)
            new[known[np.unique(log.user[known] * count + log.arrays[name][known], return_index=True)[1]]] = True
            known = known[log.position[known] > 0]
            late = _late(log.position[known])
            events = np.bincount(late)
            users = np.bincount(np.unique(log.user[known] * 64 + late) % 64, minlength=len(events))
            shares = np.bincount(late, new[known]) / np.maximum(events, 1)
            enough = (events >= MIN_EVENTS) & (users >= MIN_USERS)
            kept = len(enough) if enough.all() else int(np.argmin(enough))
            if kept:
                rates[name] = tuple(map(float, shares[:kept]))
        return cls(rates)

    @classmethod
    def from_data(cls, data: Any, columns: Collection[str]) -> Self:
        """Read :attr:`rates` of ``columns`` as they were written. Raises :class:`.FieldError` if they are not."""
        check_fields({"variety": data}, {"variety": each_of(list_of(real(0, 1), 1))}, "it")
        for name in data:
            if name not in columns:
                raise FieldError(f"{name!r}, of which a variety is said, is no column of events with categories")
        return cls({name: tuple(rates) for name, rates in data.items()})


class Varying:
    """The variety of the histories that are being made.

    Args:
        categories: column -> how many it has.
        owner: int64[histories], whose each is: several stretches of one user share what they have had.
    """

    def __init__(self, variety: Variety, categories: Mapping[str, int], owner: np.ndarray) -> None:
        self.owner, users = owner, int(owner.max(initial=-1)) + 1
        self._rates, self._had = {}, {}
        for name, rates in variety.rates.items():
            if users * categories[name] <= MAX_CELLS:
                self._rates[name] = np.array(rates)
                self._had[name] = np.zeros((users, categories[name]), dtype=bool)
        self._events = np.zeros(users, np.int64)
        # Made events with a value, by column and number of events before, and those with a new one.
        self._made = {name: np.zeros(len(rates)) for name, rates in self._rates.items()}
        self._new = {name: np.zeros(len(rates)) for name, rates in self._rates.items()}

    def have(self, owner: np.ndarray, arrays: Mapping[str, np.ndarray]) -> None:
        """Add the values of events, int32[events] per column, that histories of ``owner``, int64[events], have had."""
        for name, had in self._had.items():
            if name in arrays:
                known = arrays[name] >= 0
                had[owner[known], arrays[name][known]] = True
        np.add.at(self._events, owner, 1)

    def wanted(self, drawn: Mapping[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Which of the drawn events, one of each of the first histories, must not be as they are.

        Returns:
            column -> float32[events]: 0 where it must have a value that came before, 1 where a new one, else NaN.
        """
        found = {}
        for name, rates in self._rates.items():
            if name not in drawn:
                continue
            owner, codes = self.owner[: len(drawn[name])], drawn[name]
            position = self._events[owner]
            late = np.minimum(_late(position), len(rates) - 1)
            counted = (codes >= 0) & (position > 0)
            new, late = self._is_new(name, owner, codes)[counted], late[counted]
            self._made[name] += np.bincount(late, minlength=len(rates))
            self._new[name] += np.bincount(late, new, minlength=len(rates))
            wanted = rates[late]
            rate = (self._new[name] + MORE_EVENTS * rates) / (self._made[name] + MORE_EVENTS)
            rate = rate[late]
            with np.errstate(divide="ignore", invalid="ignore"):
                again = np.where(new, 1 - wanted / rate, (wanted - rate) / (1 - rate))
            changed = np.full(len(codes), np.nan, np.float32)
            changed[counted] = np.where(rng.random(len(late)) < again, ~new, np.nan)
            found[name] = changed
        return found

    def off(self, drawn: Mapping[str, np.ndarray], rows: np.ndarray, wanted: Mapping[str, np.ndarray]) -> np.ndarray:
        """int64[events]: in how many columns events of the histories ``rows`` are not as they are ``wanted``."""
        found = np.zeros(len(rows), np.int64)
        for name, each in wanted.items():
            new = self._is_new(name, self.owner[rows], drawn[name])
            found += ~np.isnan(each[rows]) & (new != each[rows])
        return found

    def _is_new(self, name: str, owner: np.ndarray, codes: np.ndarray) -> np.ndarray:
        return ~self._had[name][owner, np.maximum(codes, 0)] & (codes >= 0)


def _late(position: np.ndarray) -> np.ndarray:
    """int64[events]: the number of twice as many events before, from 1 on."""
    return np.asarray(np.frexp(np.maximum(position, 1))[1] - 1, dtype=np.int64)
