"""Kinds of users: who has like events in all of them, whatever his means and most frequent values are.

What a user's events have in common is more than that: one rates everything three or four, another one or five, and both
have a mean of three; one sees comedies half of the time, another nothing else. An event is given the kind of its user,
and of users the kinds are learned beside their other columns. A kind has many users, so that it names none.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from typing_extensions import Self

from tabular.plain_json import TEXT, FieldError, check_fields, list_of, object_of, real, whole
from tabular.relations.log import EventLog

__all__ = ["Kinds"]

#: Users of a kind at least, and so many kinds at most.
USERS_PER_KIND, MAX_KINDS = 20, 64
#: How often users are parted into kinds, again by what is left when the means of the former kinds are taken away, where
#: half of them have so many events: in 2,000 histories of three purchases on average more than one level is chance.
LEVELS, MANY_EVENTS = 3, 20
#: A user's mean, spread and shares are taken as if he had so many events more, as all users together have them.
MORE_EVENTS = 4.0
#: The most frequent categories of a column whose shares are looked at, and how much all of these count beside a mean.
CATEGORIES, WEIGHT = 20, 1.5
#: How reliable a measure must be to count at all: users of two or three events have little in common but by chance.
MIN_AGREEMENT = 0.3
#: How often the search for the kinds begins anew; the best one counts. Of more users than these it sees so many.
BEGINNINGS, MAX_POINTS = 4, 50_000

_COLUMN = object_of({"name": TEXT, "codes": list_of(whole(0)), "all": list_of(real()), "weight": list_of(real(0))})


@dataclass(frozen=True)
class _Measure:
    """What is measured of a column.

    Attributes:
        codes: the categories whose shares are; empty of a number.
        all: of all users together: the mean and the spread of a number, or the shares.
        weight: what each of the measures is multiplied by.
    """

    name: str
    codes: tuple[int, ...]
    all: tuple[float, ...]
    weight: tuple[float, ...]

    @classmethod
    def of(cls, log: EventLog, name: str) -> Self:
        """Measures that count as much as they differ between users, and agree between two halves of a user's events."""
        column, values = log.schema[name], log.arrays[name]
        alike = 1.0 / log.counts[log.user]
        if column.is_numeric:
            known = ~np.isnan(values)
            mean = float(np.average(values[known], weights=alike[known]))
            spread = float(np.sqrt(np.average((values[known] - mean) ** 2, weights=alike[known])))
            plain = cls(name, (), (mean, spread), (1.0, 1.0))
        else:
            known = values >= 0
            shares = np.bincount(values[known], alike[known], len(column.categories)) / (
                float(alike[known].sum()) or 1.0
            )
            codes = np.argsort(-shares, kind="stable")[:CATEGORIES]
            plain = cls(name, tuple(codes.tolist()), tuple(shares[codes].tolist()), (1.0,) * len(codes))
        found = plain.measured(log)
        squares = (found**2).mean(axis=0)
        size = np.full(len(squares), np.sqrt(squares.sum()) / WEIGHT) if plain.codes else np.sqrt(squares)
        odd = log.position % 2 == 1
        agree = _agreement(plain.measured(log, odd), plain.measured(log, ~odd))
        return replace(plain, weight=tuple(np.divide(agree, size, out=np.zeros(len(size)), where=size > 0).tolist()))

    def measured(self, log: EventLog, rows: np.ndarray | None = None) -> np.ndarray:
        """float64[users, measures], of the events of all ``rows``, bool[events], that have a value."""
        values, users, total = log.arrays[self.name], len(log.first), np.array(self.all)
        known = values >= 0 if self.codes else ~np.isnan(values)
        of = np.flatnonzero(known if rows is None else known & rows)
        user, values = log.user[of], values[of]
        more = np.bincount(user, minlength=users) + MORE_EVENTS
        if self.codes:
            sums = np.stack([np.bincount(user[values == code], minlength=users) for code in self.codes], axis=1)
            shares = (sums + MORE_EVENTS * total) / more[:, None]
            return np.asarray((np.sqrt(shares) - np.sqrt(total)) * self.weight)
        away = values - total[0]
        mean = np.bincount(user, away, users) / more
        squares = np.bincount(user, (away - mean[user]) ** 2, users)
        spread = np.sqrt((squares + MORE_EVENTS * total[1] ** 2) / more)
        return np.asarray(np.stack([mean, spread - total[1]], axis=1) * self.weight)


