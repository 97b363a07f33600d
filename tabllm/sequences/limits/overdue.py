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
_LEVEL = object_of({"values": list_of(whole(0)), "shares": list_of(real(0, MAX_SHARE))})


@dataclass(frozen=True)
class Overdue:
    """How many histories have had each value.

    Attributes:
        shares: column -> float32[levels, categories]: of the histories that go on after 1, 2, 4, 8, ... events, the
            share that has had it.
    """

    shares: Mapping[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, log: EventLog, columns: Collection[str]) -> Self:
        """Those of ``columns`` of a log, in which no history has a value twice."""
        shares = {}
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
        return cls(shares)

    def weights(self, name: str, position: np.ndarray) -> np.ndarray:
        """float32[events, categories]: how much likelier each value is where it has not come, after so many events."""
        shares = self.shares[name]
        level = np.minimum(np.log2(np.maximum(position, 1)), len(shares) - 1)
        below = np.floor(level).astype(np.int64)
        above = np.minimum(below + 1, len(shares) - 1)
        part = (level - below).astype(np.float32)[:, None]
        share = (1 - part) * shares[below] + part * shares[above]
        return np.asarray(1 / (1 - np.where((position > 0)[:, None], share, 0)), dtype=np.float32)

    def often(self, name: str) -> np.ndarray:
        """float64[categories]: how often each value comes, about, and up to a factor."""
        mean = self.shares[name].mean(axis=0, dtype=np.float64)
        return np.maximum(mean, mean[mean > 0].min() / 2)

    def to_data(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            name: [
                {"values": (some := np.flatnonzero(each)).tolist(), "shares": each[some].tolist()} for each in shares
            ]
            for name, shares in self.shares.items()
        }

    @classmethod
    def from_data(cls, data: Any, categories: Mapping[str, int]) -> Self:
        """Read what :meth:`to_data` wrote, of columns with so many categories. Raises :class:`.FieldError`."""
        check_fields({"overdue": data}, {"overdue": each_of(list_of(_LEVEL, 1))}, "it")
        found = {}
        for name, levels in data.items():
            if name not in categories:
                raise FieldError(f"{name!r}, of which is said who has had it, is no column that comes once")
            shares = np.zeros((len(levels), categories[name]), np.float32)
            for share, level in zip(shares, levels, strict=True):
                if len(level["values"]) != len(level["shares"]) or max(level["values"], default=0) >= len(share):
                    raise FieldError(f"it has other values of {name!r} than shares, or some that are none")
                share[level["values"]] = level["shares"]
            if not shares.any():
                raise FieldError(f"it has nothing that anybody has had of {name!r}")
            found[name] = shares
        return cls(found)
