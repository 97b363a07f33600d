"""Identifiers that come back: which rows are of the same one, in made-up rows as in the table that was learned."""

from __future__ import annotations

import heapq
import zlib

import numpy as np

from ..codes.identifiers import make_identifiers
from ..schema import Column, Schema

__all__ = ["put_repeating", "repeats"]

#: An identifier of so large a fraction of the rows, and so many of them, keeps its share in tables of any size; others
#: keep their number of rows, and larger tables have more of them.
HEAVY_SHARE, HEAVY_ROWS = 0.02, 5
#: Identifiers that are dealt out one by one to those of several of them.
MAX_PACKED = 200_000


def repeats(column: Column) -> bool:
    """Whether identifiers of ``column`` come back, or go with those of another column."""
    return column.kind == "identifier" and (bool(column.repeats) or column.goes_with is not None)


def put_repeating(
    arrays: dict[str, np.ndarray], schema: Schema, rows: int, *, start: int, seed: int, keep: bool = False
) -> None:
    """Put the identifiers that come back into canonical ``arrays`` of ``rows`` rows, and equal what their rows share.

    Args:
        start: rows made before these.
        keep: whether other columns stay as they are, though a person should have one value there.
    """
    which: dict[str, np.ndarray] = {}
    for column in sorted(filter(repeats, schema), key=lambda column: column.goes_with is not None):
        rng = np.random.default_rng([seed, start, zlib.crc32(column.name.encode())])
        leader = None if column.goes_with is None else which.get(column.goes_with)
        if column.pattern == "same" and column.goes_with in arrays:
            arrays[column.name] = arrays[column.goes_with].copy()
            continue
        missing = np.zeros(rows, bool)
        if column.missing_rate:
            missing = rng.permutation(rows) < np.floor(rows * column.missing_rate + rng.random())
        if leader is not None:
            missing |= leader < 0
            number = np.full(rows, -1, np.int64)
            number[~missing] = _following(column, leader[~missing], start, rng)
        else:
            number = _led(arrays, column, np.flatnonzero(~missing), rows, start, rng, keep)
        which[column.name] = number
        arrays[column.name] = _texts(column, number, seed)


def _following(column: Column, leader: np.ndarray, start: int, rng: np.random.Generator) -> np.ndarray:
    """int64[rows]: the numbers of the identifiers that go with those of ``leader`` (int64[rows])."""
    if not column.repeats or not len(leader):
        return leader
    of, inverse, counts = np.unique(leader, return_inverse=True, return_counts=True)
    numbers, sizes = _blocks(column, len(leader), start, rng)
    chosen = np.empty(len(of), np.int64)
    if len(of) <= MAX_PACKED:
        # What comes once goes with what comes once: anything else would be a row too many.
        order, single = np.argsort(-counts, kind="stable"), np.flatnonzero(sizes == 1)
        once = min(int((counts == 1).sum()), len(single))
        chosen[order[len(of) - once :]] = numbers[single[:once]]
        # Longest processing time first (Graham 1969): the largest of what is left goes where most rows lack.
        rest = np.delete(np.arange(len(sizes)), single[:once])
        lacking = [(-size, number) for size, number in zip(sizes[rest].tolist(), numbers[rest].tolist(), strict=True)]
        heapq.heapify(lacking)
        for position in order[: len(of) - once].tolist():
            size, number = lacking[0]
            chosen[position] = number
            heapq.heapreplace(lacking, (size + int(counts[position]), number))
    else:
        order = rng.permutation(len(of))
        middle = np.cumsum(counts[order]) - counts[order] / 2
        chosen[order] = numbers[np.searchsorted(np.cumsum(sizes), middle, side="right").clip(0, len(numbers) - 1)]
    return np.asarray(chosen[inverse.ravel()])


def _texts(column: Column, number: np.ndarray, seed: int) -> np.ndarray:
    distinct, inverse = np.unique(number, return_inverse=True)
    made = np.empty(len(distinct), dtype=object)
    filled = distinct >= 0
    whole = column.dtype.lower().startswith(("int", "uint"))
    made[filled] = make_identifiers(
        column.pattern, distinct[filled], seed=seed, number=whole, name=column.name, words=column.words
    )
    made[~filled] = None
    return made[inverse.ravel()]


def _led(
    arrays: dict[str, np.ndarray],
    column: Column,
    here: np.ndarray,
    rows: int,
    start: int,
    rng: np.random.Generator,
    keep: bool,
) -> np.ndarray:
    """int64[rows]: the number of each row's identifier, -1 = missing; ``here`` are the rows that have one."""
    number = np.full(rows, -1, np.int64)
    if not len(here):
        return number
    # Rows that agree in what a person has one value of stand side by side, so that persons are made of like rows.
    shared = [name for name in column.per_value if name in arrays and arrays[name].dtype != object]
    order = np.lexsort([rng.random(len(here)), *(_comparable(arrays[name][here]) for name in reversed(shared))])
    numbers, sizes = _blocks(column, len(here), start, rng)
    number[here[order]] = np.repeat(numbers, sizes)
    if not keep:
        middle = here[order[np.cumsum(sizes) - sizes + (sizes - 1) // 2]]
        for name in shared:
            values = arrays[name].copy()
            values[here[order]] = np.repeat(arrays[name][middle], sizes)
            arrays[name] = values
    return number


def _comparable(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values, nan=-np.inf) if values.dtype.kind == "f" else values


def _blocks(column: Column, rows: int, start: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(numbers of identifiers, rows of each, which are ``rows`` in all), in no order."""
    counted, values = np.array(column.repeats or ((1, 1),), np.int64).T
    learned = int((counted * values).sum())
    scale = rows / learned
    is_heavy = (counted >= HEAVY_ROWS) & (counted >= HEAVY_SHARE * learned)
    heavy = np.repeat(counted[is_heavy], values[is_heavy]) * scale
    sizes = np.floor(heavy + rng.random(len(heavy))).astype(np.int64) if scale != 1 else heavy.astype(np.int64)
    exact = values[~is_heavy] * scale
    many = np.floor(exact).astype(np.int64)
    many += rng.random(len(exact)) < exact - many
    light = rng.permutation(np.repeat(counted[~is_heavy], many))
    if (left := rows - int(sizes.sum()) - int(light.sum())) > 0:
        if len(exact):
            light = np.r_[light, rng.choice(counted[~is_heavy], left, p=exact / exact.sum())]
        else:
            sizes += np.bincount(rng.choice(len(sizes), left, p=heavy / heavy.sum()), minlength=len(sizes))
    # Heavy ones have the first numbers, in every part; light ones are others in each.
    numbers = np.r_[np.arange(len(sizes)), len(sizes) + start + np.arange(len(light))]
    sizes = np.diff(np.minimum(np.cumsum(np.r_[sizes, light]), rows), prepend=0)
    mixed = rng.permutation(np.flatnonzero(sizes))
    return numbers[mixed], sizes[mixed]