def _agreement(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """float64[measures], 0 to 1: how reliable measures are that two halves give (Spearman-Brown formula)."""
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    size = np.sqrt((one**2).sum(axis=0) * (other**2).sum(axis=0))
    alike = np.divide((one * other).sum(axis=0), size, out=np.zeros(len(size)), where=size > 0).clip(0, 1)
    found = 2 * alike / (1 + alike)
    return np.where(found < MIN_AGREEMENT, 0.0, found)


@dataclass(frozen=True)
class Kinds:
    """The kinds of users of a log: residual vector quantization.

    Attributes:
        measures: of its columns.
        centers: of each level float64[kinds, measures], the mean of each kind: at first of what is measured of its
            users, then of what is left when the means of their former kinds are taken away.
    """

    measures: tuple[_Measure, ...]
    centers: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, log: EventLog, columns: Collection[str]) -> Self | None:
        """The kinds by ``columns`` of events, by k-means; ``None`` where there are too few users for two."""
        if len(log.first) < 2 * USERS_PER_KIND or not columns:
            return None
        measures = tuple(_Measure.of(log, name) for name in columns)
        centers: list[np.ndarray] = []
        points = cls(measures, ())._measured(log)
        levels = LEVELS if np.median(log.counts) >= MANY_EVENTS else 1
        while len(centers) < levels and (found := _clusters(points)) is not None:
            centers.append(found)
            points = points - found[_nearest(points, found)]
        return cls(measures, tuple(centers)) if centers else None

    def assign(self, log: EventLog) -> list[np.ndarray]:
        """int32[users] of each level: the kinds of every user of ``log``, some of whose values may be missing."""
        points, found = self._measured(log), []
        for centers in self.centers:
            found.append(_nearest(points, centers))
            points = points - centers[found[-1]]
        return found

    def _measured(self, log: EventLog) -> np.ndarray:
        return np.concatenate([measure.measured(log) for measure in self.measures], axis=1)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        columns = [dict(vars(measure)) for measure in self.measures]
        return {"columns": columns, "centers": [centers.tolist() for centers in self.centers]}

    @classmethod
    def from_dict(cls, data: Any, columns: Collection[str]) -> Self:
        """Read what :meth:`to_dict` wrote of ``columns``. Raises :class:`.FieldError` if it is not."""
        centers = list_of(list_of(list_of(real()), 2), 1)
        check_fields(data, {"columns": list_of(_COLUMN, 1), "centers": centers}, "kinds of users")
        measures = []
        for each in data["columns"]:
            sizes = {len(each["all"]), len(each["weight"])}
            if each["name"] not in columns or sizes != {len(each["codes"]) or 2}:
                raise FieldError(f"kinds of users measure {each['name']!r} in no way that it can be")
            measures.append(_Measure(each["name"], *(tuple(each[name]) for name in ("codes", "all", "weight"))))
        sizes = {len(center) for centers in data["centers"] for center in centers}
        if sizes != {sum(len(measure.all) for measure in measures)}:
            raise FieldError("kinds of users have centers that do not go with what is measured")
        return cls(tuple(measures), tuple(np.array(centers, np.float64) for centers in data["centers"]))


def _clusters(points: np.ndarray) -> np.ndarray | None:
    """float64[kinds, measures]: the centers of k-means, none of fewer than :data:`USERS_PER_KIND` of the points.

    The search begins with more kinds than there can be. While one has too few users the smallest is given up, and the
    others are moved.
    """
    from sklearn.cluster import KMeans  # for fits alone: what samples of a run does not wait for it

    if len(points) > MAX_POINTS:
        points = points[np.random.default_rng(0).choice(len(points), MAX_POINTS, replace=False)]
    count = min(2 * len(points) // USERS_PER_KIND, MAX_KINDS, len(np.unique(points, axis=0)))
    found = KMeans(count, n_init=BEGINNINGS, random_state=0).fit(points)
    while count > 1:
        centers = found.cluster_centers_
        members = np.bincount(_nearest(points, centers), minlength=count)
        if members.min() >= USERS_PER_KIND:
            return np.asarray(centers, dtype=np.float64)
        centers, count = np.delete(centers, members.argmin(), axis=0), count - 1
        found = KMeans(count, init=centers, n_init=1).fit(points)
    return None


def _nearest(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """int32[users]: the nearest of ``centers``."""
    away = (centers**2).sum(axis=1) - 2 * points @ centers.T
    return np.asarray(away.argmin(axis=1), dtype=np.int32)
