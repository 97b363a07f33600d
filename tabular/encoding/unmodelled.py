"""Values of columns in which no generator finds anything to learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pandas as pd

from ..codes.identifiers import make_identifiers
from ..schema import Column, Schema
from .repeating import put_repeating, repeats

__all__ = ["fill_unmodelled", "is_missing", "unlike", "unmodelled"]


class Words(Protocol):
    """What makes the free text of a column."""

    def draw(self, rows: int, rng: np.random.Generator, *, present: bool = False) -> np.ndarray:
        """object[rows] of text, ``None`` where missing."""


def fill_unmodelled(
    arrays: dict[str, np.ndarray],
    schema: Schema,
    words: Mapping[str, Words],
    rows: int,
    rng: np.random.Generator,
    *,
    start: int,
    seed: int,
    present: bool = False,
) -> dict[str, np.ndarray]:
    """``arrays`` of ``rows`` rows with the columns that no generator learns: identifiers, free text, constants.

    Args:
        words: column name -> how its free text is made.
        start: rows made before these, so that identifiers go on and do not repeat.
        seed: of the identifiers.
        present: no text and no identifier is missing; then each is of a row of its own.
    """
    coming_back = not present and any(map(repeats, schema))
    for column in schema:
        if column.name in words:
            arrays[column.name] = words[column.name].draw(rows, rng, present=present)
        elif column.name not in arrays and not (coming_back and repeats(column)):
            arrays[column.name] = unmodelled(column, rows, rng, start=start, seed=seed, present=present)
    if coming_back:
        put_repeating(arrays, schema, rows, start=start, seed=seed)
    return arrays


def unmodelled(
    column: Column, rows: int, rng: np.random.Generator, *, start: int, seed: int, present: bool
) -> np.ndarray:
    """Canonical values of a column in which there is nothing to learn: an identifier, or always the same value."""
    if column.kind == "identifier":
        made = _identifiers(column, rows, start=start, seed=seed)
        if column.missing_rate and not present:
            made[rng.random(rows) < column.missing_rate] = None
        return made
    if column.kind == "text":
        return np.full(rows, None, dtype=object)
    if column.is_numeric:
        return np.full(rows, np.nan if column.minimum is None else column.minimum)
    return np.full(rows, 0 if column.categories else -1, np.int32)


def _identifiers(column: Column, rows: int, *, start: int, seed: int) -> np.ndarray:
    number = column.dtype.lower().startswith(("int", "uint"))
    return make_identifiers(
        column.pattern, rows, start=start, seed=seed, number=number, name=column.name, words=column.words
    )


def is_missing(values: np.ndarray) -> np.ndarray:
    """bool[rows]: which canonical values are missing."""
    if values.dtype == object:
        return np.asarray(pd.isna(values))
    return np.isnan(values) if values.dtype.kind == "f" else values < 0


def unlike(known: np.ndarray, column: Column, seed: int, rows: int | None = None) -> np.ndarray:
    """object[rows]: made-up identifiers of ``column``, none of them among the ``known`` ones; as many as those."""
    rows = len(known) if rows is None else rows
    taken = {str(value) for value in known if not pd.isna(value)}
    made = _identifiers(column, rows + len(taken), start=0, seed=seed)
    return np.asarray([value for value in made if str(value) not in taken][:rows], dtype=object)
