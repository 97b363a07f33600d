"""What the page draws of a key: histograms, what goes with what, and how alike siblings are, as plain data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tabular.links.keys import Key
from tabular.schema import Column

from ..judging.wording import cell_text
from ..sequences.facts import Bars, Figure, Matrix
from ..sequences.pictures import excess, linear_profile, logarithmic_profile, matrix_rows
from .facts import KeyPictures
from .families import Families
from .measures import Bins, joint_counts, likeness, states_of_children, states_of_parents

__all__ = ["pictures_of_key"]

#: Pairs of columns, columns of siblings, and values of a family that are drawn.
MAX_PAIRS, MAX_SIBLINGS, MAX_FAMILIES = 4, 12, 6
#: States of a column in a matrix.
PARTS, CATEGORIES = 6, 7
#: Categories of a parent's column that have a bar.
BARS = 8


def pictures_of_key(
    key: Key, real: Families, made: Families, figures: Sequence[Figure], telling: Sequence[str]
) -> KeyPictures:
    """Histograms and matrices of all rows of both sides.

    Args:
        figures: the distances that were measured; they say which columns are drawn first.
        telling: values of a family that give synthetic ones away, most first.
    """
    sides = [side.of_parents(np.arange(side.size)) for side in (real, made)]  # without rows that have no parent
    farthest = sorted(figures, key=excess, reverse=True)
    pairs = [figure.name for figure in farthest if figure.question == "parent and child"]
    columns = {
        f"{above.name}, {below.name}": (above, below) for above in real.parent_schema for below in real.child_schema
    }
    of_parent = {column.name: column for column in real.parent_schema if not column.is_numeric}
    features = [side.features() for side in sides]
    numbers = [name for name in telling if name not in of_parent and all(name in found for found in features)]
    drawn = (linear_profile(name, *(found[name] for found in features)) for name in numbers)
    return KeyPictures(
        key.parent,
        key.child,
        logarithmic_profile("children", "events", sides[0].counts, sides[1].counts, unit=1.0, whole=True),
        tuple(_pair(*columns[name], sides[0], sides[1]) for name in pairs[:MAX_PAIRS]),
        _siblings([figure.name for figure in farthest if figure.question == "siblings"], sides[0], sides[1]),
        tuple(profile for profile in drawn if profile is not None)[:MAX_FAMILIES],
        tuple(_bars(of_parent[name], *sides) for name in telling if name in of_parent)[:MAX_FAMILIES],
    )


def _bars(column: Column, real: Families, made: Families) -> Bars:
    """Parents by the value of a column of categories."""
    states = Bins(column, real.parents[column.name], categories=BARS)
    counts = [np.bincount(states.of(side.parents[column.name]), minlength=states.width) for side in (real, made)]
    used = np.flatnonzero(counts[0] + counts[1])
    percent = [tuple((100 * each[used] / max(each.sum(), 1)).tolist()) for each in counts]
    return Bars(column.name, _labels(column, states, used), percent[0], percent[1])


def _pair(above: Column, below: Column, real: Families, made: Families) -> Matrix:
    """Children by the value of ``below``, in per cent of those whose parent has each value of ``above``."""
    first, second = (
        Bins(column, arrays[column.name], parts=PARTS, categories=CATEGORIES)
        for column, arrays in ((above, real.parents), (below, real.children))
    )
    both = [
        joint_counts(
            states_of_parents(side, above.name, first),
            states_of_children(side, below.name, second),
            first.width,
            second.width,
        ).reshape(first.width, second.width)
        for side in (real, made)
    ]
    used = [np.flatnonzero(sum(each.sum(axis) for each in both)) for axis in (1, 0)]
    percent = [
        100 * part / np.maximum(part.sum(1, keepdims=True), 1) for part in (each[np.ix_(*used)] for each in both)
    ]
    labels = _labels(above, first, used[0]), _labels(below, second, used[1])
    return Matrix(f"{above.name}, {below.name}", *labels, matrix_rows(percent[0]), matrix_rows(percent[1]))


def _labels(column: Column, states: Bins, used: np.ndarray) -> tuple[str, ...]:
    """What each state of ``used`` is called."""
    if states.edges is None:
        named = [str(category) for category in column.categories[: states.width - 2]]
        found = [*named, "other", "missing"]
    else:
        bounds = [cell_text(edge, column.kind) for edge in states.edges.tolist()]
        found = [f"< {bounds[0]}" if bounds else "any", *(f">= {bound}" for bound in bounds), "missing"]
    return tuple(found[state] for state in used)


def _siblings(names: Sequence[str], real: Families, made: Families) -> Bars | None:
    measured = [(name, likeness(real, name), likeness(made, name)) for name in names]
    known = [(name, first, second) for name, first, second in measured if first is not None and second is not None]
    if not known:
        return None
    labels, *both = zip(*known[:MAX_SIBLINGS], strict=True)
    # Below 0 rows of one parent are less alike than others, by chance or by a rule; a bar has no length below 0.
    percent = [tuple(100 * max(value, 0.0) for value in side) for side in both]
    return Bars("siblings", labels, percent[0], percent[1])
