"""What the latest events of a history were like, as one of a few kinds.

Two events before an event are given as they were. But one who looks at old horror films does so for twenty of them, and
then at others: the mean over about the latest ten events tells more of the next one than these two and the user's own
mean (explained variance of "is a horror film" in MovieLens: .06 of the two, .11 with it). Of all columns together it is
given as the nearest of a few dozen means: an exponentially weighted moving average, quantized by k-means.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.signal import lfilter
from typing_extensions import Self

from tabular.plain_json import TEXT, FieldError, check_fields, list_of, object_of, real, whole
from tabular.relations.log import EventLog

from .clusters import clusters, nearest
from .users import CATEGORIES, MORE_EVENTS, USERS_PER_KIND

__all__ = ["Latest", "Trail"]

#: What an event counts in the mean after one more, and kinds at most. Of .5, .8, .9, .95 and .99 the third tells most.
DECAY, MAX_KINDS = 0.9, 64
#: Events of a kind at least, of :data:`USERS_PER_KIND` users, and by how many events kinds are found.
EVENTS_PER_KIND, LOOKED_AT = 300, 20_000
#: A mean counts where its correlation with the next event is so many standard errors above none.
ERRORS = 3.0

Arrays = Mapping[str, np.ndarray]
_COLUMN = object_of({"name": TEXT, "codes": list_of(whole(0)), "all": list_of(real()), "weight": list_of(real(0))})


@dataclass(frozen=True)
class Trail:
    """Weighted sums over the events so far; arrays have one row per history.

    Attributes:
        sums: float64[histories, measures].
        known: float64[histories, columns]: the weights of the events that have a value.
    """

    sums: np.ndarray
    known: np.ndarray


@dataclass(frozen=True)
class _Measure:
    """What is averaged of a column.

    Attributes:
        codes: the categories whose shares are; empty of a number.
        all: of all events: the mean of a number, or the shares.
        weight: what each of the measures is multiplied by.
    """

    name: str
    codes: tuple[int, ...]
    all: tuple[float, ...]
    weight: tuple[float, ...]

    def of_events(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(float64[events, measures], bool[events]): what each event adds, 0 where it has no value."""
        if self.codes:
            return (values[:, None] == np.array(self.codes)).astype(np.float64), values >= 0
        known = ~np.isnan(values)
        return np.where(known, values - self.all[0], 0.0)[:, None], known

    def mean(self, sums: np.ndarray, known: np.ndarray) -> np.ndarray:
        """float64[histories, measures], not weighted; of shares their square roots."""
        if not self.codes:
            return sums / (known + MORE_EVENTS)[:, None]
        usual = np.array(self.all)
        shares = (sums + MORE_EVENTS * usual) / (known + MORE_EVENTS)[:, None]
        return np.asarray(np.sqrt(shares) - np.sqrt(usual))


