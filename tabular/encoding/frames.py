"""Tables of any library at the door: pandas inside, and what comes out has the kind, labels and types of what came."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from ..errors import TableError
from ..schema import Schema

__all__ = ["Form", "as_pandas"]


def as_pandas(table: Any) -> pd.DataFrame:
    """A pandas, Polars or Arrow table, or another that narwhals reads, as a pandas DataFrame.

    Raises:
        TableError: if it is none.
    """
    if isinstance(table, pd.DataFrame):
        return table
    from .arrow_columns import arrow_to_pandas

    return arrow_to_pandas(_native(table).to_arrow())[0]


def _native(table: Any) -> Any:
    """``table`` as narwhals' frame. Raises :class:`TableError` if it is no table."""
    import narwhals as nw

    try:
        return nw.from_native(table, eager_only=True)
    except TypeError:
        lazy = "; collect() a lazy frame first" if hasattr(table, "collect") else ""
        raise TableError(
            f"A table must be a pandas, Polars or Arrow table, not {type(table).__name__}{lazy}."
        ) from None


class Form:
    """How a table came: its library, the labels of its columns, and its types where pandas does not keep them."""

    def __init__(self, table: Any) -> None:
        self.native: Any = None
        if isinstance(table, pd.DataFrame):
            self.labels = {str(label): label for label in table.columns}
            self.labels_name = table.columns.name
        else:
            self.native = _native(table)
            self.types = dict(self.native.schema)
            self.arrow = self.native.head(0).to_arrow().schema
            self.labels, self.labels_name = {name: name for name in self.types}, None

    def labelled(self, schema: Schema, rows: int) -> Schema:
        """``schema`` with the labels that are numbers, which a run keeps, and ``rows`` if it tells none."""
        numbers = {
            name: label
            for name, label in self.labels.items()
            if isinstance(label, int | float) and not isinstance(label, bool)
        }
        columns = tuple(replace(c, label=numbers[c.name]) if c.name in numbers else c for c in schema.columns)
        return replace(schema, columns=columns, rows=schema.rows or rows)

    def give_back(self, made: pd.DataFrame) -> Any:
        """``made``, whose labels are text, as the table came."""
        labels = [self.labels.get(name, name) for name in made.columns]
        if self.native is None:
            return made.set_axis(pd.Index(labels, name=self.labels_name), axis=1)
        import narwhals as nw

        from .arrow_columns import pandas_to_arrow

        frame = nw.from_arrow(pandas_to_arrow(made, self.arrow), backend=self.native.implementation)
        for name, wanted in self.types.items():
            if name in frame.columns and frame.schema[name] != wanted:
                frame = frame.with_columns(nw.col(name).cast(wanted))
        return frame.to_native()
