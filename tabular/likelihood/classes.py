"""From a table to the probability of each class of one column, given the others of its row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from ..encoding.unmodelled import is_missing
from ..errors import UsageError
from ..progress import Reporter
from ..rules.reducing.derivations import Derivation
from ..rules.reducing.keeping import Keeping
from ..sampling.imputing import read_every_cell
from ..schema import Schema
from .cells import Request, request, same
from .scorer import RowScorer
from .spans import part_spans

__all__ = ["class_probs"]

BLOCK_ROWS = 1 << 14


def class_probs(
    table: pd.DataFrame,
    schema: Schema,
    scorer: RowScorer,
    target: str,
    given: Sequence[str] | None,
    progress: Reporter,
) -> np.ndarray:
    """Probability of each class of ``target``, float64[rows, classes]; see :class:`.methods.Likelihood`."""
    _check_target(schema, target)
    if given is None:
        given = _others(schema, scorer, target, [str(name) for name in table.columns])
    derived = {found.target: found for found in scorer.parts.reduced.derivations}
    requested = request(schema, scorer, [target], [name for name in given if not _needs(derived, name, target)])
    decided = [name for name in given if _needs(derived, name, target)]
    used = {*requested.given, *decided}
    read = schema.drop_columns([name for name in schema.names if name not in used])
    arrays = read_every_cell(table, read, progress)
    whole = schema.drop_columns([name for name in schema.names if name not in {*used, target}])
    classes = len(schema[target].categories)
    result = np.empty((len(table), classes))
    with progress.task("Predicting", len(table), "rows") as task:
        for start in range(0, len(table), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            block = {name: values[rows] for name, values in arrays.items()}
            count = len(result[rows])
            if target in derived:
                result[rows] = _computed(derived[target], block, classes)
            else:
                result[rows] = _learned(block, count, scorer, requested, target, classes)
            checks = [derived[name] for name in decided]
            result[rows] = _kept(result[rows], block, whole, checks, target)
            task.advance(count)
    return result


def _check_target(schema: Schema, target: str) -> None:
    if target not in schema:
        raise UsageError(f"There is no column {target!r}; the run has {', '.join(map(repr, schema.names))}.")
    column = schema[target]
    if column.kind not in ("categorical", "boolean") or not column.categories:
        named = [c.name for c in schema if c.kind in ("categorical", "boolean")]
        raise UsageError(
            f"Column {target!r} is {column.kind} and has no classes; "
            + (f"predict one of: {', '.join(named)}." if named else "the run has no column that has.")
        )


def _others(schema: Schema, scorer: RowScorer, target: str, there: Sequence[str]) -> list[str]:
    modelled = set(scorer.parts.columns(scorer.names))
    return [
        c.name
        for c in schema
        if c.name != target and c.name in there and (c.name in modelled or c.kind not in ("identifier", "text"))
    ]


def _needs(derived: Mapping[str, Derivation], name: str, target: str) -> bool:
    """Whether the column ``name`` follows, at whatever remove, from ``target``."""
    return name in derived and any(
        source == target or _needs(derived, source, target) for source in derived[name].sources
    )


def _computed(derivation: Derivation, arrays: Mapping[str, np.ndarray], classes: int) -> np.ndarray:
    """All probability on the class that follows from the given columns; even where none does."""
    rows = len(next(iter(arrays.values())))
    code = derivation.join(arrays)
    result = np.full((rows, classes), 1 / classes)
    known = np.flatnonzero(code >= 0)
    result[known] = 0.0
    result[known, code[known]] = 1.0
    return result


def _learned(
    arrays: dict[str, np.ndarray], rows: int, scorer: RowScorer, requested: Request, target: str, classes: int
) -> np.ndarray:
    parts = scorer.parts
    known = {name: arrays[name] for name in requested.given}
    split = parts.split(known) if known else {}
    spans = part_spans({name: values for name, values in split.items() if name in scorer.names}, known, parts)
    wanted = {part for name in requested.given for part in parts.of(name)}
    names = [name for name in scorer.names if name in wanted and name in split]
    if target not in scorer.names:  # one class, or none that varies
        return np.eye(classes)[np.zeros(rows, np.int64)]
    # A cell that is missing in a column that never was is not known, rather than known to be missing.
    unknown = np.zeros((rows, len(names)), bool)
    for index, name in enumerate(names):
        if not parts.schema[name].missing_rate:
            unknown[:, index] = is_missing(split[name])
    result = np.empty((rows, classes))
    for pattern, members in _patterns(unknown):
        there = [name for name, gone in zip(names, pattern, strict=True) if not gone]
        some = {name: split[name][members] for name in there}
        ends = {name: (spans[name][0][members], spans[name][1][members]) for name in there if name in spans}
        result[members] = scorer.class_probs(some, ends, len(members), there, target, classes)
    return result


def _patterns(unknown: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each distinct row of ``unknown`` and where it stands."""
    if not unknown.any():
        yield np.zeros(unknown.shape[1], bool), np.arange(len(unknown))
        return
    patterns, member = np.unique(unknown, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        yield pattern, np.flatnonzero(member.ravel() == number)


def _kept(
    probs: np.ndarray, arrays: Mapping[str, np.ndarray], schema: Schema, checks: Sequence[Derivation], target: str
) -> np.ndarray:
    """``probs`` without classes that contradict the row by a rule, unless all do."""
    names = schema.names
    rules = [rule for rule in Keeping(schema, {}).rules if target in rule.columns(names)]
    if not rules and not checks:
        return probs
    kept = np.zeros_like(probs)
    for code in range(probs.shape[1]):
        filled = {**arrays, target: np.full(len(probs), code, np.int32)}
        good = np.ones(len(probs), bool)
        for check in checks:
            good &= same(check.join({**filled, **check.split(filled)}), filled[check.target])
        for rule in rules:
            good &= rule.kept(filled, schema)
        kept[:, code] = probs[:, code] * good
    total = kept.sum(axis=1, keepdims=True)
    return np.where(total > 0, kept / np.where(total > 0, total, 1.0), probs)
