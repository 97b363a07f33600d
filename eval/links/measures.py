"""Distances between two sides of a key: 0 where they do not differ."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tabular.links.similarity import similarity_of_numbers, similarity_of_values
from tabular.schema import Column

from ..sequences.measures import ks_distance
from .families import Families

__all__ = ["QUESTIONS", "Bins", "distances", "joint_counts", "likeness", "states_of_children", "states_of_parents"]

#: The questions, in the order in which they are shown.
QUESTIONS = ("cardinality", "parent and child", "siblings")
#: Columns of the parent and of the child that are set against each other.
MAX_COLUMNS = 12
#: Tenths of a number, and categories, that are distinguished.
TENTHS, MAX_CATEGORIES = 10, 20

Measured = tuple[str, str, float | None]


class Bins:
    """Values of a column as states: equal parts of the real numbers or the first categories; the last is missing."""

    def __init__(
        self, column: Column, real: np.ndarray, *, parts: int = TENTHS, categories: int = MAX_CATEGORIES
    ) -> None:
        self.edges = None
        if column.is_numeric:
            known = real[~np.isnan(real)]
            self.edges = np.unique(np.quantile(known, np.arange(1, parts) / parts)) if len(known) else np.zeros(0)
            self.width = len(self.edges) + 2
        else:
            self.width = min(len(column.categories), categories) + 2

    def of(self, values: np.ndarray) -> np.ndarray:
        """int64[rows], below ``width``."""
        if self.edges is not None:
            return np.where(np.isnan(values), self.width - 1, np.searchsorted(self.edges, values, side="right"))
        return np.where(values < 0, self.width - 1, np.minimum(values, self.width - 2)).astype(np.int64)


def distances(real: Families, other: Families, bins: dict[tuple[str, str], Bins]) -> Iterator[Measured]:
    """(question, name, distance) of every figure; ``None`` where one of the sides has nothing to compare.

    Args:
        bins: (``parent`` or ``child``, column) -> its states.
    """
    yield "cardinality", "children of a parent", ks_distance(real.counts, other.counts)
    parents, children = real.parent_schema.names[:MAX_COLUMNS], real.child_schema.names[:MAX_COLUMNS]
    sides = (real, other)
    above = {name: [states_of_parents(side, name, bins["parent", name]) for side in sides] for name in parents}
    below = {name: [states_of_children(side, name, bins["child", name]) for side in sides] for name in children}
    for first in parents:
        for second in children:
            widths = bins["parent", first].width, bins["child", second].width
            both = zip(above[first], below[second], strict=True)
            yield "parent and child", f"{first}, {second}", _variation(*(joint_counts(*side, *widths) for side in both))
    for name in children:
        found = [likeness(side, name) for side in sides]
        difference = None if found[0] is None or found[1] is None else abs(found[0] - found[1])
        yield "siblings", name, difference


def states_of_parents(side: Families, name: str, bins: Bins) -> np.ndarray:
    """int64[children with a parent]: the state of their parent's column."""
    return bins.of(side.parents[name])[side.owner[side.owner >= 0]]


def states_of_children(side: Families, name: str, bins: Bins) -> np.ndarray:
    """int64[children with a parent]: the state of their own column."""
    return bins.of(side.children[name][side.owner >= 0])


def joint_counts(above: np.ndarray, below: np.ndarray, first: int, second: int) -> np.ndarray:
    """int64[first * second]: how many children have each pair of states, of so many of the parent and of their own."""
    return np.bincount(above * second + below, minlength=first * second)


def _variation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Total variation distance of two distributions, given as counts."""
    if not first.sum() or not second.sum():
        return None
    return float(np.abs(first / first.sum() - second / second.sum()).sum() / 2)


def likeness(side: Families, name: str) -> float | None:
    """How alike children of one parent are in a column: about 0 as any two children, 1 where they are the same."""
    values = side.children[name]
    measure = similarity_of_numbers if side.child_schema[name].is_numeric else similarity_of_values
    return measure(values, side.owner)
