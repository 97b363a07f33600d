"""Values that come once in a history and are the likelier the longer they have not.

Half of the users of MovieLens have rated one film before long. A model of events that does not know who has gives it to
all of them as often as to all users on average, and those who have it are given another in its place: so fewer have it
in the end, and every film that few have comes more often. Those who have not are given it as often as all of them
together should be: 1 / (1 - share of the histories of as many events that have had it).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from typing_extensions import Self

from tabular.plain_json import FieldError, check_fields, each_of, list_of, object_of, real, whole
from tabular.relations.log import EventLog

__all__ = ["Overdue"]

#: Histories that have had a value, at least, and the largest share that counts: ten times as likely at most.
MIN_USERS, MAX_SHARE = 20, 0.9
_SHARES = object_of({"values": list_of(whole(0)), "shares": list_of(real(0, 1))})
_COLUMN = object_of({"levels": list_of(_SHARES, 1), "often": _SHARES, "rare": real(0, 1)})


@dataclass(frozen=True)
class Overdue:
    """How many histories have had each value.

    Attributes:
        shares: column -> float32[levels, categories]: of the histories that go on after 1, 2, 4, 8, ... events, the
            share that has had it.
        often: column -> float64[categories]: the share of all histories that have it; of values that fewer than
            :data:`MIN_USERS` have, that of the mean one of these.
    """

    shares: Mapping[str, np.ndarray] = field(default_factory=dict)
    often: Mapping[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, log: EventLog, columns: Collection[str]) -> Self:
        """Those of ``columns`` of a log, in which no history has a value twice."""
        shares, often = {}, {}
        for name in columns:
            codes, count, levels = log.arrays[name], len(log.schema[name].categories), []
            events = 1
            while (going := log.counts > events).sum() >= MIN_USERS:
                had = going[log.user] & (log.position < events) & (codes >= 0)
                users = np.bincount(codes[had], minlength=count)
                levels.append(np.where(users >= MIN_USERS, np.minimum(users / going.sum(), MAX_SHARE), 0.0))
                events *= 2
            if levels and levels[-1].any():
                shares[name] = np.stack(levels).astype(np.float32)
                users = np.bincount(codes[codes >= 0], minlength=count)
                rare = users < MIN_USERS
                often[name] = np.where(rare, max(users[rare].mean(), 0.5) if rare.any() else 0.0, users) / len(
                    log.first
                )
        return cls(shares, often)

    def weights(self, name: str, position: np.ndarray) -> np.ndarray:
        """float32[events, categories]: how much likelier each value is where it has not come, after so many events."""
        shares = self.shares[name]
        level = np.minimum(np.log2(np.maximum(position, 1)), len(shares) - 1)
        below = np.floor(level).astype(np.int64)
        above = np.minimum(below + 1, len(shares) - 1)
        part = (level - below).astype(np.float32)[:, None]
        share = (1 - part) * shares[below] + part * shares[above]
        return np.asarray(1 / (1 - np.where((position > 0)[:, None], share, 0)), dtype=np.float32)

    def to_data(self) -> dict[str, Any]:
        """Plain JSON data."""
        data = {}
        for name, shares in self.shares.items():
            often = self.often[name]
            rare = float(often.min())
            listed = _listed(np.where(often > rare, often, 0))
            data[name] = {"levels": [_listed(each) for each in shares], "often": listed, "rare": rare}
        return data

    @classmethod
    def from_data(cls, data: Any, categories: Mapping[str, int]) -> Self:
        """Read what :meth:`to_data` wrote, of columns with so many categories. Raises :class:`.FieldError`."""
        check_fields({"overdue": data}, {"overdue": each_of(_COLUMN)}, "it")
        shares, often = {}, {}
        for name, column in data.items():
            if name not in categories:
                raise FieldError(f"{name!r}, of which is said who has had it, is no column that comes once")
            *levels, ever = (_unlisted(each, name, categories[name]) for each in (*column["levels"], column["often"]))
            shares[name] = np.minimum(np.stack(levels), MAX_SHARE).astype(np.float32)
            often[name] = np.where(ever > 0, ever, column["rare"])
            if not shares[name].any() or not often[name].all():
                raise FieldError(f"it has values of {name!r} that nobody has had")
        return cls(shares, often)


def _listed(shares: np.ndarray) -> dict[str, list[Any]]:
    """Shares above 0, as plain JSON data."""
    some = np.flatnonzero(shares)
    return {"values": some.tolist(), "shares": shares[some].tolist()}


def _unlisted(data: Mapping[str, list[Any]], name: str, categories: int) -> np.ndarray:
    """float64[categories]: the shares of a column that :func:`_listed` gave."""
    if len(data["values"]) != len(data["shares"]) or max(data["values"], default=0) >= categories:
        raise FieldError(f"it has other values of {name!r} than shares, or some that are none")
    shares = np.zeros(categories)
    shares[data["values"]] = data["shares"]
    return shares
