"""Values that many rows share (categories, frequent numbers, gaps), and how often two of them come together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .sample import EVIDENCE, Sample

__all__ = ["Level", "Levels", "levels_of"]

#: Frequent numbers have this fraction of a column at least.
_FREQUENT = 0.05
#: Columns with more categories have no levels, and so many levels in all, the most frequent ones.
_CATEGORIES, _MOST = 300, 2_000
#: Rows of a category that tell mostly whether a column is constant in it.
_FIRST_ROWS = 8
#: Different numbers that a column has in a category on average, if one that has but one is to be a rule.
_SEVERAL = 4


@dataclass(frozen=True)
class Level:
    """One value of one column.

    Attributes:
        column: its name.
        value: a code or a number as the canonical array has it, NaN for a missing cell.
    """

    column: str
    value: float

    @property
    def missing(self) -> bool:
        return bool(np.isnan(self.value))


@dataclass(frozen=True)
class Levels:
    """The levels of a table.

    Attributes:
        levels: ``m`` of them.
        columns: int64[m], which column each belongs to, numbered in table order.
        together: float32[m, m], in how many sampled rows two of them are.
        there: float32[m, m], in how many rows with the first the column of the second is there.
        rows: how many rows were counted.
    """

    levels: tuple[Level, ...]
    columns: np.ndarray
    together: np.ndarray
    there: np.ndarray
    rows: int


def levels_of(sample: Sample) -> Levels:
    """Levels that so many rows have that a rule about them is no chance."""
    found: list[tuple[int, Level, int, np.ndarray]] = []
    gaps = []
    constants = _constants(sample)
    for place, (name, column) in enumerate(sample.columns.items()):
        cells = sample.arrays[name][sample.rows]
        gone = cells < 0 if column.has_categories else np.isnan(cells)
        gaps.append(gone)
        if EVIDENCE <= gone.sum() < len(gone):
            found.append((int(gone.sum()), Level(name, np.nan), place, gone))
        if column.kind == "datetime":
            continue
        values, counts = np.unique(cells[~gone], return_counts=True)
        if column.has_categories:
            kept = np.flatnonzero(counts >= EVIDENCE) if len(values) <= _CATEGORIES else np.zeros(0, np.int64)
        else:
            wanted = np.isin(values, list(constants.get(name, ())))
            wanted[np.argsort(-counts)[:1]] |= counts.max(initial=0) >= _FREQUENT * counts.sum()
            kept = np.flatnonzero(wanted & (counts >= EVIDENCE))
        for index in kept.tolist():
            if counts[index] < len(cells):
                found.append((int(counts[index]), Level(name, float(values[index])), place, cells == values[index]))
    found.sort(key=lambda level: -level[0])
    found = sorted(found[:_MOST], key=lambda level: (level[2], level[1].missing, level[1].value))
    marks = np.stack([mark for *_, mark in found], axis=1).astype(np.float32) if found else np.zeros((0, 0), np.float32)
    columns = np.array([position for _, _, position, _ in found], dtype=np.int64)
    filled = (~np.stack(gaps, axis=1)).astype(np.float32)
    return Levels(
        tuple(level for _, level, _, _ in found),
        columns,
        marks.T @ marks,
        (marks.T @ filled)[:, columns] if found else marks,
        len(sample.rows),
    )


def _constants(sample: Sample) -> dict[str, set[float]]:
    """Numbers that a column has in all rows of some category, by column."""
    names = [name for name, column in sample.columns.items() if column.is_numeric and column.kind != "datetime"]
    found: dict[str, set[float]] = {}
    if not names:
        return found
    table = np.stack([sample.arrays[name][sample.rows] for name in names], axis=1)
    for name, column in sample.columns.items():
        if not column.has_categories or sample.counts[name] > _CATEGORIES:
            continue
        order = np.argsort(sample.codes[name], kind="stable")
        _, starts, counts = np.unique(sample.codes[name][order], return_index=True, return_counts=True)
        starts, counts = starts[counts >= EVIDENCE], counts[counts >= EVIDENCE]
        if not len(starts):
            continue
        first = table[order[(starts[:, None] + np.arange(_FIRST_ROWS)).ravel()]]
        ends = np.arange(0, len(first), _FIRST_ROWS)
        alike = np.fmin.reduceat(first, ends) == np.fmax.reduceat(first, ends)
        # Where each category has few numbers, such as a destination few distances, a single one is no rule.
        several = [
            _values(table[:, index], sample.codes[name]) >= _SEVERAL if alike[:, index].any() else False
            for index in range(len(names))
        ]
        for level, position in np.argwhere(alike & np.array(several)).tolist():
            cells = table[order[starts[level] : starts[level] + counts[level]], position]
            cells = cells[~np.isnan(cells)]
            if len(cells) and (cells == cells[0]).all():
                found.setdefault(names[position], set()).add(float(cells[0]))
    return found


def _values(cells: np.ndarray, codes: np.ndarray) -> float:
    """How many different numbers a category has on average."""
    there = (codes >= 0) & ~np.isnan(cells)
    pairs = pd.DataFrame({"codes": codes[there], "cells": cells[there]}).drop_duplicates()
    return len(pairs) / max(1, pairs["codes"].nunique())
