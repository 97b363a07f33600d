"""Making rows in parts and filling in missing cells: what is the same for every generator that makes rows as tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from .arrays import from_arrays, to_arrays
from .errors import UsageError
from .progress import Reporter
from .reading import check_table
from .schema import Schema
from .unmodelled import is_missing, unlike

__all__ = ["fill_in", "make_parts"]

Advance = Callable[[int], None]
Arrays = dict[str, np.ndarray]


def make_parts(
    n: int,
    schema: Schema,
    *,
    part_rows: int,
    done: int,
    seed: int,
    progress: Reporter,
    draw: Callable[[int, np.random.Generator, Advance], np.ndarray],
    decode: Callable[[np.ndarray, np.random.Generator, int], Arrays],
) -> Iterator[pd.DataFrame]:
    """Yield ``n`` rows in parts, each from a seed of its own, so that parts that are ``done`` need not be made again.

    Args:
        draw: (rows, generator, to be told how many are done) -> int[rows, width].
        decode: (these, generator, number of the first row) -> canonical arrays.

    Raises:
        UsageError: for fewer than one row.
    """
    if n < 1:
        raise UsageError(f"The number of rows must be 1 or more, not {n}.")
    with progress.task("Sampling", n, "rows") as task:
        task.advance(done)
        for part, start in enumerate(range(0, n, part_rows)):
            if start < done:
                continue
            rows = min(part_rows, n - start)
            rng = np.random.default_rng([seed, part])
            drawn = draw(rows, rng, task.advance)
            # Rows come sorted by their beginnings; nobody should be able to tell.
            drawn = drawn[rng.permutation(rows)]
            yield from_arrays(decode(drawn, rng, start), schema)


def fill_in(
    table: pd.DataFrame,
    schema: Schema,
    names: Sequence[str],
    *,
    seed: int,
    progress: Reporter,
    encode: Callable[[Mapping[str, np.ndarray]], np.ndarray],
    complete: Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray],
    decode: Callable[[np.ndarray, np.random.Generator], Arrays],
) -> pd.DataFrame:
    """``table`` with its missing cells filled in; see :meth:`tabular.synthesizer.Synthesizer.complete`.

    Args:
        names: the columns that are modelled.
        encode: canonical arrays -> int[rows, width].
        complete: (some rows of these, int64[missing] which of ``names`` all of them lack, generator) -> rows.
        decode: (rows, generator) -> canonical arrays, in which nothing is missing.
    """
    index = table.index
    table = check_table(table, minimum_rows=1, minimum_columns=1)
    arrays = to_arrays(table, schema)
    holes = {name: is_missing(values) for name, values in arrays.items()}
    rows = encode(arrays)
    pattern = np.stack([holes[name] for name in names], axis=1)
    patterns, member = np.unique(pattern, axis=0, return_inverse=True)
    rng = np.random.default_rng(seed)
    with progress.task("Completing", len(table), "rows") as task:
        for number, missing in enumerate(patterns):
            alike = np.flatnonzero(member.ravel() == number)
            if missing.any():
                rows[alike] = complete(rows[alike], np.flatnonzero(missing), rng)
            task.advance(len(alike))
    decoded = decode(rows, rng)
    for column in schema:
        if column.kind == "identifier" and holes[column.name].any():
            decoded[column.name] = unlike(arrays[column.name], column, seed)
    made = from_arrays(decoded, schema)
    filled = table.copy()
    for name, hole in holes.items():
        if hole.any() and schema[name].missing_rate != 1:
            # A given categorical may list fewer categories than were learned.
            given = table[name].astype(made[name].dtype) if table[name].dtype == "category" else table[name]
            filled[name] = given.where(~hole, made[name])
    return filled.set_axis(index)
