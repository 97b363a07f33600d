"""All equations of a table, without those that others imply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ...language.syntax import quoted
from ..sample import Sample
from .equations import Equation, find_equations
from .factors import find_factors
from .lines import find_lines
from .sums import find_sums

__all__ = ["copies", "find_arithmetic", "implied_orderings"]


def find_arithmetic(sample: Sample) -> list[Equation]:
    """Equations between numbers and dates, each relation once."""
    if len(sample.numbers.names) < 2:
        return []
    lines = find_lines(sample)
    tied = {frozenset((line.left, *line.columns)) for line in lines}
    pairs = [
        equation
        for equation in find_equations(sample, copies(lines))
        if equation.family != "rounding" or frozenset((equation.left, *equation.columns)) not in tied
    ]
    lefts = frozenset(equation.left for equation in (*lines, *pairs) if equation.terms and equation.exact)
    computed = {equation.left for equation in (*lines, *pairs)}
    found = sorted(
        [*lines, *pairs, *find_sums(sample, lefts), *find_factors(sample, computed)],
        key=lambda equation: (not equation.exact, equation.family != "line", len(equation.columns), equation.rank),
    )
    return _independent(found, sample.numbers.names)


def copies(equations: Iterable[Equation]) -> frozenset[str]:
    """Columns that another one equals in every row."""
    return frozenset(equation.left for equation in equations if equation.exact and equation.is_copy)


def _independent(found: Sequence[Equation], names: Sequence[str]) -> list[Equation]:
    """Without what follows from the equations before it: by adding them, or by multiplying them."""
    sums, products = _Span(names), _Span(names)
    kept: list[Equation] = []
    for equation in found:
        if any(_covers(other, equation) for other in kept):
            continue
        if factors := _factors(equation):
            new = products.takes({equation.left: 1.0, **{name: -power for name, power in factors.items()}})
            new = (not equation.terms or sums.takes(_row(equation))) and new
        else:
            new = not equation.terms or sums.takes(_row(equation))
        if new:
            kept.append(equation)
    return kept


def _covers(known: Equation, new: Equation) -> bool:
    """Whether ``new`` adds nothing to ``known``: it computes the same from more, or is a rounded part of it."""
    if known.left == new.left and set(known.columns) <= set(new.columns):
        return True
    return known.exact and not new.exact and {new.left, *new.columns} <= {known.left, *known.columns}


def _row(equation: Equation) -> dict[str, float]:
    return {equation.left: 1.0, **{name: -factor for name, factor in equation.terms}}


def _factors(equation: Equation) -> dict[str, float]:
    """The powers of the columns that the right side multiplies, constants apart; empty if it is no product."""
    if equation.family == "line":
        (name,) = equation.columns
        return {} if dict(equation.terms)[""] else {name: 1.0}
    if equation.family not in ("product", "percentage"):
        return {}
    first, second = equation.columns
    return {first: 1.0, second: 1.0 if " / 100" in equation.text or " / " not in equation.text else -1.0}


class _Span:
    """The equations that follow from those it has taken, as an orthonormal basis of their coefficients."""

    def __init__(self, names: Sequence[str]) -> None:
        self.places = {name: index for index, name in enumerate((*names, ""))}
        self.basis = np.zeros((0, len(self.places)))

    def takes(self, factors: Mapping[str, float]) -> bool:
        """Whether the equation is new; it is added."""
        row = np.zeros(len(self.places))
        for name, factor in factors.items():
            row[self.places[name]] += factor
        row /= np.linalg.norm(row)
        row -= self.basis.T @ (self.basis @ row)
        size = np.linalg.norm(row)
        if size < 1e-6:
            return False
        self.basis = np.vstack([self.basis, row / size])
        return True


def implied_orderings(sample: Sample, equations: Sequence[Equation]) -> list[tuple[str, str]]:
    """Pairs of columns whose ordering an equation implies, or that have two units: a part of a sum, a factor."""
    lowest = {name: sample.schema[name].minimum for name in sample.numbers.names}

    def least(name: str) -> float:
        low = lowest[name]
        return low if low is not None else float(np.nanmin(sample.numbers.values[:, sample.numbers.names.index(name)]))

    # A month and a week of one date are in no order.
    parts = [equation for equation in equations if equation.family == "calendar"]
    found = [(a.left, b.left) for a in parts for b in parts if a is not b and a.columns == b.columns]
    for equation in equations:
        columns = equation.columns
        if equation.family in ("line", "calendar", "rounding"):
            found.append((columns[0], equation.left))
        elif equation.family == "sum" and all(factor >= 0 for _, factor in equation.terms):
            found += [
                (part, equation.left)
                for part, factor in equation.terms
                if part and factor >= 1 and all(least(other) >= 0 for other in columns)
            ]
        elif equation.text == " - ".join(map(quoted, columns)):
            if least(columns[1]) >= 0:
                found.append((equation.left, columns[0]))
            if least(equation.left) >= 0:
                found.append((columns[1], columns[0]))
        elif equation.family in (
            "product",
            "percentage",
            "discount",
            "factors",
        ):  # of another unit than what it is computed from
            found += [(column, equation.left) for column in columns]
    return found
