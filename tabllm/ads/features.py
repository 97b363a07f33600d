"""A click log as features: quantities as they are, everything else hashed.

Ids come by the thousand and new ones every day, so no list of them is kept: a value falls into one of
:data:`BUCKETS` buckets by MurmurHash3 of ``column=value`` (Weinberger et al., "Feature hashing for large scale
multitask learning", ICML 2009; the hash of scikit-learn's ``FeatureHasher``). The bucket depends on the value alone:
the same ad falls into the same one in every table, an ad that no table had before into one that is most likely empty.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tabular.encoding.arrays import to_arrays
from tabular.encoding.cells import labels
from tabular.schema import Schema

__all__ = ["BUCKETS", "Features", "Layout", "buckets", "features_of", "layout_of", "value_text"]

BUCKETS = 2**18
#: What a datetime says of a click: not when it was, for that never comes again, but the hour and the weekday.
_PARTS = ("hour", "day_of_week")


@dataclass(frozen=True)
class Layout:
    """Which columns are read, and how.

    Attributes:
        left_out: columns that say nothing of a new row: identifiers of rows, free text, constants, an order in time.
    """

    schema: Schema
    quantities: tuple[str, ...]
    hashed: tuple[str, ...]
    datetimes: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Features:
    """One table.

    Attributes:
        quantities: ``float32[rows, quantities]``, NaN for missing.
        buckets: ``int64[rows, hashed columns and parts of datetimes]``.
    """

    quantities: np.ndarray = field(repr=False)
    buckets: np.ndarray = field(repr=False)

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.buckets)

    def take(self, index: np.ndarray) -> Features:
        """The rows at ``index``."""
        return Features(self.quantities[index], self.buckets[index])


def layout_of(schema: Schema, click: str, time: str | None) -> Layout:
    """How to read the columns of ``schema`` as features of ``click``."""
    read = [column for column in schema if column.name != click]
    datetimes = tuple(c.name for c in read if c.kind == "datetime")
    quantities = tuple(c.name for c in read if c.kind in ("integer", "continuous") and c.name != time)
    hashed = tuple(c.name for c in read if c.kind in ("categorical", "boolean") and c.name != time)
    used = {*datetimes, *quantities, *hashed}
    return Layout(schema, quantities, hashed, datetimes, tuple(c.name for c in read if c.name not in used))


def features_of(table: pd.DataFrame, layout: Layout) -> Features:
    """The features of ``table``, whose columns may hold values that the schema never saw."""
    numeric = [column for column in layout.schema if column.name in (*layout.quantities, *layout.datetimes)]
    arrays = to_arrays(table, Schema(tuple(numeric), rows=len(table)))
    quantities = [arrays[name] for name in layout.quantities]
    columns = [buckets(table[name], name) for name in layout.hashed]
    for name in layout.datetimes:
        columns += [buckets(part, f"{name}.{what}") for what, part in _parts(arrays[name]).items()]
    return Features(_side_by_side(quantities, len(table), np.float32), _side_by_side(columns, len(table), np.int64))


def buckets(values: pd.Series, name: str) -> np.ndarray:
    """``int64[rows]``: the bucket of each cell of the column ``name``; missing is a value like any other."""
    from sklearn.utils import murmurhash3_32

    codes, distinct = labels(values, name)
    texts = [f"{name}={value_text(value)}" for value in distinct] + [f"{name}"]  # the last is where code -1 points
    positions = np.array([murmurhash3_32(text, seed=0, positive=True) % BUCKETS for text in texts], dtype=np.int64)
    return positions[codes]


def value_text(value: object) -> str:
    """The same text for 1, 1.0 and True: tables written and read again differ in no more."""
    if (isinstance(value, float) and value.is_integer()) or isinstance(value, bool):
        return str(int(value))
    return str(value)


def _parts(seconds: np.ndarray) -> dict[str, pd.Series]:
    instants = pd.Series(pd.to_datetime(pd.Series(seconds), unit="s").dt.floor("s"))
    return {what: getattr(instants.dt, what) for what in _PARTS}


def _side_by_side(columns: list[np.ndarray], rows: int, dtype: type) -> np.ndarray:
    return np.stack(columns, axis=1).astype(dtype) if columns else np.empty((rows, 0), dtype=dtype)
