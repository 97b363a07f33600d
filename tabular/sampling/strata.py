"""Samples with the shares that were requested: equal ones for every combination, or a target that no group decides.

A stratum is a combination of categories and how many of its rows are wanted. Its rows are drawn conditionally, so
within it all other columns are as the generator learned them, and any generator with conditions will do. A run
keeps no fractions of categories, so those are counted in a sample of the model's own, the probe.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..encoding.arrays import from_arrays, to_arrays
from ..encoding.repeating import put_repeating, repeats
from ..encoding.unmodelled import unmodelled
from ..errors import ConditionError, UsageError
from ..progress import Reporter, Task
from ..rules.reducing.file_order import in_file_order
from ..schema import Schema
from ..where.text import Where, unknown_column
from .shares import balanced, in_parts, parity

if TYPE_CHECKING:
    import pandas as pd

    from ..synthesizer import Synthesizer

__all__ = ["Cells", "Stratum", "balanced_strata", "check_categories", "fair_strata", "probe", "sample_strata"]

#: Rows of a probe, and the fewest: a fraction of 24 % is then known to 0.3 points, and to 1 point.
PROBE_ROWS, FEWEST_PROBED = 20_000, 2_000
#: Rows of one part, each with its fair fraction of every stratum.
PART_ROWS = 1 << 13
#: Combinations beyond which drawing each by itself would take for ever.
MAX_CELLS = 1_000


@dataclass(frozen=True)
class Stratum:
    """Rows that agree in some columns.

    Attributes:
        values: column -> its value, ``None`` where it is missing.
        rows: how many are wanted.
    """

    values: Mapping[str, Any]
    rows: int


@dataclass(frozen=True)
class Cells:
    """The combinations of some columns that occur in a probe.

    Attributes:
        columns: the columns combined.
        codes: ``int32[cells, columns]``, places among the categories of each column, -1 = missing; ascending.
        counts: ``int64[cells]``, rows of the probe.
    """

    schema: Schema
    columns: tuple[str, ...]
    codes: np.ndarray
    counts: np.ndarray

    def values(self, cell: int) -> dict[str, Any]:
        """What the columns hold in a cell."""
        pairs = zip(self.columns, self.codes[cell].tolist(), strict=True)
        return {name: None if code < 0 else self.schema[name].categories[code] for name, code in pairs}


def check_categories(names: Sequence[str], schema: Schema) -> None:
    """Raise :class:`UsageError` if one of ``names`` is no column of categories, or stands there twice."""
    for i, name in enumerate(names):
        if name not in schema:
            raise unknown_column(name, schema.names)
        if name in names[:i]:
            raise UsageError(f"The column {name!r} is named twice; name it once.")
        if not schema[name].has_categories:
            raise UsageError(
                f"Column {name!r} is of the kind {schema[name].kind}, which has no fractions to set; "
                f"name a column of categories, or fit anew with --kind {name}=categorical."
            )


def probe(
    synthesizer: Synthesizer,
    columns: Sequence[str],
    n: int,
    *,
    where: Where = None,
    seed: int = 0,
    progress: Reporter | None = None,
) -> Cells:
    """Which combinations of ``columns`` occur, and how often, in a sample that is not much larger than ``n``.

    Raises:
        UsageError: if a column has no categories, or there are too many combinations.
    """
    check_categories(columns, synthesizer.schema)
    rows = min(PROBE_ROWS, max(n, FEWEST_PROBED))
    stacked = []
    for part in synthesizer.sample_batches(rows, where=where, seed=_seed(seed, 0, 0), progress=progress):
        arrays = to_arrays(part, synthesizer.schema)
        stacked.append(np.stack([arrays[name] for name in columns], axis=1))
    codes, counts = np.unique(np.concatenate(stacked), axis=0, return_counts=True)
    if len(codes) > MAX_CELLS:
        raise UsageError(
            f"{' and '.join(map(repr, columns))} have {len(codes):,} combinations, and at most {MAX_CELLS:,} can be "
            "drawn one by one; name fewer columns, or fit with --rare-below."
        )
    return Cells(synthesizer.schema, tuple(columns), codes, counts)


def balanced_strata(cells: Cells, n: int) -> list[Stratum]:
    """Equal shares for every combination that occurs; a missing cell is no category, so none has one.

    Raises:
        UsageError: for fewer rows than combinations.
    """
    filled = np.flatnonzero((cells.codes >= 0).all(1)).tolist()
    if n < len(filled):
        raise UsageError(
            f"{n:,} rows cannot be shared by {len(filled):,} combinations of {', '.join(cells.columns)}; "
            f"ask for at least {len(filled):,}."
        )
    return [Stratum(cells.values(cell), int(rows)) for cell, rows in zip(filled, balanced(n, len(filled)), strict=True)]


def fair_strata(cells: Cells, n: int) -> list[Stratum]:
    """The first column, the target, as it is in all rows, in every group of the other columns; see :func:`parity`."""
    groups, group = np.unique(cells.codes[:, 1:], axis=0, return_inverse=True)
    targets, target = np.unique(cells.codes[:, 0], return_inverse=True)
    counts = np.zeros((len(groups), len(targets)), np.int64)
    np.add.at(counts, (group.ravel(), target.ravel()), cells.counts)
    rows = parity(n, counts)
    pairs = [(i, j) for i in range(len(groups)) for j in range(len(targets))]
    every = np.array([[targets[j], *groups[i]] for i, j in pairs], np.int32)
    crossed = Cells(cells.schema, cells.columns, every, rows.ravel())
    return [Stratum(crossed.values(k), int(count)) for k, count in enumerate(crossed.counts) if count]


def sample_strata(
    synthesizer: Synthesizer,
    strata: Sequence[Stratum],
    *,
    where: Where = None,
    seed: int = 0,
    progress: Reporter | None = None,
    done: int = 0,
) -> Iterator[pd.DataFrame]:
    """Yield the rows of all ``strata``, mixed, in parts of :data:`PART_ROWS` that each hold a fraction of every one.

    Args:
        where: conditions that every row keeps besides.
        seed: the same seed gives the same rows.
        done: rows of the first parts that an earlier, interrupted call gave already; they are left out.

    Raises:
        ConditionError: if a stratum has no rows that the generator can make.
    """
    import pandas as pd

    given = [] if where is None else [where] if isinstance(where, str | Mapping) else list(where)
    counts = np.array([stratum.rows for stratum in strata], np.int64)

    def mixed(done: int) -> Iterator[pd.DataFrame]:
        start = 0
        with (progress or Reporter()).task("Sampling", int(counts.sum()), "rows") as task:
            for number, each in enumerate(in_parts(counts, PART_ROWS), 1):
                rows = int(each.sum())
                if start < done:
                    task.advance(rows)
                else:
                    made = [
                        _drawn(synthesizer, strata[i], int(each[i]), given, _seed(seed, number, i), task)
                        for i in np.flatnonzero(each).tolist()
                    ]
                    order = np.random.default_rng([seed, number]).permutation(rows)
                    drawn = pd.concat(made, ignore_index=True).take(order).reset_index(drop=True)
                    yield _identified(drawn, synthesizer.schema, start, seed)
                start += rows

    yield from in_file_order(synthesizer.schema, PART_ROWS, done, mixed)


def _drawn(
    synthesizer: Synthesizer, stratum: Stratum, rows: int, given: list[Any], seed: int, task: Task
) -> pd.DataFrame:
    try:
        return synthesizer.sample(rows, where=[*given, stratum.values], seed=seed, progress=_Within(task))
    except ConditionError as error:
        named = ", ".join(f"{name}={'missing' if value is None else value}" for name, value in stratum.values.items())
        raise ConditionError(f"Rows with {named} cannot be made: {error}") from None


def _identified(table: pd.DataFrame, schema: Schema, start: int, seed: int) -> pd.DataFrame:
    """``table`` with identifiers of one run of numbers: those of two strata might be the same."""
    for column in schema:
        if column.kind == "identifier" and not repeats(column):
            made = unmodelled(column, len(table), np.random.default_rng(0), start=start, seed=seed, present=True)
            made[table[column.name].isna().to_numpy(dtype=bool)] = None
            table[column.name] = from_arrays({column.name: made}, Schema((column,)))[column.name]
    if any(map(repeats, schema)):
        # What strata were requested stays as it is, so the rows of one person may differ where they should not.
        arrays = to_arrays(table, schema)
        put_repeating(arrays, schema, len(table), start=start, seed=seed, keep=True)
        for column in filter(repeats, schema):
            table[column.name] = from_arrays({column.name: arrays[column.name]}, Schema((column,)))[column.name]
    return table


def _seed(seed: int, part: int, stratum: int) -> int:
    """A seed of its own for the rows of each stratum in each part."""
    return int(np.random.SeedSequence([seed, part, stratum]).generate_state(1, np.uint32)[0])


class _Within(Reporter):
    """Work that is a part of another ``task`` and moves its bar."""

    def __init__(self, outer: Task) -> None:
        self.outer = outer

    @contextmanager
    def task(self, label: str, total: float, unit: str) -> Iterator[Task]:
        yield self.outer