@dataclass(frozen=True)
class Latest:
    """The kinds of latest events.

    Attributes:
        measures: of its columns.
        centers: float64[kinds, measures], the mean of each kind.
    """

    measures: tuple[_Measure, ...]
    centers: np.ndarray

    @classmethod
    def of(cls, log: EventLog, columns: Collection[str]) -> Self | None:
        """The kinds by ``columns`` of events; ``None`` where their means tell nothing of the next event."""
        after = np.flatnonzero(log.position > 0)
        if not columns or len(after) < 2 * EVENTS_PER_KIND:
            return None
        plain = cls(tuple(_unweighted(log, name) for name in columns), np.empty((0, 0)))
        trail = plain.before(log, after)
        measures = tuple(
            _weighted(measure, means, log.arrays[measure.name][after])
            for measure, means in zip(plain.measures, plain._means(trail), strict=True)
        )
        points = cls(measures, plain.centers)._points(trail)
        step = -(-len(after) // LOOKED_AT)
        some, user = points[::step], log.user[after[::step]]

        def enough(kinds: np.ndarray, count: int) -> np.ndarray:
            users = np.unique(np.stack([kinds, user], axis=1), axis=0)[:, 0]
            sizes = np.bincount(kinds, minlength=count) * step / EVENTS_PER_KIND
            return np.minimum(sizes, np.bincount(users, minlength=count) / USERS_PER_KIND)

        centers = clusters(some, min(MAX_KINDS, len(after) // EVENTS_PER_KIND), enough)
        return None if centers is None else cls(measures, centers)

    def none(self, histories: int) -> Trail:
        """Of histories without an event."""
        return Trail(
            np.zeros((histories, sum(len(m.all) for m in self.measures))), np.zeros((histories, len(self.measures)))
        )

    def before(self, log: EventLog, rows: np.ndarray) -> Trail:
        """Before each of ``rows``, int64[some], of a log."""
        sums, weights = [], []
        ago = DECAY ** log.position[rows]
        first = log.first[log.user[rows]]

        def summed(values: np.ndarray) -> np.ndarray:
            # Over the whole log, without what the events of the users before would still count.
            over = lfilter([0.0, 1.0], [1.0, -DECAY], values, axis=0)
            return np.asarray(over[rows] - over[first] * ago.reshape(-1, *(1,) * (over.ndim - 1)))

        for measure in self.measures:
            values, known = measure.of_events(log.arrays[measure.name])
            sums.append(summed(values))
            weights.append(summed(known.astype(np.float64)))
        return Trail(np.concatenate(sums, axis=1), np.stack(weights, axis=1))

    def after(self, trail: Trail, event: Arrays, on: int) -> Trail:
        """Behind an ``event``, of the first ``on`` histories, which go on."""
        added = [measure.of_events(event[measure.name][:on]) for measure in self.measures]
        return Trail(
            DECAY * trail.sums[:on] + np.concatenate([values for values, _ in added], axis=1),
            DECAY * trail.known[:on] + np.stack([known for _, known in added], axis=1),
        )

    def kind(self, trail: Trail) -> np.ndarray:
        """int32[histories]: the kind of the latest events; -1 where there is none."""
        return np.where(trail.known.max(axis=1) > 0, nearest(self._points(trail), self.centers), -1).astype(np.int32)

    def _means(self, trail: Trail) -> list[np.ndarray]:
        ends = np.cumsum([len(measure.all) for measure in self.measures])
        parts = np.split(trail.sums, ends[:-1], axis=1)
        return [m.mean(sums, known) for m, sums, known in zip(self.measures, parts, trail.known.T, strict=True)]

    def _points(self, trail: Trail) -> np.ndarray:
        weight = np.concatenate([measure.weight for measure in self.measures])
        return np.asarray(np.concatenate(self._means(trail), axis=1) * weight)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {"columns": [dict(vars(measure)) for measure in self.measures], "centers": self.centers.tolist()}

    @classmethod
    def from_dict(cls, data: Any, columns: Collection[str]) -> Self:
        """Read what :meth:`to_dict` wrote of ``columns``. Raises :class:`.FieldError` if it is not."""
        check_fields(
            data, {"columns": list_of(_COLUMN, 1), "centers": list_of(list_of(real()), 2)}, "kinds of latest events"
        )
        measures = []
        for each in data["columns"]:
            if each["name"] not in columns or {len(each["all"]), len(each["weight"])} != {len(each["codes"]) or 1}:
                raise FieldError(f"kinds of latest events measure {each['name']!r} in no way that it can be")
            measures.append(_Measure(each["name"], *(tuple(each[name]) for name in ("codes", "all", "weight"))))
        if {len(center) for center in data["centers"]} != {sum(len(measure.all) for measure in measures)}:
            raise FieldError("kinds of latest events have centers that do not go with what is measured")
        return cls(tuple(measures), np.array(data["centers"], np.float64))


def _unweighted(log: EventLog, name: str) -> _Measure:
    """What is averaged of a column, all with a weight of one."""
    column, values = log.schema[name], log.arrays[name]
    if column.is_numeric:
        return _Measure(name, (), (float(np.nanmean(values)),), (1.0,))
    counts = np.bincount(values[values >= 0], minlength=len(column.categories))
    codes = np.argsort(-counts, kind="stable")[:CATEGORIES]
    shares = counts[codes] / max(counts.sum(), 1)
    return _Measure(name, tuple(codes.tolist()), tuple(shares.tolist()), (1.0,) * len(codes))


def _weighted(measure: _Measure, means: np.ndarray, values: np.ndarray) -> _Measure:
    """``measure`` whose means, float64[events, measures], count as much as they tell of the ``values`` of the event."""
    now, known = measure.of_events(values)
    now, means = now[known], means[known]
    now, means = now - now.mean(axis=0), means - means.mean(axis=0)
    spread = np.sqrt((means**2).mean(axis=0))
    size = spread * np.sqrt((now**2).mean(axis=0))
    tells = np.divide((now * means).mean(axis=0), size, out=np.zeros(len(size)), where=size > 0)
    tells = np.where(tells * np.sqrt(len(now)) < ERRORS, 0.0, tells)
    weight = np.divide(tells, spread, out=np.zeros(len(size)), where=spread > 0)
    return _Measure(measure.name, measure.codes, measure.all, tuple(weight.tolist()))
