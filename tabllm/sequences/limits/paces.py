"""How much time histories leave for the events to come: what a drawn time must leave for the rest of its history.

Each gap is drawn a little too long or too short, and over hundreds of events that adds up: then the last ones fall on
one day, or wait for it. So a time is drawn again that leaves less or more for each event to come than learned ones do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from typing_extensions import Self

from tabular.plain_json import check_fields, list_of, real
from tabular.relations.log import EventLog
from tabular.relations.times import Clock

__all__ = ["Paces"]

#: Of the learned moments this fraction may be beyond either bound, and so many moments are needed for bounds.
BEYOND, MIN_MOMENTS = 0.005, 20
#: Added to a time per event before logarithms are taken.
TINY = 1e-9


@dataclass(frozen=True)
class Paces:
    """The bounds.

    Attributes:
        low, high: of the time to the last event divided by the number of events to come, where these are 1, 2 to 3,
            4 to 7, and so on; in units of :meth:`tabular.relations.times.Clock.day`.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def of(cls, log: EventLog, clock: Clock) -> Self:
        """The bounds that the histories of ``log`` keep."""
        rows = np.flatnonzero(log.position > 0)
        left = log.counts[log.user[rows]] - log.position[rows]
        last = log.times[log.last[log.user[rows]]]
        pace = (clock.day(last) - clock.day(log.before(log.times, 1, rows))) / left
        kind = np.floor(np.log2(left)).astype(np.int64)
        groups = [pace[kind == number] for number in range(int(kind.max(initial=-1)) + 1)]
        bounds = [
            np.quantile(group, [BEYOND, 1 - BEYOND]) if len(group) >= MIN_MOMENTS else (0.0, np.finfo(float).max)
            for group in groups
        ]
        return cls(tuple(float(low) for low, _ in bounds), tuple(float(high) for _, high in bounds))

    def beyond(self, left: np.ndarray, ahead: np.ndarray) -> np.ndarray:
        """float64[some]: by which factor, as a logarithm, ``ahead`` is too little or too much; 0 within the bounds.

        Args:
            left: events to come; where there are none, or more than were learned, nothing bounds them.
            ahead: the time to the last of them.
        """
        kind = np.floor(np.log2(np.maximum(left, 1))).astype(np.int64)
        bounded = (left > 0) & (kind < len(self.low))
        low, high, pace = np.zeros(len(left)), np.full(len(left), np.inf), ahead / np.maximum(left, 1)
        low[bounded] = np.array(self.low)[kind[bounded]]
        high[bounded] = np.array(self.high)[kind[bounded]]
        known = np.log(np.maximum(pace, 0) + TINY)
        return np.maximum(np.maximum(np.log(low + TINY) - known, known - np.log(high + TINY)), 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {"low": list(self.low), "high": list(self.high)}

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """Read what :meth:`to_dict` wrote. Raises :class:`tabular.plain_json.FieldError` if it is not."""
        check_fields(data, {"low": list_of(real(0)), "high": list_of(real(0))}, "paces")
        return cls(tuple(map(float, data["low"])), tuple(map(float, data["high"])))
