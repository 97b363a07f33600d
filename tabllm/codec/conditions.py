"""Conditions on columns as factors on the probabilities of tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tabular.errors import ConditionError
from tabular.where.conditions import Allowed

from .category import CategoryCodec
from .number import NumberCodec
from .table import TableCodec

__all__ = ["decode_within", "present_weights", "token_weights"]

#: Places inside a bin that are examined to learn which fraction of it a condition allows.
PROBES = 65
#: Draws inside a bin before a value that still breaks its condition is moved to the nearest one that keeps it.
MAX_DRAWS = 20

Round = Callable[[np.ndarray], np.ndarray]


def token_weights(
    codec: TableCodec, allowed: Mapping[str, Allowed], rounding: Mapping[str, Round]
) -> dict[int, np.ndarray]:
    """Field -> factors on its tokens, for :meth:`tabllm.nano.sampler.Sampler.sample`.

    Args:
        allowed: per column what a value may be (:func:`tabular.where.conditions.parse_where`).
        rounding: per numeric column, what brings values to the column's grid.

    Raises:
        ConditionError: if a condition lies in a gap between the values that were learned.
    """
    weights: dict[int, np.ndarray] = {}
    for name, condition in allowed.items():
        fields = codec.fields_of(name)
        if not fields:
            continue
        column = codec.codecs[name]
        if isinstance(column, NumberCodec):
            weights[fields[0]] = _number_weights(column, condition, rounding[name])
            if not weights[fields[0]].any():
                raise ConditionError(
                    f"No value of {name!r} that was learned keeps the condition: the table has none there. Widen it."
                )
        else:
            code = np.arange(int(np.prod(column.sizes)))
            value = np.where(code == column.codes - 1, -1, code) if column.missing else code
            keep = (condition.contains(value.astype(np.int32)) & (code < column.codes)).astype(np.float32)
            weights |= _field_weights(column, fields, keep)
    return weights


def present_weights(codec: TableCodec, name: str) -> dict[int, np.ndarray]:
    """Factors that forbid a missing value of the column ``name``; none where it never is missing."""
    column = codec.codecs[name]
    if not column.missing:
        return {}
    if isinstance(column, NumberCodec):
        keep = np.ones(column.size, np.float32)
        keep[-1] = 0
        return {codec.fields_of(name)[0]: keep}
    keep = (np.arange(int(np.prod(column.sizes))) < column.codes - 1).astype(np.float32)
    return _field_weights(column, codec.fields_of(name), keep)


def _field_weights(column: CategoryCodec, fields: list[int], keep: np.ndarray) -> dict[int, np.ndarray]:
    if not column.block:
        return {fields[0]: keep}
    table = keep.reshape(column.sizes)
    return {fields[0]: np.asarray(table.max(axis=1)), fields[1]: table}


def _number_weights(column: NumberCodec, condition: Allowed, rounding: Round) -> np.ndarray:
    weights = np.zeros(column.size, np.float32)
    atoms, bins = len(column.atoms), len(column.knots)
    weights[:atoms] = condition.contains(column.atoms)
    if column.missing:
        weights[-1] = condition.missing
    if bins:
        inside = column.within(np.repeat(np.arange(bins), PROBES), np.tile(np.linspace(0, 1, PROBES), bins))
        fraction = condition.contains(rounding(inside)).reshape(bins, PROBES).mean(axis=1)
        # An interval may lie between two probes: a bin that touches it stays possible.
        touches = np.zeros(bins, bool)
        for low, high in condition.intervals or ():
            touches |= (column.knots[:, 0] <= high) & (column.knots[:, -1] >= low)
        weights[atoms : atoms + bins] = np.maximum(fraction, touches / (4 * PROBES))
    return weights


def decode_within(
    column: NumberCodec, tokens: np.ndarray, rng: np.random.Generator, condition: Allowed, rounding: Round
) -> np.ndarray:
    """As :meth:`NumberCodec.decode`, rounded, and every value keeps ``condition``."""
    values = rounding(column.decode(tokens, rng))
    for _ in range(MAX_DRAWS):
        wrong = np.flatnonzero(~condition.contains(values))
        if not len(wrong):
            return values
        values[wrong] = rounding(column.decode(tokens[wrong], rng))
    return condition.moved_inside(values)
