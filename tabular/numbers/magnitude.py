"""Numbers near the ends of float64: their sums, squares and differences have no float64 of their own."""

from __future__ import annotations

import numpy as np

__all__ = ["between", "unit_of"]

#: Within 2 ** +-FARTHEST a square, and a sum of as many as there may be, is a float64.
FARTHEST = 400


def unit_of(values: np.ndarray) -> float:
    """A power of two that brings ``values`` (finite) to the size of 1 without rounding; 1 for the usual magnitudes."""
    exponent = int(np.frexp(np.abs(values).max(initial=0.0))[1])
    return 1.0 if abs(exponent) <= FARTHEST else float(np.ldexp(1.0, max(exponent - 1, -1074)))


def between(left: np.ndarray, right: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """``left + (right - left) * share`` for ``fraction`` in 0..1, also where ``right - left`` is no float64."""
    with np.errstate(over="ignore", invalid="ignore"):
        reach = right - left
        return np.where(np.isfinite(reach), left + reach * fraction, left * (1 - fraction) + right * fraction)
