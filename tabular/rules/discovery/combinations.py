"""Combinations of two columns that never occur, and flags of which one is set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...encoding.boolean_words import truth
from ..language.evaluation import flags_of
from ..language.syntax import quoted
from ..rule import Rule
from .dependencies import Dependencies
from .levels import Levels
from .listing import listed
from .sample import LEAST_ROWS, Sample, halves, needed

__all__ = ["find_combinations", "find_exclusions"]

#: A number counts as a flag (0 or not) if so many of its cells are 0.
_ZEROS = 0.05


def find_exclusions(sample: Sample) -> tuple[list[Rule], list[frozenset[str]]]:
    """Three or more flags, or two or more numbers that are mostly 0, of which at most one is set; and their columns."""
    names = [name for name in sample.columns if _is_flag(sample, name)]
    amounts = [name for name in sample.columns if _is_amount(sample, name)]
    rules, groups = [], []
    for columns, size in ((names, 3), (amounts, 2)):
        for group in _exclusive(sample, columns):
            if len(group) < size:
                continue
            inside = ", ".join(map(quoted, group))
            exactly, most = Rule(f"exactly one of {inside}"), Rule(f"at most one of {inside}")
            rule = exactly if size == 3 and _none_expected(sample, group) and sample.holds(exactly) else most
            if sample.holds(rule):
                rules.append(rule)
                groups.append(frozenset(group))
    return rules, groups


def _is_flag(sample: Sample, name: str) -> bool:
    column = sample.columns[name]
    return column.has_categories and {truth(value) for value in column.categories} == {True, False}


def _is_amount(sample: Sample, name: str) -> bool:
    column, cells = sample.columns[name], sample.arrays[name][sample.rows]
    if column.kind == "datetime" or not column.is_numeric or column.minimum != 0:
        return False
    return bool(np.mean(cells == 0) >= _ZEROS)


def _set(sample: Sample, name: str) -> np.ndarray:
    return flags_of(sample.arrays[name][sample.rows], sample.columns[name], name)[0]


def _exclusive(sample: Sample, names: Sequence[str]) -> list[list[str]]:
    """Groups of flags that are never set together, though independent ones would be."""
    if len(names) < 2:
        return []
    marks = np.stack([_set(sample, name) for name in names], axis=1).astype(np.float32)
    together, counts = marks.T @ marks, marks.sum(axis=0)
    expected = np.outer(counts, counts) / len(marks)
    least = needed(len(names) ** 2 / 2)
    left, groups = np.argsort(-counts, kind="stable").tolist(), []
    while left:
        group = [left[0]]
        for other in left[1:]:
            if not together[other, group].any():
                group.append(other)
        inside = expected[np.ix_(group, group)]
        enough = inside.sum(axis=1) - np.diag(inside) >= least
        group = [position for position, counts in zip(group, enough, strict=True) if counts] or group[:1]
        left = [position for position in left if position not in group]
        groups.append([names[position] for position in sorted(group)])
    return groups


def _none_expected(sample: Sample, group: Sequence[str]) -> bool:
    """Whether one of the flags is set in each row, and would not be if they were independent."""
    flags = np.stack([_set(sample, name) for name in group], axis=1)
    return len(flags) * float(np.prod(1 - flags.mean(axis=0))) >= needed(1)


def find_combinations(
    sample: Sample, levels: Levels, known: Dependencies, groups: Sequence[frozenset[str]]
) -> list[Rule]:
    """Pairs of columns of categories of which some combination is expected and never occurs.

    Each combination that occurs must be in both halves of the rows: rare ones would be missing in new rows by chance.

    Args:
        groups: of flags, whose combinations are found already.
    """
    positions = np.array([sample.columns[level.column].has_categories and not level.missing for level in levels.levels])
    chosen = np.flatnonzero(positions)
    if len(chosen) < 2:
        return []
    # Only rows in which both columns are there can have a combination.
    there = levels.there[np.ix_(chosen, chosen)]
    expected = there * there.T / levels.rows
    least = needed(float(len(chosen)) ** 2 / 2)
    never = np.triu((levels.together[np.ix_(chosen, chosen)] == 0) & (expected >= least))
    columns = levels.columns[chosen]
    pairs = {(int(columns[a]), int(columns[b])) for a, b in np.argwhere(never).tolist() if columns[a] != columns[b]}
    names = list(sample.columns)
    found = []
    for a, b in sorted(pairs):
        first, second = names[a], names[b]
        decided = second in known.decided([first]) or first in known.decided([second])
        if decided or any(group >= {first, second} for group in groups) or not _in_both_halves(sample, first, second):
            continue
        values = listed(sample, (first, second))
        if values is not None:
            found.append((first, second, values))
    linked = {frozenset((first, second)) for first, second, _ in found}
    return [
        Rule(f"combinations of {quoted(first)}, {quoted(second)}", values)
        for first, second, values in found
        if not _through(first, second, known, linked) and not _through(second, first, known, linked)
    ]


def _in_both_halves(sample: Sample, first: str, second: str) -> bool:
    rows = sample.order
    a, b = (sample.arrays[name][rows].astype(np.int64) for name in (first, second))
    both = np.where((a < 0) | (b < 0), -1, a * (int(b.max()) + 1) + b)
    one, other = (np.unique(both[half]) for half in halves(len(rows)))
    return len(both) >= LEAST_ROWS and np.array_equal(one, other)


def _through(first: str, second: str, known: Dependencies, linked: set[frozenset[str]]) -> bool:
    """Whether what ``first`` decides stands in combinations with ``second``: that says it more shortly."""
    return any(frozenset((middle, second)) in linked for middle in known.decided([first]) - {first, second})
