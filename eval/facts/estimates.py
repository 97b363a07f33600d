"""A measured figure with its interval, and the intervals of shares."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from .plain_data import finite

__all__ = ["Estimate", "clopper_pearson", "share_difference", "share_estimate", "wilson_interval"]


@dataclass(frozen=True)
class Estimate:
    """A figure and the interval that holds it with 95 % confidence, unless its owner names another level."""

    value: float | None
    low: float | None = None
    high: float | None = None


def wilson_interval(fraction: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's (1927) 95 % interval of a fraction of ``n`` trials; it never leaves 0 to 1."""
    centre = (fraction + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(fraction * (1 - fraction) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))


def share_estimate(fraction: float, n: int, level: float = 0.95) -> Estimate:
    """``fraction`` of ``n`` trials with Wilson's interval at ``level``."""
    return Estimate(finite(fraction), *wilson_interval(fraction, n, NormalDist().inv_cdf((1 + level) / 2)))


def share_difference(first: Estimate, second: Estimate) -> Estimate:
    """``first - second`` of two independent shares, with Newcombe's (1998, method 10) interval at their level.

    It is made from the Wilson intervals of both, so it keeps its level where a share is near 0, as the
    fractions of attacks are.
    """
    values = (first.value, first.low, first.high, second.value, second.low, second.high)
    if any(value is None for value in values):
        return Estimate(None)
    p, low_p, high_p, q, low_q, high_q = (float(value) for value in values if value is not None)
    return Estimate(
        p - q,
        float(p - q - np.hypot(p - low_p, high_q - q)),
        float(p - q + np.hypot(high_p - p, q - low_q)),
    )


def clopper_pearson(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The exact two-sided interval of Clopper and Pearson (1934) of the chance behind ``hits`` of ``n`` trials."""
    from scipy.stats import beta

    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, n - hits + 1))
    high = 1.0 if hits == n else float(beta.ppf(1 - tail, hits + 1, n - hits))
    return low, high
