"""Functional dependencies, such as ``city -> country`` and ``origin, dest -> distance``, with their listed values.

A dependency is kept if independent columns would not keep it: the more rows repeat what an earlier row with the same
deciding cells had, and the rarer that value is, the less is it chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from ..language.syntax import quoted
from ..rule import Rule
from .listing import MOST_LISTED, listed
from .numeric.equations import Equation
from .sample import LEAST_ROWS, Sample, needed

__all__ = ["Dependencies", "agreeing", "evidence", "find_dependencies"]

#: Rows that a dependency is looked for in before all are.
_FIRST_ROWS, _PAIR_ROWS = 2_000, 400
#: A column of numbers decides others if most of its values come so often; one of categories, or two columns, if their
#: values do on average.
_REPEATED_NUMBER, _REPEATED, _REPEATED_PAIR = 10, 2, 4
#: Columns that decide together: each pair of so many, with so many values at most.
_PAIRED, _PAIRED_VALUES = 60, 1_000
#: Pairs of rows that most columns differ in.
_FIRST_PAIRS = 40

Edge = tuple[tuple[str, ...], str]


class Dependencies:
    """What follows from what: dependencies that are listed, and equations."""

    def __init__(self, equations: Iterable[Equation]) -> None:
        self.edges: list[Edge] = []
        for equation in equations:
            tied = {equation.left, *equation.columns}
            # An exact sum decides each of its columns by the others; a rounded one, or a product with 0, only the left.
            for name in tied if equation.exact and equation.terms else (equation.left,):
                self.edges.append((tuple(tied - {name}), name))
        self.tied = [frozenset((equation.left, *equation.columns)) for equation in equations]

    def decided(self, columns: Iterable[str]) -> frozenset[str]:
        """All columns that ``columns`` decide."""
        known = set(columns)
        grows = True
        while grows:
            new = {right for left, right in self.edges if right not in known and known.issuperset(left)}
            known |= new
            grows = bool(new)
        return frozenset(known)

    def decides(self, given: str, wanted: str) -> bool:
        """Whether ``given`` decides ``wanted``, alone or together with another column that a rule lists."""
        return wanted in self.decided([given]) or any(given in left and wanted == right for left, right in self.edges)

    def tie(self, *columns: str) -> bool:
        """Whether one equation is about all of ``columns``."""
        return any(tied.issuperset(columns) for tied in self.tied)


def find_dependencies(sample: Sample, known: Dependencies) -> list[Rule]:
    """Dependencies on one column, and on two where neither decides alone; ``known`` learns them."""
    deciding = _deciding(sample)
    decided = [name for name, column in sample.columns.items() if column.kind != "datetime"]
    if not deciding or len(decided) < 2:
        return []
    found = _singles(sample, deciding, decided)
    rules = [rule for edge in _reduced(sample, found, known) if (rule := _rule(sample, edge, known)) is not None]
    for edge in _pairs(sample, deciding, decided, known):
        if edge[1] not in known.decided(edge[0]) and (rule := _rule(sample, edge, known)) is not None:
            rules.append(rule)
    return rules


def _deciding(sample: Sample) -> list[str]:
    """Columns whose values repeat often enough to decide others."""
    found = []
    for name, column in sample.columns.items():
        codes = sample.codes[name]
        if column.kind == "datetime" or not 2 <= sample.counts[name] <= min(MOST_LISTED, len(codes) // _REPEATED):
            continue
        if column.is_numeric:
            counts = np.bincount(codes[codes >= 0])
            if np.median(counts[counts > 0]) < _REPEATED_NUMBER:
                continue
        found.append(name)
    return found


def _singles(sample: Sample, deciding: Sequence[str], decided: Sequence[str]) -> set[tuple[str, str]]:
    table = np.stack([sample.codes[name] for name in decided], axis=1)
    least = needed(len(deciding) * len(decided))
    found = set()
    for name in deciding:
        key = sample.codes[name]
        others = np.array([other != name and sample.counts[other] >= 2 for other in decided])
        possible = others & ~_disagreeing(key[:_FIRST_ROWS], table[:_FIRST_ROWS])
        for position in np.flatnonzero(possible).tolist():
            values = table[:, position]
            if agreeing(key, values) and evidence(key, values, np.zeros_like(key)) >= least:
                found.add((name, decided[position]))
    return found


def _disagreeing(key: np.ndarray, table: np.ndarray) -> np.ndarray:
    """bool[columns]: where two neighbours with the same key (rows sorted by it) surely differ."""
    order = np.argsort(key, kind="stable")
    order = order[key[order] >= 0]
    same = np.flatnonzero(key[order][1:] == key[order][:-1])
    found = np.zeros(table.shape[1], dtype=bool)
    for part in (same[:_FIRST_PAIRS], same[_FIRST_PAIRS:]):
        left = np.flatnonzero(~found)
        above, below = table[np.ix_(order[part], left)], table[np.ix_(order[part + 1], left)]
        found[left] = ((above != below) & (above >= 0) & (below >= 0)).any(axis=0)
    return found


def agreeing(key: np.ndarray, values: np.ndarray) -> bool:
    """Whether rows with the same key have the same value, missing ones apart."""
    there = (key >= 0) & (values >= 0)
    if there.sum() < LEAST_ROWS:
        return False
    key, values = key[there], values[there]
    held = np.zeros(int(key.max()) + 1, dtype=np.int64)
    held[key] = values
    return bool((held[key] == values).all())


def evidence(key: np.ndarray, values: np.ndarray, given: np.ndarray) -> float:
    """-log of the probability that rows repeat the value of the first row with their key.

    Args:
        given: int64[rows], what the values are known to depend on: their frequencies are taken within it.
    """
    there = (key >= 0) & (values >= 0) & (given >= 0)
    key, values, given = key[there], values[there], given[there]
    size = int(values.max()) + 1
    both = np.bincount(given * size + values, minlength=0)
    surprise = -np.log(both[given * size + values] / np.bincount(given)[given])
    _, first = np.unique(key, return_index=True)
    return float(surprise.sum() - surprise[first].sum())


def _reduced(sample: Sample, found: set[tuple[str, str]], known: Dependencies) -> list[Edge]:
    """Without what others imply: columns that decide each other are represented by the first of them."""
    first: dict[str, str] = {}
    names = [name for name in sample.columns if any(name in edge for edge in found)]
    for name in names:
        first[name] = next((other for other in names if (name, other) in found and (other, name) in found), name)
        if names.index(first[name]) > names.index(name):
            first[name] = name
    heads = [name for name in names if first[name] == name]
    kept: list[Edge] = []
    for name in names:
        if first[name] != name and not known.tie(name, first[name]):
            kept += [((first[name],), name), ((name,), first[name])]
    between = {(a, b) for a, b in found if a in heads and b in heads}
    for a, b in sorted(between, key=lambda edge: (names.index(edge[0]), names.index(edge[1]))):
        through = any((a, middle) in between and (middle, b) in between for middle in heads)
        if not through and b not in known.decided([a]) and not known.tie(a, b):
            kept.append(((a,), b))
    return kept


def _pairs(sample: Sample, deciding: Sequence[str], decided: Sequence[str], known: Dependencies) -> Iterable[Edge]:
    """Two columns that decide a third which neither decides alone."""
    by_values = sorted(deciding, key=lambda name: -sample.counts[name])
    few = [name for name in by_values if sample.counts[name] <= _PAIRED_VALUES][:_PAIRED]
    few.sort(key=list(sample.columns).index)
    table = np.stack([sample.codes[name] for name in decided], axis=1)
    alone = {name: known.decided([name]) for name in few}
    least = needed(len(few) ** 2 / 2 * len(decided))
    wide = np.array([sample.counts[name] >= 2 for name in decided])
    for a, b in combinations(few, 2):
        if b in alone[a] or a in alone[b] or sample.counts[a] * sample.counts[b] > 10 * len(sample.rows):
            continue
        key = _joined(sample.codes[a], sample.codes[b])
        if len(pd.unique(key)) > len(key) // _REPEATED_PAIR:
            continue
        possible = wide & ~_disagreeing(key[:_PAIR_ROWS], table[:_PAIR_ROWS])
        for position in np.flatnonzero(possible).tolist():
            name, values = decided[position], table[:, position]
            if name in alone[a] or name in alone[b] or known.tie(a, b, name) or not agreeing(key, values):
                continue
            if min(evidence(key, values, sample.codes[given]) for given in (a, b)) >= least:
                yield (a, b), name


def _joined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """int64[rows]: one code for two, -1 where one is missing."""
    return np.where((first < 0) | (second < 0), -1, first * (int(second.max()) + 1) + second)


def _rule(sample: Sample, edge: Edge, known: Dependencies) -> Rule | None:
    """The dependency with what it lists; ``None`` where rows outside the sample break it."""
    columns, decided = edge
    values = listed(sample, (*columns, decided), deciding=len(columns))
    if values is None:
        return None
    known.edges.append(edge)
    return Rule(f"{', '.join(map(quoted, columns))} -> {quoted(decided)}", values)
