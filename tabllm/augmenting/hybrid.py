"""Hybrid tables: the real rows as they are, and synthetic ones of the classes that are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from tabular.encoding.arrays import from_arrays
from tabular.encoding.repeating import repeats
from tabular.encoding.unmodelled import unlike
from tabular.errors import UsageError
from tabular.io.reading import random_order
from tabular.progress import Reporter
from tabular.sampling.strata import Stratum, sample_strata
from tabular.schema import Schema
from tabular.synthesizer import Synthesizer

__all__ = ["check_provenance", "hybrid_parts", "mixed", "synthetic_parts"]

REAL, SYNTHETIC = "real", "synthetic"


def check_provenance(name: str | None, table: pd.DataFrame) -> None:
    """Raise :class:`UsageError` if the column that tells real from synthetic rows would be another one's."""
    if name is not None and (not name.strip() or name in table.columns):
        raise UsageError(f"--provenance {name!r} is a column of the table already, or no name; choose another.")


def hybrid_parts(
    real: pd.DataFrame,
    synthesizer: Synthesizer,
    strata: Sequence[Stratum],
    *,
    written: pd.DataFrame | None = None,
    provenance: str | None = None,
    seed: int = 0,
    progress: Reporter | None = None,
    done: int = 0,
) -> Iterator[pd.DataFrame]:
    """Yield the real rows, then the synthetic ones in parts; columns are ordered as in ``real``.

    Args:
        written: the real rows as they are to be written, where that is not as they are read.
        provenance: name of a last column that says ``real`` or ``synthetic``.
        done: rows of the first parts that an earlier, interrupted call gave already; they are left out.
    """
    if not done:
        yield _marked(real if written is None else written, provenance, REAL)
    made = synthetic_parts(real, synthesizer, strata, seed=seed, progress=progress, done=max(0, done - len(real)))
    for part in made:
        yield _marked(part[list(real.columns)], provenance, SYNTHETIC)


def synthetic_parts(
    real: pd.DataFrame,
    synthesizer: Synthesizer,
    strata: Sequence[Stratum],
    *,
    seed: int = 0,
    progress: Reporter | None = None,
    done: int = 0,
) -> Iterator[pd.DataFrame]:
    """Yield the synthetic rows; no identifier of theirs is one of a real row."""
    rows = sum(stratum.rows for stratum in strata)
    # Identifiers that come back are surrogates, none of them real, and must go on coming back.
    columns = [column for column in synthesizer.schema if column.kind == "identifier" and not repeats(column)]
    fresh = {column.name: unlike(real[column.name].to_numpy(object), column, seed, rows) for column in columns}
    start = done
    for part in sample_strata(synthesizer, strata, seed=seed, progress=progress, done=done):
        for column in columns:
            values = fresh[column.name][start : start + len(part)].copy()
            values[part[column.name].isna().to_numpy(dtype=bool)] = None
            part[column.name] = from_arrays({column.name: values}, Schema((column,)))[column.name]
        start += len(part)
        yield part


def mixed(parts: Iterator[pd.DataFrame], seed: int) -> pd.DataFrame:
    """All rows in one table, in an order that the seed draws."""
    return random_order(pd.concat(parts, ignore_index=True), seed)


def _marked(table: pd.DataFrame, provenance: str | None, word: str) -> pd.DataFrame:
    return table if provenance is None else table.assign(**{provenance: word})
