"""Filling in the missing cells of rows: the known columns are read, the others drawn after them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tabular.arrays import from_arrays, to_arrays
from tabular.progress import Reporter
from tabular.reading import check_table
from tabular.schema import Schema

from ..codec.rows import is_missing, unlike
from ..nano.orders import order_with_first
from .batches import BatchMaker
from .codec import LmCodec
from .engine import LmEngine
from .sampler import LmSampler

__all__ = ["complete_rows"]


def complete_rows(
    codec: LmCodec, engine: LmEngine, schema: Schema, table: pd.DataFrame, *, seed: int, progress: Reporter
) -> pd.DataFrame:
    """``table`` with its missing cells filled in; see :meth:`tabular.synthesizer.Synthesizer.complete`."""
    index = table.index
    table = check_table(table, minimum_rows=1, minimum_columns=1)
    arrays = to_arrays(table, schema)
    holes = {name: is_missing(values) for name, values in arrays.items()}
    choices = codec.encode(arrays)
    pattern = np.stack([holes[name] for name in codec.names], axis=1)
    patterns, member = np.unique(pattern, axis=0, return_inverse=True)
    rng = np.random.default_rng(seed)
    sampler = LmSampler(engine, codec)
    with progress.task("Completing", len(table), "rows") as task:
        for number, missing in enumerate(patterns):
            rows = np.flatnonzero(member.ravel() == number)
            if missing.any():
                choices[rows] = _complete_pattern(sampler, codec, choices[rows], np.flatnonzero(missing), rng)
            task.advance(len(rows))
    decoded = codec.decode(choices, rng, start=0, seed=seed, allowed={}, present=True)
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


def _complete_pattern(
    sampler: LmSampler, codec: LmCodec, choices: np.ndarray, missing: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """int32[rows, width]: rows of which the same columns are missing, completed."""
    columns = len(codec.names)
    given = [column for column in range(columns) if column not in set(missing.tolist())]
    order = order_with_first(given, columns)
    conditions = {int(column): automaton for column in missing if (automaton := codec.present(int(column))) is not None}
    if not given:
        return sampler.sample(len(choices), order, rng, conditions=conditions)
    batch = BatchMaker(codec).make(choices, np.tile(np.asarray(given), (len(choices), 1)))
    record = choices.copy()
    for column in missing:
        record[:, codec.spans[column]] = -1
    return sampler.complete(batch.ids, batch.lengths - 1, record, len(given), order, rng, conditions=conditions)
