"""How probable given rows are under a language model: each token's distribution under the automaton of its column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tabular.likelihood.scorer import Query, RowScorer

from ...codec.likelihood import Candidates
from ..engines.base import Cache, LmEngine
from ..serialization.base import LmCodec
from ..training.batches import BatchMaker
from .sampler import block_rows

__all__ = ["LmScorer"]


class LmScorer(RowScorer[LmCodec, LmEngine]):
    """Log-probabilities of parts of rows; the engine's filter must be none."""

    def log_probs(self, query: Query, advance: Callable[[int], None]) -> dict[str, np.ndarray]:
        arrays, spans, given, scored = query.arrays, query.spans, query.given, query.scored
        codec = self._codec
        order = [self.names.index(name) for name in (*given, *scored)]
        rows = len(arrays[(*given, *scored)[0]]) if order else 0
        choices = np.full((rows, codec.width), -1, np.int32)
        for column in order:
            choices[:, codec.spans[column]] = codec.encode_part(column, arrays[self.names[column]])
        found = {c: codec.candidates(c, arrays[self.names[c]], spans) for c in order[len(given) :]}
        logs = np.zeros((rows, len(self.names)))
        most = block_rows(self._engine, codec.longest(order))
        for start in range(0, rows, most):
            part = slice(start, start + most)
            some = {column: [each.part(part) for each in levels] for column, levels in found.items()}
            self._walk(choices[part], order, len(given), some, logs[part])
            advance(len(choices[part]))
        return {name: logs[:, self.names.index(name)] for name in scored}

    def _walk(
        self,
        choices: np.ndarray,
        order: Sequence[int],
        given: int,
        found: Mapping[int, Sequence[Candidates]],
        logs: np.ndarray,
    ) -> None:
        """Add to ``logs`` (float64[rows, columns]) what the columns ``order[given:]`` take."""
        codec, engine, rows = self._codec, self._engine, len(choices)
        cache, last = self._begun(choices, order, given)
        for index in range(given, len(order)):
            column = order[index]
            lead = codec.lead(column, order[index - 1] if index else None)
            ids = np.tile(np.asarray([0, *lead] if index else lead, np.int64), (rows, 1))
            if index:
                ids[:, 0] = last
            ids[:, -1] = codec.input_id(ids[:, -1], column, 0)
            hidden = engine.append(cache, ids)
            active, state = np.arange(rows), np.zeros(rows, np.int64)
            for depth, level in enumerate(codec.automata[column].levels):
                certain = np.ones((len(active), len(level.tokens))) if level.forced else None
                probs = engine.probabilities(hidden, level, state) if certain is None else certain
                logs[active, column] += found[column][depth].part(active).log_prob(probs)
                choice = choices[active, codec.spans[column].start + depth]
                last[active] = level.tokens[choice]
                state = level.step[state, choice].astype(np.int64)
                on = np.flatnonzero(state >= 0)
                if not len(on):
                    break
                active, state = active[on], state[on]
                fed = codec.input_id(last[active], column, depth + 1)[:, None]
                hidden = engine.append(cache, fed, rows=None if len(active) == rows else active)

    def _begun(self, choices: np.ndarray, order: Sequence[int], given: int) -> tuple[Cache, np.ndarray]:
        """(a cache of the given columns but their last token, that token: int64[rows])."""
        codec, engine, rows = self._codec, self._engine, len(choices)
        if not given:
            return engine.new_cache(rows, codec.longest(order) + 1), np.zeros(rows, np.int64)
        batch = BatchMaker(codec).make(choices, np.tile(np.asarray(order[:given]), (rows, 1)))
        cache = engine.new_cache(rows, batch.ids.shape[1] + codec.longest(order, given) + 1)
        lengths = batch.lengths - 1
        engine.append(cache, batch.ids[:, : int(lengths.max())], counts=lengths)
        return cache, codec.last_tokens(choices, order[given - 1])
