"""Values of columns in which no generator finds anything to learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..codes.identifiers import make_identifiers
from ..schema import Column, Schema
from .repeating import put_repeating, repeats

if TYPE_CHECKING:
    from ..free_text.words import TextCodec

__all__ = ["Unmodelled", "is_missing", "unlike", "unmodelled"]


class Unmodelled:
    """Makes the columns that no generator learns: identifiers, free text, constants.

    Args:
        schema: the columns.
        words: column name -> how its free text is made.
    """

    def __init__(self, schema: Schema, words: Mapping[str, TextCodec]) -> None:
        self.schema, self.words = schema, words

    def fill(
        self,
        arrays: dict[str, np.ndarray],
        rows: int,
        rng: np.random.Generator,
        *,
        start: int,
        seed: int,
        present: bool = False,
    ) -> dict[str, np.ndarray]:
        """Canonical ``arrays`` of the learned columns of ``rows`` rows, with all other columns beside them.

        Args:
            start: rows made before these, so that identifiers go on and do not repeat.
            seed: of the identifiers.
            present: no text and no identifier is missing; then each is of a row of its own.
        """
        coming_back = not present and any(map(repeats, self.schema))
        for column in self.schema:
            if column.name in self.words:
                arrays[column.name] = self.words[column.name].draw(rows, rng, present=present)
            elif column.name not in arrays and not (coming_back and repeats(column)):
                arrays[column.name] = unmodelled(column, rows, rng, start=start, seed=seed, present=present)
        if coming_back:
            put_repeating(arrays, self.schema, rows, start=start, seed=seed)
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
