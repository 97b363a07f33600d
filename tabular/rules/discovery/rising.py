"""Columns that never fall, or never rise, from row to row of the file: timestamps of a log, running numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import gammaln

from ...schema import Column
from ..language.keys import category_numbers, falls, order_keys
from ..language.syntax import quoted
from ..reducing.file_order import counts
from ..rule import Rule
from .sample import LEAST_ROWS, Sample, needed

__all__ = ["find_rising"]

#: A column with fewer values is grouped rather than in order.
LEAST_VALUES = 3
#: Rows that most columns are out of order in.
_FIRST_ROWS = 1_000


def find_rising(sample: Sample) -> list[Rule]:
    """Columns in the order of the rows, the one with the most values first: a random order would not keep them."""
    columns = [column for column in sample.schema if _has_order(column)]
    least = needed(2 * len(columns))
    found = []
    for column in columns:
        if _down(sample.arrays[column.name][:_FIRST_ROWS], column) is None:
            continue
        keys = order_keys(sample.arrays[column.name], column)
        keys, down = keys[~np.isnan(keys)], _down(sample.arrays[column.name], column)
        if len(keys) < LEAST_ROWS or down is None:
            continue
        counted = pd.Series(keys).value_counts().to_numpy()
        # -log of the probability that rows in random order stand so.
        surprise = float(gammaln(len(keys) + 1) - gammaln(counted + 1).sum())
        if len(counted) >= LEAST_VALUES and surprise >= least:
            word = "decreasing" if down else "increasing"
            found.append((-len(counted), Rule(f"{word}({quoted(column.name)})")))
    return [rule for _, rule in sorted(found, key=lambda each: each[0])]


def _down(values: np.ndarray, column: Column) -> bool | None:
    """Whether the cells go from the greatest to the least; ``None`` where they are in neither order."""
    keys = order_keys(values, column)
    keys = keys[~np.isnan(keys)]
    down = bool(len(keys) and keys[0] > keys[-1])
    return None if falls(-keys if down else keys).any() else down


def _has_order(column: Column) -> bool:
    return (
        column.is_numeric or counts(column) or (column.kind == "categorical" and category_numbers(column) is not None)
    )
