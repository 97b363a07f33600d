"""What a value implies: ``if type = 'free' then price = 0``, ``b is missing exactly if a is missing``."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ..language.syntax import quoted
from ..listing import scalars
from ..rule import Rule
from .dependencies import Dependencies
from .levels import Level, Levels
from .sample import EVIDENCE, Sample, needed, written

__all__ = ["find_conditions"]

#: Columns with more categories explain nothing.
_CATEGORIES = 300


def find_conditions(
    sample: Sample, levels: Levels, known: Dependencies, ordered: Collection[frozenset[str]]
) -> list[Rule]:
    """Gaps and constants that a value of another column implies.

    Args:
        known: what is decided already.
        ordered: pairs of columns of which one is never above the other: its 0 implies the other's.
    """
    count = len(levels.levels)
    if count < 2:
        return []
    own = np.diag(levels.together)
    least = needed(float(count) ** 2)
    fraction = np.maximum(own, 0.5)[None, :] / levels.rows
    # Rows in which the second column is there, of those with the first level; a gap is always there.
    missing = np.array([level.missing for level in levels.levels])
    with_second = np.where(missing[None, :], own[:, None], levels.there)
    implies = (levels.together >= with_second) & (-np.log(fraction) * with_second >= least)
    implies &= levels.columns[:, None] != levels.columns[None, :]
    numeric = np.array([sample.columns[level.column].is_numeric for level in levels.levels])
    # A number implies a category where they imply each other, or where it is no amount, such as 0 or -1.
    empty = numeric & np.array(
        [level.value == min(0.0, sample.columns[level.column].minimum or 0.0) for level in levels.levels]
    )
    candidates = implies & (
        missing[None, :] | numeric[None, :] | empty[:, None] | (numeric & ~missing)[:, None] & implies.T
    )
    for a, b in np.argwhere(candidates & ~missing[None, :]).tolist():
        candidates[a, b] = _tells(levels.levels[a], levels.levels[b], known, ordered)
    candidates &= candidates.T | (missing | numeric)[None, :] | empty[:, None]
    candidates |= implies & implies.T & (missing[:, None] ^ missing[None, :])
    return _rules(sample, levels, implies, candidates)


def _tells(given: Level, wanted: Level, known: Dependencies, ordered: Collection[frozenset[str]]) -> bool:
    """Whether a value that is there is implied, and not by what other rules say."""
    if given.missing or known.tie(given.column, wanted.column):
        return False
    ends = given.value == wanted.value == 0 and frozenset((given.column, wanted.column)) in ordered
    return not ends and not known.decides(given.column, wanted.column)


def _rules(sample: Sample, levels: Levels, implies: np.ndarray, candidates: np.ndarray) -> list[Rule]:
    """Levels that imply each other are one class, represented by its first; between classes only the nearest.

    Args:
        implies: bool[m, m], all implications.
        candidates: those that can be rules; how categories of two columns go together is said elsewhere.
    """
    both = candidates & candidates.T
    heads = np.array(
        [int(np.flatnonzero(both[index] | (np.arange(len(both)) == index))[0]) for index in range(len(both))]
    )
    rules: list[Rule] = []

    def add(text: str, plain: str | None = None) -> None:
        for rule in map(Rule, filter(None, (text, plain))):
            if sample.holds(rule):
                rules.append(rule)
                return

    texts = [_text(sample, level) for level in levels.levels]
    for position in np.flatnonzero(heads != np.arange(len(heads))).tolist():
        wanted, given = _sides(sample, levels, int(heads[position]), position)
        add(f"{texts[wanted]} exactly if {texts[given]}", f"if {texts[given]} then {texts[wanted]}")
    top = np.flatnonzero(heads == np.arange(len(heads)))
    between = implies[np.ix_(top, top)] & ~(implies & implies.T)[np.ix_(top, top)]
    through = (between.astype(np.float32) @ between.astype(np.float32)) > 0
    wanted = candidates[np.ix_(top, top)] & ~both[np.ix_(top, top)] & ~through
    for a, b in np.argwhere(wanted).tolist():
        if not _explained(sample, levels.levels[top[a]], levels.levels[top[b]]):
            add(f"if {texts[top[a]]} then {texts[top[b]]}")
    return rules


def _explained(sample: Sample, given: Level, wanted: Level) -> bool:
    """Whether another column lets expect the same, as the rows without the given value show.

    Such as December, in which nothing is sold in the garden, for a shop that opened then.
    """
    inside, there = _rows_of(sample, given), np.ones(len(sample.rows), dtype=bool)
    met = _rows_of(sample, wanted)
    if not wanted.missing:
        there = ~_rows_of(sample, Level(wanted.column, np.nan))
    broken, inside, outside = there & ~met, inside & there, there & ~inside
    usual = broken.mean()
    for name, column in sample.columns.items():
        if not column.has_categories or name in (given.column, wanted.column) or sample.counts[name] > _CATEGORIES:
            continue
        codes = sample.codes[name] + 1
        size = int(codes.max()) + 1
        counts = np.bincount(codes[outside], minlength=size)
        rates = (np.bincount(codes[outside & broken], minlength=size) + usual) / (counts + 1)
        rates[0] = usual
        if rates[codes[inside]].sum() < EVIDENCE:
            return True
    return False


def _rows_of(sample: Sample, level: Level) -> np.ndarray:
    """bool[sampled]: which rows have the level."""
    cells = sample.arrays[level.column][sample.rows]
    if level.missing:
        return np.isnan(cells) if cells.dtype.kind == "f" else cells < 0
    return np.asarray(cells == level.value)


def _sides(sample: Sample, levels: Levels, first: int, second: int) -> tuple[int, int]:
    """Which of two levels that imply each other is said to follow: a gap, or else a number, of the later column."""

    def weight(position: int) -> tuple[bool, bool, int]:
        level = levels.levels[position]
        return level.missing, sample.columns[level.column].is_numeric, position

    return (first, second) if weight(first) > weight(second) else (second, first)


def _text(sample: Sample, level: Level) -> str:
    """The level as a condition."""
    name = quoted(level.column)
    if level.missing:
        return f"{name} is missing"
    (value,) = scalars(np.array([level.value]), sample.columns[level.column])
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{name} = {written(value)}"
    return f"{name} = '" + str(value).replace("'", "''") + "'"
