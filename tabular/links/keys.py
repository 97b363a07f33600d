"""A key: a column of a child table whose values name rows of its parent table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..errors import TableError, UsageError

__all__ = [
    "Key",
    "check_parent_column",
    "check_single_columns",
    "key_text",
    "parse_key",
    "positions_in_parent",
]


@dataclass(frozen=True)
class Key:
    """``child.child_column`` holds values of ``parent.parent_column``."""

    parent: str
    parent_column: str
    child: str
    child_column: str

    @property
    def text(self) -> str:
        """As ``--key`` takes it: ``users.user_id=events.user_id``."""
        return f"{self.parent}.{self.parent_column}={self.child}.{self.child_column}"


def parse_key(text: str, columns: Mapping[str, Sequence[str]]) -> Key:
    """The key that ``text`` names, such as ``users.user_id=events.user_id``.

    Names of tables and columns may hold points and equals signs, as long as only one reading is left.

    Args:
        columns: table -> its columns.

    Raises:
        UsageError: if ``text`` is no key, or names a table or column that is not there.
    """
    cuts = [place for place, char in enumerate(text) if char == "="]
    found = {
        Key(*parent, *child)
        for cut in cuts
        for parent in _readings(text[:cut], columns)
        for child in _readings(text[cut + 1 :], columns)
    }
    if len(found) == 1:
        return found.pop()
    if found:
        raise UsageError(f"The key {text!r} can be read in several ways; rename a table or a column.")
    if not cuts:
        raise UsageError(f"The key {text!r} is not PARENT.COLUMN=CHILD.COLUMN, such as users.user_id=events.user_id.")
    for side in text.split("=", 1):
        table = side.strip().partition(".")[0]
        if len(cuts) == 1 and table in columns and not list(_readings(side, columns)):
            raise UsageError(
                f"The key {text!r} names {side.strip()!r}, and the table {table!r} has the columns "
                f"{', '.join(map(repr, columns[table]))}."
            )
    raise UsageError(f"The key {text!r} names a table that is not here; the tables are {', '.join(columns)}.")


def _readings(text: str, columns: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """(table, column) of each way to read ``table.column``."""
    text = text.strip()
    for table, names in columns.items():
        if text.startswith(f"{table}.") and text[len(table) + 1 :] in names:
            yield table, text[len(table) + 1 :]


def key_text(cells: pd.Series) -> pd.Series:
    """``cells`` as text by which values compare: a whole number reads the same as integer, float or text."""
    if pd.api.types.is_numeric_dtype(cells.dtype) and not pd.api.types.is_bool_dtype(cells.dtype):
        numbers = cells.dropna()
        if pd.api.types.is_integer_dtype(numbers.dtype):
            return numbers.astype(str)
        whole = numbers[np.isfinite(numbers) & (numbers % 1 == 0) & (numbers.abs() < 2.0**63)]
        return pd.concat([whole.astype("int64").astype(str), numbers.drop(whole.index).astype(str)]).reindex(
            numbers.index
        )
    return cells.dropna().astype(str)


def positions_in_parent(child: pd.Series, parent: pd.Series) -> np.ndarray:
    """int64[rows of the child]: where each value stands in ``parent``, whose values differ.

    -1 where the cell is empty, -2 where no row of the parent has the value.
    """
    codes, distinct = pd.factorize(child, use_na_sentinel=True)
    known = key_text(pd.Series(distinct))
    listed = key_text(parent.reset_index(drop=True))
    place = np.full(len(distinct) + 1, -1, np.int64)
    at = pd.Index(listed).get_indexer(pd.Index(known))
    place[known.index.to_numpy()] = np.where(at >= 0, listed.index.to_numpy()[at], -2)
    return place[codes]


def check_single_columns(keys: Sequence[Key], tables: Mapping[str, pd.DataFrame]) -> None:
    """Raise :class:`UsageError` where several keys name a row of one parent together, and none does by itself.

    Two keys of a child to the same parent, such as the airports that a flight leaves and reaches, are none of these.
    """
    joined: dict[tuple[str, str], dict[str, Key]] = {}
    for key in keys:
        joined.setdefault((key.parent, key.child), {})[key.parent_column] = key
    for (parent, child), of in joined.items():
        columns = list(of)
        if len(columns) > 1 and any(tables[parent][column].duplicated().any() for column in columns):
            named_by = ", ".join(key.child_column for key in of.values())
            raise UsageError(
                f"Rows of {parent} are named by {', '.join(columns)} together, and a key of several columns is not "
                f"learned: join them into one column of text in {parent}, likewise {named_by} in {child}, and name "
                "that key."
            )


def check_parent_column(key: Key, cells: pd.Series) -> None:
    """Raise :class:`TableError` unless each row of the parent has a value of its own in the key's column."""
    column = f"{key.parent}.{key.parent_column}"
    if cells.isna().any():
        row = int(np.flatnonzero(cells.isna())[0])
        raise TableError(f"The key column {column} is empty in row {row + 1:,}; fill it, or leave such rows out.")
    again = cells.duplicated()
    if again.any():
        value = cells[again].iloc[0]
        raise TableError(
            f"The key column {column} holds {str(value)!r} in more than one row, so it names no row of {key.parent}; "
            f"in --key the parent stands first: is it {key.child}.{key.child_column}={column}?"
        )
