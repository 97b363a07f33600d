"""How probable given rows are under ``nano``: each field's distribution after the ones before it; for every engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tabular.likelihood.scorer import Arrays, RowScorer
from tabular.likelihood.spans import Span

from ..codec.likelihood import Candidates, candidates
from ..codec.rows import RowCodec
from .engine import NanoEngine

__all__ = ["NanoScorer"]

#: Rows whose next field is found together.
BLOCK_ROWS = 1024


class NanoScorer(RowScorer):
    """Log-probabilities of parts of rows.

    Args:
        codec: between rows and tokens.
        engine: holds the weights.
    """

    def __init__(self, codec: RowCodec, engine: NanoEngine) -> None:
        self.parts, self.names = codec.parts, list(codec.table.codecs)
        self._table, self._engine = codec.table, engine

    def log_probs(
        self,
        arrays: Arrays,
        spans: Mapping[str, Span],
        given: Sequence[str],
        scored: Sequence[str],
        advance: Callable[[int], None],
    ) -> dict[str, np.ndarray]:
        fields = [self._table.fields_of(name) for name in (*given, *scored)]
        order = [field for each in fields for field in each]
        begin = sum(map(len, fields[: len(given)]))
        tokens = self._tokens(arrays, (*given, *scored))
        found = [each for name in scored for each in candidates(self._table, name, arrays[name], spans)]
        logs = np.empty((len(tokens), len(found)))
        for start in range(0, len(tokens), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            self._walk(tokens[rows], order, begin, [each.part(rows) for each in found], logs[rows])
            advance(len(tokens[rows]))
        owner = [name for name in scored for _ in self._table.fields_of(name)]
        result = {name: np.zeros(len(tokens)) for name in scored}
        for place, name in enumerate(owner):
            result[name] += logs[:, place]
        return result

    def class_probs(self, arrays: Arrays, rows: int, given: Sequence[str], target: str, classes: int) -> np.ndarray:
        table = self._table
        order = [field for name in (*given, target) for field in table.fields_of(name)]
        width = len(table.fields_of(target))
        tokens = self._tokens(arrays, given) if given else np.empty((rows, 0), np.int32)
        result = np.empty((rows, classes))
        for start in range(0, rows, BLOCK_ROWS):
            part = slice(start, start + BLOCK_ROWS)
            found = self._distribution(tokens[part], order, width)[:, :classes]
            result[part] = found / found.sum(axis=1, keepdims=True)
        return result

    def _tokens(self, arrays: Arrays, names: Sequence[str]) -> np.ndarray:
        """int32[rows, fields of ``names``]."""
        coded = [self._table.codecs[name].encode(arrays[name]) for name in names]
        return np.concatenate(coded, axis=1).astype(np.int32)

    def _walk(
        self, tokens: np.ndarray, order: Sequence[int], begin: int, found: Sequence[Candidates], logs: np.ndarray
    ) -> None:
        """Fill ``logs`` (float64[rows, fields from ``begin`` on])."""
        cache = self._engine.new_cache(len(tokens))
        fed = tokens[:, :begin]
        for place, each in enumerate(found):
            step = begin + place
            hidden = self._append(cache, fed, order, step, place == 0)
            logs[:, place] = each.log_prob(self._engine.probabilities(hidden, order[step]))
            fed = tokens[:, step : step + 1]

    def _append(self, cache: Any, fed: np.ndarray, order: Sequence[int], step: int, first: bool) -> Any:
        return self._engine.append(cache, np.ascontiguousarray(fed), order, 0 if first else step)

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
