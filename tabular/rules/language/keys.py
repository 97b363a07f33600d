"""Cells as numbers that are alike, or in order, where the cells are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...encoding.arrays import on_grid
from ...errors import RuleError
from ...schema import Column
from .instants import as_instants

if TYPE_CHECKING:
    from ..rule import Rule, Scalar

__all__ = [
    "canonical",
    "category_numbers",
    "falls",
    "looked_up",
    "missing",
    "most_frequent",
    "numbers_of_codes",
    "order_keys",
    "row_keys",
]


def category_numbers(column: Column) -> np.ndarray | None:
    """float64[categories]: the numbers that a column's categories are; ``None`` where they are words."""
    if not column.has_categories or any(isinstance(value, bool) for value in column.categories):
        return None
    try:
        return np.array([float(value) for value in column.categories])
    except ValueError:
        return None


def numbers_of_codes(codes: np.ndarray, column: Column, otherwise: str) -> np.ndarray:
    """float64[rows]: the numbers that categories are, NaN where one is missing.

    Raises:
        RuleError: with the text ``otherwise`` where they are words.
    """
    numbers = category_numbers(column)
    if numbers is None:
        raise RuleError(otherwise)
    return np.append(numbers, np.nan)[codes]


def missing(values: np.ndarray) -> np.ndarray:
    """bool[rows]: which cells of a canonical array are missing."""
    if values.dtype == object:
        return np.asarray(pd.isna(values))
    return np.isnan(values) if values.dtype.kind == "f" else values < 0


def order_keys(values: np.ndarray, column: Column) -> np.ndarray:
    """float64[rows]: numbers that are in order where the cells are, NaN where one is missing.

    Numbers within identifiers of one form are in order where the texts are, shorter ones first.

    Raises:
        RuleError: for a column whose values are in no order.
    """
    if column.is_numeric:
        return as_instants(values, column)
    if column.kind == "identifier":
        codes, distinct = pd.factorize(values)
        texts = np.asarray(distinct, dtype=str)
        ranks = np.full(len(texts) + 1, np.nan)
        ranks[np.lexsort((texts, np.char.str_len(texts)))] = np.arange(len(texts))
        return ranks[codes]
    return numbers_of_codes(
        values,
        column,
        f"Column {column.name!r} is of the kind {column.kind} and its values are in no order; name a column of "
        "numbers, dates or running numbers.",
    )


def falls(keys: np.ndarray) -> np.ndarray:
    """bool[rows]: where a key before this one is greater."""
    before = np.fmax.accumulate(np.concatenate([[-np.inf], keys[:-1]]))[: len(keys)]
    with np.errstate(invalid="ignore"):
        return np.asarray(keys < before)


def looked_up(numbers: np.ndarray, rule: Rule, column: Column) -> np.ndarray:
    """Canonical values of ``column`` that the pairs of ``rule`` have beside ``numbers``; missing beside others."""
    listed = np.array([float(number) for number, _ in rule.values])  # type: ignore[arg-type]
    order = np.argsort(listed)
    values = canonical([cell for _, cell in rule.values], column)[order]
    slack = 1e-6 * np.maximum(np.abs(numbers), 1.0)
    position = np.minimum(np.searchsorted(listed[order], numbers - slack), len(order) - 1)
    gone = np.nan if values.dtype.kind == "f" else -1
    return np.where(np.abs(listed[order][position] - numbers) <= slack, values[position], gone).astype(values.dtype)


def canonical(cells: Sequence[Scalar], column: Column) -> np.ndarray:
    """The canonical values of cells that a rule lists; missing for those that ``column`` does not have."""
    if column.is_numeric:
        return on_grid(np.array([np.nan if cell is None else float(cell) for cell in cells]), column)
    known = {str(value): code for code, value in enumerate(column.categories)}
    return np.array([-1 if cell is None else known.get(str(cell), -1) for cell in cells], dtype=np.int32)


def row_keys(columns: Iterable[np.ndarray]) -> np.ndarray:
    """int64[rows]: a number for each row, the same where rows are alike in all ``columns``."""
    found: np.ndarray | None = None
    for values in columns:
        codes, distinct = pd.factorize(values, use_na_sentinel=False)
        found = codes if found is None else pd.factorize(found * max(1, len(distinct)) + codes)[0]
    assert found is not None
    return found.astype(np.int64)


def most_frequent(key: np.ndarray, values: np.ndarray, *, of: np.ndarray) -> np.ndarray:
    """float64: per key of ``of`` which of ``values`` most rows with this ``key`` have, the least of several, or NaN."""
    counts = pd.DataFrame({"key": key, "value": values}).groupby(["key", "value"], sort=True).size().reset_index()
    most = counts.sort_values(0, ascending=False, kind="stable").drop_duplicates("key").set_index("key")["value"]
    return most.reindex(of).to_numpy(np.float64)
