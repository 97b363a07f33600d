"""The classes of a target: how many rows each has, and how many must be added for the shares that are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tabular.encoding.arrays import to_arrays
from tabular.errors import UsageError
from tabular.sampling.shares import rows_for_share
from tabular.sampling.strata import Stratum
from tabular.schema import Scalar, Schema
from tabular.where.conditions import parse_where
from tabular.where.text import unknown_column

__all__ = ["Classes", "added", "classes_of", "equalised", "raised"]


@dataclass(frozen=True)
class Classes:
    """The classes that a table has.

    Attributes:
        codes: ``int64[rows]``, the class of each row, -1 where the target is missing.
        values: of the classes, the most frequent first.
        counts: rows of each; a missing target counts nowhere.
        label: the class to make more of.
    """

    target: str
    codes: np.ndarray
    values: tuple[Scalar, ...]
    counts: tuple[int, ...]
    label: Scalar

    @property
    def rows(self) -> int:
        """Rows with a known class."""
        return sum(self.counts)

    @property
    def have(self) -> int:
        """Rows of the class to make more of."""
        return self.counts[self.values.index(self.label)]

    @property
    def named(self) -> str:
        """The class in words: ``income = >50K``."""
        return f"{self.target} = {self.label}"


def classes_of(table: pd.DataFrame, schema: Schema, target: str, label: str | None = None) -> Classes:
    """Count the classes of ``target``.

    Args:
        label: the class to make more of, as text; the rarest if absent.

    Raises:
        UsageError: if ``target`` is no column, has no classes or only one, or ``label`` is none of them.
    """
    if target not in schema:
        raise unknown_column(target, schema.names)
    column = schema[target]
    if not column.has_categories:
        hint = f", or say --kind {target}=categorical" if column.is_numeric else ""
        raise UsageError(
            f"Column {target!r} is of the kind {column.kind}, which has no classes to make rows of; name a column of "
            f"categories{hint}."
        )
    codes = to_arrays(table, Schema((column,)))[target].astype(np.int64)
    counts = np.bincount(codes[codes >= 0], minlength=len(column.categories))
    order = [code for code in np.argsort(-counts, kind="stable").tolist() if counts[code]]
    if len(order) < 2:
        raise UsageError(f"Column {target!r} has a single class, so none can be raised; name another target.")
    chosen = order[-1] if label is None else _code(target, label, schema)
    if not counts[chosen]:
        raise UsageError(
            f"No row has {target!r} = {label}, so there is nothing to learn it from; name another --label."
        )
    values = tuple(column.categories[code] for code in order)
    position = np.full(len(column.categories) + 1, -1)
    position[order] = np.arange(len(order))
    return Classes(
        target, position[codes], values, tuple(int(counts[code]) for code in order), column.categories[chosen]
    )


def _code(target: str, label: str, schema: Schema) -> int:
    codes = parse_where({target: label}, schema)[target].codes or ()
    if len(codes) != 1:
        raise UsageError(f"--label {label!r} is not one class of {target!r}; name one.")
    return codes[0]


def raised(classes: Classes, fraction: float) -> list[Stratum]:
    """The rows that raise the class to ``fraction`` of all rows.

    Raises:
        UsageError: if it has that share already, or no number of rows could give it.
    """
    if not 0 < fraction < 1:
        raise UsageError(f"--raise-to must lie between 0 and 1 (or 0 % and 100 %), not {fraction:g}.")
    rows = rows_for_share(fraction, classes.have, classes.rows)
    if not rows:
        raise UsageError(
            f"{classes.named} has {100 * classes.have / classes.rows:.3g} % of the rows already; ask for a --raise-to "
            f"above that, or for another --label than {str(classes.label)!r}."
        )
    return added(classes, rows)


def added(classes: Classes, rows: int) -> list[Stratum]:
    """``rows`` more rows of the class."""
    return [Stratum({classes.target: classes.label}, rows)]


def equalised(classes: Classes) -> list[Stratum]:
    """The rows that make every class as frequent as the most frequent one.

    Raises:
        UsageError: if they are so already.
    """
    most = max(classes.counts)
    lacking: list[tuple[Mapping[str, Any], int]] = [
        ({classes.target: value}, most - count) for value, count in zip(classes.values, classes.counts, strict=True)
    ]
    strata = [Stratum(values, rows) for values, rows in lacking if rows]
    if not strata:
        raise UsageError(f"The classes of {classes.target!r} are equally frequent already; nothing is to be added.")
    return strata
