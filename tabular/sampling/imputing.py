"""Missing cells filled in; what is filled already is read or refused, never drawn, and given back as it stood."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..encoding.arrays import from_arrays, on_grid
from ..encoding.cells import columns_of, numbers, value_type
from ..encoding.frames import Form
from ..encoding.known_cells import read_cells
from ..encoding.unmodelled import unlike
from ..errors import SchemaError
from ..io.reading import check_table
from ..numbers.text import format_numbers
from ..progress import Reporter
from ..rules.completing import settle
from ..schema import Column, Schema
from .batches import BaseCodec
from .drawn_text import as_given_text

__all__ = [
    "Complete",
    "fill_in",
    "filled_cells",
    "in_given_text",
    "learned_cells",
    "read_every_cell",
    "with_cells",
    "with_unlearned",
]

Arrays = dict[str, np.ndarray]
#: (some rows of a codec, int64[missing] which of its parts all of them lack, generator) -> rows in which nothing is
#: missing.
Complete = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def fill_in(
    table: pd.DataFrame, codec: BaseCodec, *, seed: int, progress: Reporter, complete: Complete
) -> pd.DataFrame:
    """``table`` with its missing cells filled in; see :meth:`tabular.synthesizer.Synthesizer.complete`.

    Raises:
        SchemaError: for a filled cell that cannot be read.
    """
    form, index = Form(table), table.index if isinstance(table, pd.DataFrame) else None
    table, schema = check_table(table, minimum_rows=1), codec.schema
    arrays = read_every_cell(table, schema, progress)
    holes = {name: table[name].isna().to_numpy(dtype=bool) for name in schema.names}
    made = filled_cells(arrays, holes, codec, seed=seed, progress=progress, complete=complete)
    filled = with_cells(table, made, holes, schema)
    return form.give_back(filled if index is None else filled.set_axis(index))


def filled_cells(
    arrays: Mapping[str, np.ndarray],
    holes: Mapping[str, np.ndarray],
    codec: BaseCodec,
    *,
    seed: int,
    progress: Reporter,
    complete: Complete,
) -> Arrays:
    """Canonical arrays of all columns, in which cells of ``holes`` (bool[rows] per column) are made."""
    rows, rng = len(next(iter(arrays.values()))), np.random.default_rng(seed)
    with progress.task("Completing", rows, "rows") as task:
        learned = learned_cells(arrays, holes, codec, rng, progress, complete, task.advance)
    return with_unlearned(learned, arrays, holes, codec, rng, seed)


def with_unlearned(
    learned: Arrays,
    arrays: Mapping[str, np.ndarray],
    holes: Mapping[str, np.ndarray],
    codec: BaseCodec,
    rng: np.random.Generator,
    seed: int,
) -> Arrays:
    """``learned`` with the columns that no model learns: none of their cells is missing, and identifiers are new."""
    made = codec.fill(learned, len(next(iter(holes.values()))), rng, start=0, seed=seed, present=True)
    for column in codec.schema:
        if column.kind == "identifier" and column.name in holes and holes[column.name].any():
            made[column.name] = unlike(arrays[column.name], column, seed)
    return made


def learned_cells(
    arrays: Mapping[str, np.ndarray],
    holes: Mapping[str, np.ndarray],
    codec: BaseCodec,
    rng: np.random.Generator,
    progress: Reporter,
    complete: Complete,
    advance: Callable[[int], None] = lambda rows: None,
) -> Arrays:
    """As :func:`filled_cells`, of the columns that a model learns."""
    schema, rows = codec.schema, codec.encode(arrays)
    open_parts = codec.parts.reduced.holes(holes) | codec.parts.holes(holes)
    pattern = np.stack([open_parts[name] for name in codec.names], axis=1)

    def drawn(which: np.ndarray, advance: Callable[[int], None]) -> Arrays:
        """Canonical arrays of the learned columns of some rows, completed."""
        patterns, member = np.unique(pattern[which], axis=0, return_inverse=True)
        completed = rows[which]
        for number, missing in enumerate(patterns):
            alike = np.flatnonzero(member.ravel() == number)
            if missing.any():
                completed[alike] = complete(completed[alike], np.flatnonzero(missing), rng)
            advance(len(alike))
        return codec.values(completed, rng, allowed={})

    learned = drawn(np.arange(len(rows)), advance)
    if schema.rules and learned:
        learned = settle(learned, arrays, holes, schema, lambda which: drawn(which, lambda _: None), progress)
    return learned


def with_cells(
    table: pd.DataFrame, made: Mapping[str, np.ndarray], holes: Mapping[str, np.ndarray], schema: Schema
) -> pd.DataFrame:
    """``table`` with cells of ``made``, canonical arrays, in its ``holes``; every other cell is as it was."""
    cells, filled = from_arrays(dict(made), schema), table.copy()
    for name, hole in holes.items():
        if hole.any() and schema[name].missing_rate != 1:
            filled[name] = _joined(table[name], cells[name], hole, schema[name])
    return filled


def _joined(given: pd.Series, made: pd.Series, hole: np.ndarray, column: Column) -> pd.Series:
    """``given`` with cells of ``made`` in its holes; every other cell is as it was."""
    if isinstance(given.dtype, pd.CategoricalDtype):
        # A given categorical may list fewer categories than were learned, or ones that were folded into another.
        known = made.cat.categories if isinstance(made.dtype, pd.CategoricalDtype) else pd.Index(made.dropna().unique())
        listed = given.cat.categories
        both = listed.union(known, sort=False) if listed.difference(known).size else known
        ordered = bool(isinstance(made.dtype, pd.CategoricalDtype) and made.cat.ordered and both is known)
        dtype = pd.CategoricalDtype(both, ordered=ordered)
        return given.astype(dtype).where(~hole, made.astype(dtype))
    given_type, made_type = (value_type(cells, str(given.name)) for cells in (given, made))
    if given_type == "string" and given.notna().any() and made_type not in ("string", "category"):
        made = pd.Series(as_given_text(made, given, column), dtype=object, index=made.index).astype(given.dtype)
    elif made_type == "string" and column.is_numeric and given_type in ("integer", "float", "decimal"):
        made = pd.Series(numbers(made, column), index=made.index)  # text of a file that this table holds as numbers
    return given.where(~hole, made)


@dataclass(frozen=True)
class _Unread:
    """Cells of a column that its schema does not read: ``bool[rows]``."""

    column: Column
    cells: pd.Series
    where: np.ndarray

    @property
    def count(self) -> int:
        return int(self.where.sum())


def read_every_cell(table: pd.DataFrame, schema: Schema, progress: Reporter | None = None) -> Arrays:
    """The canonical arrays of ``table``, in which only cells that are missing in ``table`` are missing.

    A category that is not known stands for the folded ones where the schema folds rare ones; a number beyond the
    bounds stands for the nearer bound, and ``progress`` is notified of it.

    Raises:
        SchemaError: for a filled cell that the schema does not read, with its column, row (from 1, the header not
            counted) and value.
    """
    arrays, lost = read_cells(table, schema)
    columns = columns_of(table)
    unread = []
    for column in schema:
        if column.has_categories and not column.categories:
            continue  # all missing when it was learned: nothing is read, and nothing drawn
        if lost[column.name].any():
            unread.append(_Unread(column, columns[column.name], lost[column.name]))
        elif column.is_numeric:
            arrays[column.name] = _within(arrays[column.name], column, progress or Reporter())
    if unread:
        raise SchemaError(_refusal(unread))
    return arrays


def _within(values: np.ndarray, column: Column, progress: Reporter) -> np.ndarray:
    """``values`` with those that the column cannot hold replaced by the nearest that it can."""
    held = on_grid(values, column)
    beyond = ~np.isclose(values, held, rtol=1e-12, atol=0.0, equal_nan=True)
    if column.minimum is not None and column.maximum is not None:
        outside = int((beyond & ((values < column.minimum) | (values > column.maximum))).sum())
        if outside:
            progress.note(
                f"Column {column.name!r} holds {outside:,} value{'s' * (outside != 1)} beyond the bounds that were "
                "learned; kept, and the cells beside them are drawn as for the nearer bound."
            )
    return np.where(beyond, held, values)


def _refusal(unread: Sequence[_Unread]) -> str:
    first = unread[0]
    row = int(np.flatnonzero(first.where)[0])
    value = str(first.cells.iloc[row])
    shown = value if len(value) <= 40 else value[:37] + "..."
    more = [(each.column.name, each.count - (each is first)) for each in unread]
    others = sum(count for _, count in more)
    rest = ""
    if others:
        named = ", ".join(f"{count:,} in {name!r}" for name, count in more[:5] if count)
        rest = f" {others:,} more cell{'s' * (others != 1)} cannot be read ({named}{', ...' * (len(more) > 5)})."
    return (
        f"Column {first.column.name!r} holds {shown!r} in row {row + 1:,} (the header not counted), where the run "
        f"reads {_expected(first.column)}; write it so, or clear the cell to have it drawn.{rest}"
    )


def _expected(column: Column) -> str:
    if column.has_categories:
        listed = [str(value) for value in column.categories[:6]]
        return f"one of: {', '.join(listed)}{', ...' * (len(column.categories) > 6)}"
    if column.kind == "datetime":
        return f"dates in the format {column.format}" if column.format else "dates"
    return f"numbers such as {format_numbers(np.array([12.0]), column.format)[0]}" if column.format else "numbers"


def in_given_text(filled: pd.DataFrame, text: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """``text``, the cells of a text file as they stand there, with the drawn cells of ``filled`` where it has none."""
    written = text.copy()
    for name in text.columns:
        hole = (text[name].isna() & filled[name].notna()).to_numpy(dtype=bool)
        if hole.any():
            cells = text[name].to_numpy(dtype=object)
            cells[hole] = as_given_text(filled[name][hole], text[name], schema[name])
            written[name] = pd.Series(cells, dtype=object, index=text.index)
    return written
