"""How probable given rows are under ``nano``: each field's distribution after the ones before it; for every engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from typing_extensions import Self

from tabular.likelihood.scorer import Arrays, Query, RowScorer

from ..codec.likelihood import LEAST, candidates
from ..codec.rows import RowCodec
from .engines.base import NanoEngine

__all__ = ["NanoScorer", "Scored"]

#: Rows whose next field is found together, and so many fields of all of them: their keys and values are kept.
BLOCK_ROWS, BLOCK_FIELDS = 1024, 1 << 16
#: What it costs to copy the keys and values of one step of a row, as a part of making them.
COPYING = 0.1


class Scored(Protocol):
    """What is scored of one field of some rows, such as :class:`tabllm.codec.likelihood.Candidates`."""

    def log_prob(self, probabilities: np.ndarray, row: np.ndarray | None = None) -> np.ndarray: ...

    def part(self, rows: slice | np.ndarray) -> Self: ...


@dataclass(frozen=True)
class _Tokens:
    """The tokens of one field: int[rows]."""

    tokens: np.ndarray

    def log_prob(self, probabilities: np.ndarray, row: np.ndarray | None = None) -> np.ndarray:
        """float64[rows]; arguments as of :meth:`tabllm.codec.likelihood.Candidates.log_prob`."""
        row = np.arange(len(self.tokens)) if row is None else row
        logs: np.ndarray = np.log(np.maximum(probabilities[row, self.tokens], LEAST).astype(np.float64))
        return logs

    def part(self, rows: slice | np.ndarray) -> _Tokens:
        """Those of some rows."""
        return _Tokens(self.tokens[rows])


class Conditional(Protocol):
    """What tells a column from all others better than the network does."""

    @property
    def columns(self) -> Sequence[str]: ...
    def probabilities(self, tokens: np.ndarray, field: int) -> np.ndarray: ...


class NanoScorer(RowScorer[RowCodec, NanoEngine]):
    """Log-probabilities of parts of rows, under the network; and the probabilities of classes.

    Args:
        codec, engine: see :class:`tabular.likelihood.scorer.RowScorer`.
        trees: asked for the classes of its columns where all other columns are given.
    """

    def __init__(self, codec: RowCodec, engine: NanoEngine, *, trees: Conditional | None = None) -> None:
        super().__init__(codec, engine)
        self._trees = trees

    def _known_probs(self, arrays: Arrays, rows: int, given: Sequence[str], target: str) -> np.ndarray | None:
        trees, table = self._trees, self._codec.table
        if trees is None or target not in trees.columns or len(given) < len(self.names) - 1:
            return None
        filled = {**arrays, target: np.zeros(rows, np.int32)}
        return trees.probabilities(self._tokens(filled, self.names), table.fields_of(target)[0])

    def log_probs(self, query: Query, advance: Callable[[int], None]) -> dict[str, np.ndarray]:
        arrays, spans, given, scored = query.arrays, query.spans, query.given, query.scored
        if not scored:
            return {}
        fields = [self._codec.table.fields_of(name) for name in (*given, *scored)]
        order = [field for each in fields for field in each]
        begin = sum(map(len, fields[: len(given)]))
        tokens = self._tokens(arrays, (*given, *scored))
        found = [each for name in scored for each in candidates(self._codec.table, name, arrays[name], spans)]
        logs = self._logs(tokens, order, begin, found, advance)
        owner = [name for name in scored for _ in self._codec.table.fields_of(name)]
        result = {name: np.zeros(len(tokens)) for name in scored}
        for index, name in enumerate(owner):
            result[name] += logs[:, index]
        return result

    def row_log_probs(self, tokens: np.ndarray, begin: int, *, drawing: bool = False) -> np.ndarray:
        """Log-probability in field order of the fields from ``begin`` on, float64[rows].

        Args:
            tokens: int32[rows, fields] in field order.
            drawing: of the distribution that rows are drawn from, which an engine may compute in a shorter number type.
        """
        rows, member = np.unique(tokens, axis=0, return_inverse=True)
        fields = range(tokens.shape[1])
        found = [_Tokens(rows[:, field]) for field in fields[begin:]]
        logs = self._logs(rows, fields, begin, found, lambda _: None, drawing=drawing)
        total: np.ndarray = logs.sum(axis=1)[member.ravel()]
        return total

    def next_probs(self, arrays: Arrays, rows: int, given: Sequence[str], target: str, classes: int) -> np.ndarray:
        table = self._codec.table
        order = [field for name in (*given, target) for field in table.fields_of(name)]
        width = len(table.fields_of(target))
        tokens = self._tokens(arrays, given) if given else np.empty((rows, 0), np.int32)
        result = np.empty((rows, classes))
        block = _block_rows(len(order))
        for start in range(0, rows, block):
            part = slice(start, start + block)
            found = self._distribution(tokens[part], order, width)[:, :classes]
            result[part] = found / found.sum(axis=1, keepdims=True)
        return result

    def _logs(
        self,
        tokens: np.ndarray,
        order: Sequence[int],
        begin: int,
        found: Sequence[Scored],
        advance: Callable[[int], None],
        *,
        drawing: bool = False,
    ) -> np.ndarray:
        """Log-probabilities of the fields from step ``begin`` on: float64[rows, fields].

        Args:
            tokens: int32[rows, fields in ``order``].
        """
        logs = np.empty((len(tokens), len(found)))
        # Rows with equal beginnings stand together: what they share is found once.
        ranked = np.lexsort(tokens[:, ::-1].T)
        tokens, found = tokens[ranked], [each.part(ranked) for each in found]
        depth, heads = _shared(tokens, begin)
        ends = np.append(heads, len(tokens))
        block = _block_rows(len(order))
        for start in range(0, len(heads), block):
            some = heads[start : start + block]
            rows = slice(some[0], ends[min(start + block, len(heads))])
            part = [each.part(rows) for each in found]
            logs[ranked[rows]] = self._walk(tokens[rows], some - some[0], order, begin, depth, part, drawing)
            advance(rows.stop - rows.start)
        return logs

    def _tokens(self, arrays: Arrays, names: Sequence[str]) -> np.ndarray:
        """int32[rows, fields of ``names``]."""
        coded = [self._codec.table.codecs[name].encode(arrays[name]) for name in names]
        return np.concatenate(coded, axis=1).astype(np.int32)

    def _walk(
        self,
        tokens: np.ndarray,
        heads: np.ndarray,
        order: Sequence[int],
        begin: int,
        depth: int,
        found: Sequence[Scored],
        drawing: bool,
    ) -> np.ndarray:
        """As :meth:`_logs`.

        Args:
            tokens: int32[rows, fields], sorted.
            heads: int64[nodes], the first row of each group of rows that have the first ``depth`` tokens in common.
        """
        engine, logs = self._engine, np.empty((len(tokens), len(found)))
        node = np.repeat(np.arange(len(heads)), np.diff(np.append(heads, len(tokens))))
        cache = engine.new_cache(len(heads), drawing=drawing)
        fed = tokens[heads, :begin]
        for step in range(begin, depth + 1):
            hidden = engine.append(cache, np.ascontiguousarray(fed), order, 0 if step == begin else step)
            probabilities = engine.probabilities(hidden, order[step])
            logs[:, step - begin] = found[step - begin].log_prob(probabilities, node)
            fed = tokens[heads, step : step + 1]
        block = _block_rows(len(order))
        for start in range(0, len(tokens) if depth + 1 < len(order) else 0, block):
            rows = slice(start, start + block)
            own = engine.gather(cache, node[rows], depth + 1, drawing=drawing)
            for step in range(depth + 1, len(order)):
                hidden = engine.append(own, np.ascontiguousarray(tokens[rows, step - 1 : step]), order, step)
                probabilities = engine.probabilities(hidden, order[step])
                logs[rows, step - begin] = found[step - begin].part(rows).log_prob(probabilities)
        return logs

    def _distribution(self, tokens: np.ndarray, order: Sequence[int], width: int) -> np.ndarray:
        """The probability of each code of the category in the last ``width`` fields: float64[rows, codes]."""
        engine, step = self._engine, tokens.shape[1]
        cache = engine.new_cache(len(tokens))
        hidden = engine.append(cache, tokens, order, 0)
        first = engine.probabilities(hidden, order[step]).astype(np.float64)
        if width == 1:
            return first
        # A code is a block and a place in it: each block's places are found with a copy of what came before.
        found = []
        everybody = np.arange(len(tokens))
        for block in range(first.shape[1]):
            copied = engine.gather(cache, everybody, step + 1)
            hidden = engine.append(copied, np.full((len(tokens), 1), block, np.int32), order, step + 1)
            found.append(first[:, block : block + 1] * engine.probabilities(hidden, order[step + 1]))
        return np.concatenate(found, axis=1)


def _block_rows(fields: int) -> int:
    return max(32, min(BLOCK_ROWS, BLOCK_FIELDS // fields))


def _shared(tokens: np.ndarray, begin: int) -> tuple[int, np.ndarray]:
    """(how many first tokens to share, the first row of each group of rows that share them: int64[groups]).

    Args:
        tokens: int32[rows, fields], sorted.
        begin: fields of which no distribution is wanted.
    """
    rows, fields = tokens.shape
    differs = np.maximum.accumulate(tokens[1:] != tokens[:-1], axis=1)  # from the first token that differs on
    groups = 1 + np.concatenate([[0], differs.sum(axis=0)])[:fields] if rows else np.zeros(fields)
    depths = np.arange(fields)
    saved = (depths + 1 - begin) * (rows - groups) - COPYING * (depths + 1) * rows * (depths + 1 < fields)
    saved[:begin] = -1
    depth = int(saved.argmax()) if fields > begin else -1
    if depth < 0 or saved[depth] <= 0:
        return fields - 1, np.arange(rows)
    starts = np.ones(rows, bool)
    starts[1:] = differs[:, depth - 1] if depth else False
    return depth, np.flatnonzero(starts)
