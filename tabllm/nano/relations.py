"""Which relations between two columns a fitted model has lost, judged on rows of tokens.

A falling loss says nothing about a single relation: a model may know thirty columns well and have lost the one
correlation that a table is wanted for. Of every pair of columns Cramér's V is compared, bias-corrected (Bergsma
2013) and numbers cut into tenths, and of every pair of numbers Spearman's correlation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tabular.rules.reducing.file_order import order_of
from tabular.schema import Schema

from ..codec.table import TableCodec
from .engines.base import NanoEngine
from .sampler import Sampler

__all__ = ["CHECKED_ROWS", "checked_fields", "lost_relations", "rows_to_check", "sentence", "unordered"]

#: Rows of either table that are compared at most, and columns beyond which the rest is left out.
CHECKED_ROWS, MAX_COLUMNS = 4000, 200
#: Cells that are drawn for it at most: each costs as much as there are cells before it in its row.
CHECKED_CELLS = 200_000
#: Groups that a column is cut into: tenths of a number, the most frequent categories and the rest.
GROUPS = 10
#: A relation is lost if it is weaker by this much, and by this many standard errors of Fisher's z.
MIN_LOSS, MIN_ERRORS = 0.1, 4.0
#: Lost relations that are named, the greatest losses first.
MAX_NAMED = 10


def checked_fields(codec: TableCodec) -> list[int]:
    """The fields that are compared, ascending: a category of two tokens by the first, neighbours in sorted order."""
    return [index for index, field in enumerate(codec.fields) if field.parent < 0][:MAX_COLUMNS]


def rows_to_check(engine: NanoEngine, codec: TableCodec, rng: np.random.Generator) -> np.ndarray:
    """int32[rows, fields]: rows of the model up to the last field that is compared; what comes after has no say."""
    fields = checked_fields(codec)[-1] + 1
    rows = min(CHECKED_ROWS, CHECKED_CELLS // fields)
    return Sampler(engine, codec.parents).sample(rows, range(fields), rng)


def lost_relations(codec: TableCodec, real: np.ndarray, synthetic: np.ndarray) -> list[dict[str, Any]]:
    """The pairs of columns whose relation is weaker among ``synthetic`` rows than chance explains.

    Args:
        real: int32[rows, fields], tokens.
        synthetic: the same; the fields after the last of :func:`checked_fields` may be left out.

    Returns:
        For each pair, the greatest loss first: ``columns``, ``measure``, ``real``, ``synthetic``.
    """
    fields = checked_fields(codec)
    ranks = np.split(codec.ranks(real), np.cumsum(codec.sizes)[:-1])
    numbers = [field for field in fields if not np.isnan(ranks[field]).all()]
    groups = [_groups(ranks[field], real[:, field]) for field in fields]
    both = real, synthetic
    v = [_cramers_v([group[rows[:, field]] for group, field in zip(groups, fields, strict=True)]) for rows in both]
    rho = [_spearman([ranks[field][rows[:, field]] for field in numbers]) for rows in both]
    error = np.sqrt(1.06 / max(len(real) - 3, 1) + 1.06 / max(len(synthetic) - 3, 1))
    lost: dict[tuple[str, str], dict[str, Any]] = {}
    for measure, columns, (before, after) in (("Cramér's V", fields, v), ("Spearman's correlation", numbers, rho)):
        # What turned its sign is lost too.
        kept = after * np.sign(before)
        fall = np.triu(np.abs(before) - kept, 1)
        beyond = np.arctanh(np.minimum(np.abs(before), 0.999)) - np.arctanh(np.clip(kept, -0.999, 0.999))
        for i, j in np.argwhere((fall > MIN_LOSS) & (beyond > MIN_ERRORS * error)):
            names = codec.fields[columns[i]].column, codec.fields[columns[j]].column
            found = {
                "columns": list(names),
                "measure": measure,
                "real": round(float(before[i, j]), 3),
                "synthetic": round(float(after[i, j]), 3),
            }
            if names not in lost or _fall(found) > _fall(lost[names]):
                lost[names] = found
    return sorted(lost.values(), key=_fall, reverse=True)[:MAX_NAMED]


def unordered(lost: list[dict[str, Any]], schema: Schema, whole: Mapping[str, str]) -> list[dict[str, Any]]:
    """Those of ``lost`` that stay lost: two columns that rise from row to row are sorted once rows are finished.

    Args:
        whole: name of a part of a column -> the column.
    """
    order = order_of(schema)
    sorted_columns = frozenset() if order is None else order.columns
    return [each for each in lost if not {whole.get(name, name) for name in each["columns"]} <= sorted_columns]


def sentence(lost: list[dict[str, Any]]) -> str:
    """The note on lost relations, of which there must be at least one."""
    first, second = lost[0]["columns"]
    more = f" ({len(lost) - 1} more in config.json)" if len(lost) > 1 else ""
    return (
        f"The model lost part of the relation between {first!r} and {second!r}: {lost[0]['measure']} is "
        f"{lost[0]['real']:.2f} in the table and {lost[0]['synthetic']:.2f} in synthetic rows{more}; compare other "
        "generators with 'tabllm compare'."
    )


def _fall(found: dict[str, Any]) -> float:
    real, synthetic = found["real"], found["synthetic"]
    return float(abs(real) - synthetic * np.sign(real))


def _groups(ranks: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """int64[tokens of the field]: the group of each token."""
    if not np.isnan(ranks).all():
        return np.where(np.isnan(ranks), GROUPS, np.minimum(np.nan_to_num(ranks) * GROUPS, GROUPS - 1)).astype(np.int64)
    order = np.argsort(-np.bincount(tokens, minlength=len(ranks)), kind="stable")
    group = np.empty(len(ranks), np.int64)
    group[order] = np.minimum(np.arange(len(ranks)), GROUPS)
    return group


def _cramers_v(columns: list[np.ndarray]) -> np.ndarray:
    """float64[columns, columns]; the joint tables of all pairs come from one product of indicators."""
    rows = len(columns[0])
    indicators = np.concatenate([np.eye(GROUPS + 1, dtype=np.float32)[column] for column in columns], axis=1)
    counts = (indicators.T @ indicators).astype(np.float64)
    expected = np.outer(np.diag(counts), np.diag(counts)) / rows
    surplus = np.divide((counts - expected) ** 2, expected, out=np.zeros_like(counts), where=expected > 0) / rows
    shape = len(columns), GROUPS + 1, len(columns), GROUPS + 1
    freedom = np.array([len(np.unique(column)) for column in columns]) - 1.0
    bias = np.outer(freedom, freedom) / max(rows - 1, 1)
    left = freedom - freedom**2 / max(rows - 1, 1)
    phi2 = np.maximum(surplus.reshape(shape).sum(axis=(1, 3)) - bias, 0)
    v: np.ndarray = np.sqrt(np.minimum(phi2 / np.maximum(np.minimum.outer(left, left), 1e-9), 1.0))
    return v * np.outer(freedom > 0, freedom > 0)


def _spearman(columns: list[np.ndarray]) -> np.ndarray:
    """float64[columns, columns], from ranks; NaN = missing, and 0 where a column is constant."""
    from eval.metrics.trends import correlations

    return np.nan_to_num(correlations(np.column_stack(columns).astype(np.float64))) if columns else np.zeros((0, 0))
