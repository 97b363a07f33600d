"""Rows that belong to one person although no column names the person: attributes that are the same in all of them.

A survey in which everybody answers for several scenarios, a log with the user's age, city and device in every row:
a combination of attributes repeats there far more often than the columns by themselves explain. A model learns such
people by heart, and rows held out at random do not show it, because their person was learned from other rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["People", "find_people"]

#: Rows whose nearest row is searched, and the rows it is searched among.
QUERIES, MAX_ROWS = 120, 100_000
#: A column describes the person if nearest rows agree in it so often.
AGREEMENT = 0.9
#: A column whose removal joins so large a fraction of the groups varies within a person.
JOINED = 0.1
#: Rows are alike that agree in this fraction of the columns that describe the person.
NEARLY = 0.8
#: Rows per person, on average, and people (the inverse of the probability that two rows are of one) at least.
MIN_REPEATS, MIN_PEOPLE = 3, 40
#: So many times as often as a tree of pairwise dependences explains must two rows agree in all columns of a person.
MIN_LIFT = 100
#: A person is identified by a combination: no single column has more values than this fraction of the number of people.
MAX_CARDINALITY = 0.5


@dataclass(frozen=True)
class People:
    """The people that the rows of a table belong to.

    Attributes:
        columns: the indices of the columns that are the same in all rows of a person.
        labels: int64[rows], the person of each row.
        count: how many people there are.
    """

    columns: tuple[int, ...]
    labels: np.ndarray
    count: int


def find_people(codes: np.ndarray, *, seed: int = 0) -> list[People]:
    """The groupings of the rows of a table that repeat: none in most tables, in a survey its people.

    A table of people and scenarios may have two: the scenarios, too, are combinations that repeat. The one with the
    most columns comes first.

    Args:
        codes: int[rows, columns], equal numbers for equal cells.
        seed: of the rows that are examined.
    """
    rows = len(codes)
    if rows < MIN_REPEATS * MIN_PEOPLE or codes.shape[1] < 3:
        return []
    rng = np.random.default_rng([seed, rows])
    part = codes if rows <= MAX_ROWS else codes[rng.choice(rows, MAX_ROWS, replace=False)]
    part = part[:, (part != part[0]).any(0)]
    varying = np.flatnonzero((codes != codes[0]).any(0))
    queries = part[rng.choice(len(part), min(QUERIES, len(part)), replace=False)]
    agree = _nearest_agreement(queries, part)
    found: list[People] = []
    for member in (np.ones(len(agree), bool), *_two_kinds(agree)):
        columns = np.flatnonzero(agree[member].mean(0) >= AGREEMENT)
        columns = _without_varying(part, _steady(queries[member], part, columns))
        people = _people(codes, varying[columns])
        if people is not None and all(set(people.columns).isdisjoint(other.columns) for other in found):
            found.append(people)
    return sorted(found, key=lambda people: -len(people.columns))


def _people(codes: np.ndarray, columns: np.ndarray) -> People | None:
    """The people that ``columns`` tell apart, if these rows are of people that repeat."""
    rows = len(codes)
    if len(columns) < 3:
        return None
    labels = _labels(codes, columns)
    sizes = np.bincount(labels)
    together = float((sizes * (sizes - 1.0)).sum() / (rows * (rows - 1.0)))
    # ``together``: the probability that two rows are of one person.
    if rows < MIN_REPEATS * len(sizes) or not 0 < together <= 1 / MIN_PEOPLE:
        return None
    _, first = np.unique(labels, return_index=True)
    one_each = np.stack([np.unique(column, return_inverse=True)[1].ravel() for column in codes[first][:, columns].T], 1)
    if one_each.max() + 1 > MAX_CARDINALITY * len(sizes) or together < MIN_LIFT * _tree_collision(one_each):
        return None
    return People(tuple(int(column) for column in columns), labels, len(sizes))


def _equal_cells(queries: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """int16[queries, rows]: in how many columns each query agrees with each row."""
    equal = np.zeros((len(queries), len(codes)), np.int16)
    for query, column in zip(queries.T, codes.T, strict=True):
        equal += query[:, None] == column[None, :]
    return equal


def _nearest_agreement(queries: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """bool[queries, columns]: where a row agrees with the row nearest to it, by equal cells, that is no copy of it."""
    equal = _equal_cells(queries, codes)
    equal[equal == codes.shape[1]] = -1
    return np.asarray(codes[equal.argmax(1)] == queries)


def _two_kinds(agree: np.ndarray) -> list[np.ndarray]:
    """bool[queries], twice: the rows whose nearest row agrees in the one set of columns, and in the other (2-means)."""
    points = agree.astype(np.float64)
    far = ((points - points.mean(0)) ** 2).sum(1).argmax()
    centres = points[[far, ((points - points[far]) ** 2).sum(1).argmax()]]
    nearer = np.zeros(len(points), bool)
    for _ in range(10):
        distance = ((points[:, None] - centres[None]) ** 2).sum(2)
        nearer = distance[:, 0] <= distance[:, 1]
        if nearer.all() or not nearer.any():
            return []
        centres = np.stack([points[nearer].mean(0), points[~nearer].mean(0)])
    return [nearer, ~nearer]


def _steady(queries: np.ndarray, codes: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """``columns`` without those that differ between rows that agree in nearly all of them."""
    while len(columns) >= 3:
        equal = _equal_cells(queries[:, columns], codes[:, columns])
        alike = equal >= NEARLY * len(columns)
        totals = np.maximum(alike.sum(1), 1)
        fractions = np.stack(
            [(alike & (queries[:, column, None] == codes[None, :, column])).sum(1) / totals for column in columns]
        )
        steady = fractions.mean(1) >= AGREEMENT
        if steady.all():
            break
        columns = np.delete(columns, int(fractions.mean(1).argmin()))
    return columns


def _without_varying(codes: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """``columns`` without those that tell rows of one person apart: dropping one joins many groups."""
    while len(columns) >= 3:
        groups = _labels(codes, columns).max() + 1
        left = [_labels(codes, np.delete(columns, index)).max() + 1 for index in range(len(columns))]
        if min(left) >= (1 - JOINED) * groups:
            break
        columns = np.delete(columns, int(np.argmin(left)))
    return columns


def _labels(codes: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """int64[rows], numbered from 0: equal for rows that agree in ``columns``."""
    labels = np.zeros(len(codes), np.int64)
    for column in columns:
        _, values = np.unique(codes[:, column], return_inverse=True)
        _, labels = np.unique(labels * (int(values.max()) + 1) + values.ravel(), return_inverse=True)
        labels = labels.ravel()
    return labels


def _tree_collision(codes: np.ndarray) -> float:
    """The probability that two draws agree in all columns, by the tree that explains most (Chow and Liu 1968).

    Pairs of columns that determine each other, such as a city and its country, are explained by it; a combination
    that only a person has is not.
    """
    width = codes.shape[1]
    sizes = codes.max(0) + 1
    joints = {}
    information = np.full((width, width), -1.0)
    for a in range(width):
        for b in range(width):
            if a == b:
                continue
            counts = np.bincount(codes[:, a] * sizes[b] + codes[:, b], minlength=sizes[a] * sizes[b])
            joints[a, b] = joint = counts.reshape(sizes[a], sizes[b]) / len(codes)
            independent = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
            filled = joint > 0
            information[a, b] = (joint[filled] * np.log(joint[filled] / independent[filled])).sum()
    order, parent = [0], {0: -1}
    while len(order) < width:
        outside = [column for column in range(width) if column not in parent]
        strength = information[np.ix_(order, outside)]
        near, far = np.unravel_index(strength.argmax(), strength.shape)
        parent[outside[far]] = order[near]
        order.append(outside[far])
    agree = [np.ones(size) for size in sizes]  # of the columns below: the chance to agree, by the column's value
    for column in reversed(order[1:]):
        above = parent[column]
        joint = joints[above, column]
        conditional = joint / np.maximum(joint.sum(1, keepdims=True), 1e-300)
        agree[above] *= (conditional**2) @ agree[column]
    root = np.bincount(codes[:, 0], minlength=sizes[0]) / len(codes)
    return float((root**2 * agree[0]).sum())
