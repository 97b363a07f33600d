"""The plainest constants that explain rounded cells: ``1.8`` and ``32``, ``1 / 3``; and sums as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from ..sample import Numbers, written
from .equations import LEAST_VALUES

__all__ = ["fine", "fitting_constant", "near_factors", "near_vectors", "sum_text"]

#: A factor has at most so many significant digits, or one of these denominators.
_DIGITS = 7
_DENOMINATORS = (3, 6, 7, 9, 11, 12, 13, 15, 24, 30, 52, 60, 365)
#: Numbers with so few digits are plainer than fractions.
_PLAIN_DIGITS = 3


def near_factors(slope: float) -> Iterator[tuple[str, float]]:
    """Plain numbers near ``slope``: their text and value, the plainest first."""
    for texts, factors in near_vectors(np.array([slope]), _PLAIN_DIGITS):
        yield texts[0], float(factors[0])


def near_vectors(slopes: np.ndarray, plain_digits: int = 2) -> Iterator[tuple[list[str], np.ndarray]]:
    """Plain numbers near ``slopes``, none of them 0: texts and values, the plainest first.

    Args:
        plain_digits: numbers with so many digits come before fractions.
    """
    seen = set()
    for digits in range(1, _DIGITS):
        if digits == plain_digits + 1:
            yield from _near_fractions(slopes)
        factors = np.array([float(f"{slope:.{digits}g}") for slope in slopes])
        if factors.all() and tuple(factors) not in seen:
            seen.add(tuple(factors))
            yield [written(factor) for factor in factors.tolist()], factors


def _near_fractions(slopes: np.ndarray) -> Iterator[tuple[list[str], np.ndarray]]:
    for denominator in _DENOMINATORS:
        tops = np.rint(slopes * denominator)
        if tops.all() and (np.abs(tops) <= 30).all() and (np.abs(tops / denominator / slopes - 1) < 0.01).all():
            fractions = [Fraction(int(top), denominator) for top in tops.tolist()]
            texts = [
                str(fraction.numerator)
                if fraction.denominator == 1
                else f"{fraction.numerator} / {fraction.denominator}"
                for fraction in fractions
            ]
            yield texts, tops / denominator


def fitting_constant(numbers: Numbers, target: int, rest: np.ndarray, scale: float) -> float | None:
    """The plainest constant that is ``rest`` in every row, after rounding; ``None`` if there is none."""
    slack = numbers.tolerance[target] * (1 - 1e-9) + 1e-10 * scale
    low, high = float(rest.max()) - slack, float(rest.min()) + slack
    if low > high:
        return None
    if low <= 0 <= high:
        return 0.0
    for decimals in range(-12, 13):
        constant = round((low + high) / 2, decimals)
        if low <= constant <= high:
            return float(constant)
    return None


def fine(numbers: Numbers, target: int) -> bool:
    """Whether a column has so many digits that rounding explains little of it."""
    values = numbers.values[:, target]
    spread = np.nanmax(values) - np.nanmin(values)
    return bool(numbers.distinct[target] >= 2 * LEAST_VALUES and spread >= 40 * numbers.tolerance[target])


def sum_text(terms: Sequence[tuple[str, float, str]], constant: float) -> str:
    """A sum as text: what is added first, ``m - k * a`` where nothing is."""
    parts = [("+" if factor > 0 else "-", _multiple(text.lstrip("-"), name)) for text, factor, name in terms]
    if constant:
        parts.append(("+" if constant > 0 else "-", written(abs(constant))))
    parts.sort(key=lambda part: part[0] == "-")
    (sign, first), rest = parts[0], parts[1:]
    return ("-" if sign == "-" else "") + first + "".join(f" {sign} {part}" for sign, part in rest)


def _multiple(factor: str, name: str) -> str:
    if factor == "1":
        return name
    if factor.startswith("1 / "):
        return f"{name} / {factor[4:]}"
    return f"{factor} * {name}"
