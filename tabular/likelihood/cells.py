"""From a table to the log-probability of each of its cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..encoding.arrays import on_grid
from ..encoding.known_cells import read_cells
from ..encoding.unmodelled import is_missing
from ..errors import UsageError
from ..parts import Parts
from ..rules.reducing.derivations import Derivation, constant
from ..rules.reducing.keeping import Keeping
from ..schema import Column, Schema
from .scorer import Query, RowScorer
from .spans import part_spans

__all__ = ["Request", "cell_log_probs", "impossible", "request", "same"]

#: Rows whose arrays are taken apart together.
BLOCK_ROWS = 1 << 16


@dataclass(frozen=True)
class Request:
    """Which columns are scored given which others, in table order.

    Attributes:
        schema: of these columns alone, with the rules that are about them alone.
        derived: of these columns, those that follow from others.
    """

    columns: list[str]
    given: list[str]
    schema: Schema
    derived: Mapping[str, Derivation]


def request(
    schema: Schema, scorer: RowScorer, columns: Sequence[str] | None = None, given: Sequence[str] | None = None
) -> Request:
    """Check the names and put them in order.

    Args:
        columns: all that have a probability, without those ``given``, if absent.

    Raises:
        UsageError: for a column that has no probability, stands on both sides, or follows from columns that are not
            there.
    """
    modelled = set(scorer.parts.columns(scorer.names))
    scorable = [c.name for c in schema if c.name in modelled or c.kind not in ("identifier", "text")]
    fixed = list(dict.fromkeys(given or ()))
    wanted = [name for name in scorable if name not in fixed] if columns is None else list(dict.fromkeys(columns))
    for name in [*wanted, *fixed]:
        if name not in schema:
            raise UsageError(f"There is no column {name!r}; the run has {', '.join(map(repr, schema.names))}.")
        if name not in scorable:
            raise UsageError(
                f"Column {name!r} is {schema[name].kind}: its values are made up for each row, so none has a "
                "probability; leave it out."
            )
        if name in wanted and name in fixed:
            raise UsageError(f"Column {name!r} is both scored and given; take it out of one of them.")
    derived = {found.target: found for found in scorer.parts.reduced.derivations}
    for names, there in ((wanted, [*wanted, *fixed]), (fixed, fixed)):
        for name in names:
            absent = [source for source in derived[name].sources if source not in there] if name in derived else []
            if absent:
                raise UsageError(
                    f"Column {name!r} follows from {', '.join(map(repr, derived[name].sources))} by the rule "
                    f"{derived[name].rule.text!r}; {'score or give' if names is wanted else 'give'} "
                    f"{absent[0]!r} too, or leave {name!r} out."
                )
    used = {*wanted, *fixed}
    part = schema.drop_columns([name for name in schema.names if name not in used])
    kept = {name: found for name, found in derived.items() if name in used}
    return Request([n for n in schema.names if n in wanted], [n for n in schema.names if n in fixed], part, kept)


def cell_log_probs(
    table: pd.DataFrame, scorer: RowScorer, requested: Request, advance: Callable[[int], None]
) -> np.ndarray:
    """Natural log of each cell's probability, float64[rows, columns]; see :class:`.methods.Likelihood`.

    Raises:
        SchemaError: if the table lacks a column that is requested.
    """
    if not requested.columns:
        advance(len(table))
        return np.empty((len(table), 0))
    arrays, lost = read_cells(table, requested.schema)
    never = impossible(arrays, lost, requested.schema)
    result = np.empty((len(table), len(requested.columns)))
    for start in range(0, len(table), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        block = {name: values[rows] for name, values in arrays.items()}
        result[rows] = _block(block, {name: bad[rows] for name, bad in never.items()}, scorer, requested, advance)
    return result


def _block(
    arrays: dict[str, np.ndarray],
    never: dict[str, np.ndarray],
    scorer: RowScorer,
    requested: Request,
    advance: Callable[[int], None],
) -> np.ndarray:
    parts = scorer.parts
    rows = len(next(iter(arrays.values())))
    split = parts.split(arrays)
    for name, values in _made(parts, arrays).items():
        never[name] |= ~same(values, arrays[name])
    known = {name: values for name, values in split.items() if name in scorer.names}
    for name in arrays:
        for part in parts.of(name):
            if part in split and part not in known:
                only = constant(parts.schema[part], rows)
                never[name] |= False if only is None else ~same(only, split[part])
    given, scored = (_drawn(parts, scorer, names) for names in (requested.given, requested.columns))
    found = scorer.log_probs(Query(known, part_spans(known, arrays, parts), given, scored), advance)
    result = np.zeros((rows, len(requested.columns)))
    for index, name in enumerate(requested.columns):
        for part in parts.of(name):
            if part in found:
                result[:, index] += found[part]
        result[never[name], index] = -np.inf
    undefined = np.any([never[name] for name in requested.given], axis=0) if requested.given else np.zeros(rows, bool)
    computed = {derivation.rule for derivation in requested.derived.values()}
    for rule in Keeping(requested.schema, {}).rules:
        if rule in computed:
            continue
        about = [name for name in requested.columns if name in rule.columns(requested.schema.names)]
        broken = ~rule.kept(arrays, requested.schema)
        if about:
            result[broken, requested.columns.index(about[-1])] = -np.inf
        else:
            undefined |= broken
    result[undefined] = np.nan
    return result


def _made(parts: Parts, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The canonical values of the columns that follow from others, where these say so."""
    reduced = parts.reduced
    whole = reduced.split(arrays)
    made: dict[str, np.ndarray] = {}
    for derivation in reduced.derivations:
        if derivation.target in arrays:
            made[derivation.target] = derivation.join({**whole, **made})
    for name in made.keys() & reduced.flags.keys():
        gone = np.nan if made[name].dtype.kind == "f" else -1
        made[name] = np.where(whole[reduced.flags[name].name] < 0, gone, made[name]).astype(made[name].dtype)
    return made


def _drawn(parts: Parts, scorer: RowScorer, names: Sequence[str]) -> list[str]:
    wanted = {part for name in names for part in parts.of(name)}
    return [name for name in scorer.names if name in wanted]


def impossible(
    arrays: Mapping[str, np.ndarray], lost: Mapping[str, np.ndarray], schema: Schema
) -> dict[str, np.ndarray]:
    """Per column ``bool[rows]``: cells that the schema rules out.

    Args:
        lost: what :func:`tabular.encoding.known_cells.read_cells` found.
    """
    found = {}
    for column in schema:
        values = arrays[column.name]
        bad = lost[column.name].copy()
        if column.is_numeric:
            bad |= ~np.isclose(values, on_grid(values, column), rtol=1e-9, atol=0.0, equal_nan=True)
        if not column.missing_rate and _has_values(column):
            bad |= is_missing(values)
        found[column.name] = bad
    return found


def _has_values(column: Column) -> bool:
    """Whether any cell of the column was filled when it was learned."""
    return bool(column.categories) if column.has_categories else True


def same(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """bool[rows]: canonical values that are equal, or both missing."""
    if first.dtype.kind == "f" or second.dtype.kind == "f":
        return np.isclose(first.astype(float), second.astype(float), rtol=1e-9, atol=1e-9, equal_nan=True)
    return (first == second) | (is_missing(first) & is_missing(second))
