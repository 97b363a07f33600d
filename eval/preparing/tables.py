"""The tables under comparison as canonical arrays, made once and shared by every metric."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tabular.encoding.arrays import to_arrays
from tabular.errors import TableError
from tabular.schema import Schema

__all__ = ["MIN_ROWS", "Table", "Tables", "check_form", "code_unseen", "load_tables", "subsample"]

#: Below this, no figure of the report would mean anything.
MIN_ROWS = 10

#: Numbers are rounded here, so that 0.1 + 0.2 meets the atom 0.3 (SDMetrics rounds for the same reason).
DECIMALS = 12
#: Larger numbers are taken as missing, as infinity is: their squares overflow.
MAX_NUMBER = 1e30


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        arrays: per column ``float64[rows]`` with NaN for missing (numeric kinds), ``int32[rows]`` with -1
            for missing (kinds with categories), ``object[rows]`` (text, identifier).
    """

    rows: int
    arrays: dict[str, np.ndarray] = field(repr=False)

    def take(self, index: np.ndarray) -> Table:
        """The rows at ``index``."""
        return Table(len(index), {name: array[index] for name, array in self.arrays.items()})


@dataclass(frozen=True)
class Tables:
    """Real, synthetic and maybe a holdout, with one coding of the categories.

    Attributes:
        numeric, tokens, texts: column names by how they are measured; identifiers stand in none.
        cardinality: number of codes of a token column, those that only another table knows included.
        known: number of codes that the real table's schema knows; higher ones are unseen values.
    """

    schema: Schema
    real: Table
    synthetic: Table
    holdout: Table | None
    numeric: tuple[str, ...]
    tokens: tuple[str, ...]
    texts: tuple[str, ...]
    cardinality: dict[str, int]
    known: dict[str, int]
    notes: tuple[str, ...] = ()

    @property
    def modelled(self) -> tuple[str, ...]:
        """The columns that the metrics read, in table order."""
        chosen = {*self.numeric, *self.tokens}
        return tuple(name for name in self.schema.names if name in chosen)


def load_tables(real: pd.DataFrame, synthetic: pd.DataFrame, holdout: pd.DataFrame | None, schema: Schema) -> Tables:
    """Check the tables against each other and turn them into arrays.

    Raises:
        TableError: if columns differ, are repeated, or a table has fewer than :data:`MIN_ROWS` rows.
    """
    frames = {"real": real, "synthetic": synthetic} | ({} if holdout is None else {"holdout": holdout})
    for label, frame in frames.items():
        check_form(label, frame, schema)
    numeric = tuple(c.name for c in schema if c.is_numeric)
    tokens = tuple(c.name for c in schema if c.has_categories)
    texts = tuple(c.name for c in schema if c.kind == "text")
    identifiers = [c.name for c in schema if c.kind == "identifier"]

    arrays = {label: dict(to_arrays(frame, schema, unseen="missing")) for label, frame in frames.items()}
    infinite = False
    for name in numeric:
        for columns in arrays.values():
            columns[name], found = _clean(columns[name])
            infinite |= found
    known = {name: len(schema[name].categories) for name in tokens}
    cardinality = {name: known[name] + len(code_unseen(name, known[name], frames, arrays)) for name in tokens}

    notes = []
    if texts or identifiers:
        left_out = ", ".join([*texts, *identifiers])
        notes.append(f"Text and identifier columns are left out of the metrics: {left_out}.")
    if infinite:
        notes.append("Numbers beyond 1e30 were taken as missing, as infinite ones are.")
    made = {label: Table(len(frames[label]), columns) for label, columns in arrays.items()}
    return Tables(
        schema,
        made["real"],
        made["synthetic"],
        made.get("holdout"),
        numeric,
        tokens,
        texts,
        cardinality,
        known,
        tuple(notes),
    )


def subsample(table: Table, rows: int, rng: np.random.Generator) -> Table:
    """``rows`` rows drawn without replacement, in their order; the table itself if it has no more."""
    if table.rows <= rows:
        return table
    return table.take(np.sort(rng.choice(table.rows, rows, replace=False)))


def beside_holdout(tables: Tables, rows: int, rng: np.random.Generator) -> tuple[Table, Table, int]:
    """(at most ``rows`` real rows, held-out rows, into how many parts of as many rows the real ones can be dealt)."""
    assert tables.holdout is not None
    real = subsample(tables.real, rows, rng)
    parts = -(-real.rows // tables.holdout.rows)
    size = real.rows // parts
    holdout = subsample(tables.holdout, size, rng)
    return real, holdout, parts


def check_form(label: str, frame: pd.DataFrame, schema: Schema) -> None:
    """Raise :class:`TableError` if ``frame`` lacks columns of ``schema``, has others, or too few rows to compare."""
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise TableError(f"The {label} table has the column {str(twice)!r} more than once; rename one.")
    names = [str(name) for name in frame.columns]
    missing = [name for name in schema.names if name not in set(names)]
    extra = [name for name in names if name not in schema]
    if missing or extra:
        parts = [f"lacks {', '.join(map(repr, missing))}"] if missing else []
        parts += [f"has besides {', '.join(map(repr, extra))}"] if extra else []
        raise TableError(
            f"The {label} table does not have the columns of the real one: it {' and '.join(parts)}; "
            "compare tables with the same columns."
        )
    if len(frame) < MIN_ROWS:
        raise TableError(f"The {label} table has {len(frame)} rows; a comparison needs at least {MIN_ROWS}.")


def _clean(array: np.ndarray) -> tuple[np.ndarray, bool]:
    """``array`` rounded, without infinities and negative zeros, and whether it held any infinity."""
    array = np.asarray(array, dtype=np.float64)
    too_large = np.abs(array) > MAX_NUMBER
    if too_large.any():
        array = np.where(too_large, np.nan, array)
    # Beyond 1e3 the 12th decimal is below float64's own resolution; below 1e-6 it would cut real digits.
    size = np.abs(array)
    array = np.where((size >= 1e-6) & (size < 1e3), np.round(array, DECIMALS), array)
    return array + 0.0, bool(too_large.any())


def code_unseen(
    name: str, known: int, frames: dict[str, pd.DataFrame], arrays: dict[str, dict[str, np.ndarray]]
) -> list[str]:
    """Give values outside the schema codes from ``known`` on, the same in every table; return them in that order.

    Else they would hide among the missing cells, and a generator that invents categories would pass.
    """
    masks = {}
    for label, frame in frames.items():
        masks[label] = (arrays[label][name] < 0) & frame[name].notna().to_numpy(dtype=bool)
        if masks[label].any():  # a cell that repeats the header is a missing one, as in `to_arrays`
            masks[label] &= (frame[name].astype(str) != name).to_numpy(dtype=bool)
    if not any(mask.any() for mask in masks.values()):
        return []
    values = [frame[name][masks[label]].astype(str).to_numpy(dtype=object) for label, frame in frames.items()]
    codes, uniques = pd.factorize(np.concatenate(values))
    for label, part in zip(frames, np.split(codes, np.cumsum([len(v) for v in values])[:-1]), strict=True):
        column = arrays[label][name].copy()
        column[masks[label]] = known + part
        arrays[label][name] = column
    return list(uniques)
