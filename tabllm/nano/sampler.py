"""Rows from ``nano``: its way through the tree of prefixes, of one token a column, and its blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..decoding.draws import latin_uniforms
from ..decoding.prefix_tree import Nodes, TreeWalk
from .combinations import Together
from .engines.base import TINY, NanoEngine

__all__ = ["MAX_CONDITIONED", "Rows", "Sampler", "Weights"]

#: Nodes evaluated in one engine call in the tree, and rows in a block.
MAX_NODES = 1024
BLOCK_ROWS = 1024
#: Fields of either, all rows together: their keys and values take 256 MB at the default width.
MAX_FIELDS = 1 << 17
#: With fewer rows than this per node, rows are expanded into blocks.
MIN_ROWS_PER_NODE = 1.3
#: Prefixes kept while conditions are worked through; beyond it they are thinned without bias. Up to four times as many
#: are, lest there be fewer than rows.
MAX_CONDITIONED = 4096

Weights = Mapping[int, np.ndarray]


class Rows(NamedTuple):
    """Drawn rows.

    Attributes:
        tokens: int32[rows, fields] in field order.
        logs: float64[rows], the log-probability with which each was drawn, up to a constant: of conditioned fields
            it counts the factors, and not that together they were made to sum to 1.
        evaluated: how many distributions of a field were computed for them.
    """

    tokens: np.ndarray
    logs: np.ndarray
    evaluated: int


class Sampler:
    """Draws rows of tokens from an engine.

    Args:
        engine: holds the weights.
        parents: for each field the field that holds the first half of the same value, or -1.
    """

    def __init__(self, engine: NanoEngine, parents: Sequence[int]) -> None:
        self.engine = engine
        self.parents = list(parents)

    def sample(
        self,
        rows: int,
        order: Sequence[int],
        rng: np.random.Generator,
        *,
        weights: Weights | None = None,
        conditioned: int = 0,
        advance: Callable[[int], None] = lambda rows: None,
    ) -> np.ndarray:
        """Draw ``rows`` rows: int32[rows, fields] in field order, sorted by prefix (shuffle if that matters).

        Args:
            order: the order in which the fields are drawn.
            weights: field -> float[tokens] factors on its probabilities, 0 = not allowed; for the second
                half of a value float[tokens of the first half, tokens].
            conditioned: how many fields, at the front of ``order``, carry conditions. They are drawn from
                their joint distribution given all the conditions, not one after the other.
            advance: called with how many rows are done.
        """
        walk = _Walk(self, order, rng, weights, conditioned=conditioned, advance=advance)
        return walk.run(rows)[0]

    def sample_rows(
        self,
        rows: int,
        order: Sequence[int],
        rng: np.random.Generator,
        *,
        weights: Weights | None = None,
        conditioned: int = 0,
        keep: Weights | None = None,
    ) -> Rows:
        """As :meth:`sample`, with the log-probabilities of the draw.

        Args:
            keep: field -> float[tokens] (or [tokens of the first half, tokens]), the probability with which a row stays
                once that field is drawn. The others are left out there, so that fewer rows come than were asked for.
        """
        walk = _Walk(self, order, rng, weights, conditioned=conditioned, keep=keep, scored=True)
        tokens, logs = walk.run(rows)
        return Rows(tokens, logs, walk.evaluated)

    def complete(
        self,
        known: np.ndarray,
        order: Sequence[int],
        rng: np.random.Generator,
        *,
        weights: Weights | None = None,
        copies: int = 1,
        shared: bool = False,
        together: Sequence[Together] = (),
    ) -> Rows:
        """Draw the rest of rows whose first fields (in ``order``) are given.

        Args:
            known: int32[rows, given], tokens of ``order[:given]``, at least one.
            copies: how often each row is completed.
            shared: many neighbouring rows have the same tokens but for the last one: these are evaluated once.
            together: tokens that are in no combination with those that a row has already are not drawn, and others by
                the weights of the rows.

        Returns:
            rows * copies rows, as given, the copies of each one after the other; their log-probabilities are those of
            the fields that were drawn.
        """
        walk = _Walk(self, order, rng, weights, scored=True)
        record = np.full((len(known), len(walk.order)), -1, np.int32)
        given = walk.order[: known.shape[1]]
        record[:, given] = known
        size = max(1, walk.block // copies)
        with walk.drawing(1 if len(known) <= size else None):
            for start in range(0, len(known), size):
                block = record[start : start + size]
                begin = partial(self._begun, walk, block, given, copies, shared)
                rows = np.repeat(np.arange(start, start + len(block)), copies)
                some = [each.of_rows(rows[walk.rounded(len(rows))] if shared else rows) for each in together]
                walk.blocks.draw(walk.drawn(begin, len(given), np.zeros(len(rows)), some))
        tokens, logs = walk.result()
        return Rows(tokens, logs, walk.evaluated)

    def _begun(
        self, walk: _Walk, record: np.ndarray, given: list[int], copies: int, shared: bool
    ) -> tuple[Any, np.ndarray]:
        """The cache and the tokens of a block of :meth:`complete`."""
        prefix, rows = record[:, given[:-1]], np.repeat(np.arange(len(record)), copies)
        source = rows
        if shared:
            prefix, source = np.unique(prefix, axis=0, return_inverse=True)
            rows = rows[walk.rounded(len(rows))]
            source = source.ravel()[rows]
        cache = self.engine.new_cache(len(prefix))
        self.engine.append(cache, prefix, walk.order, 0)
        if shared or copies > 1:
            cache = self.engine.gather(cache, source, len(given), drawing=shared)
        return cache, record[rows]


class _Walk(TreeWalk):
    def __init__(
        self,
        sampler: Sampler,
        order: Sequence[int],
        rng: np.random.Generator,
        weights: Weights | None,
        *,
        conditioned: int = 0,
        keep: Weights | None = None,
        scored: bool = False,
        advance: Callable[[int], None] = lambda rows: None,
    ) -> None:
        self.engine, self.parents, self.order = sampler.engine, sampler.parents, list(order)
        self.weights, self.keep, self.scored = dict(weights or {}), dict(keep or {}), scored
        most = max(1, MAX_FIELDS // len(self.engine.config.sizes))
        most = max(self.engine.round_rows, most - most % self.engine.round_rows)
        super().__init__(rng, advance)
        self.columns, self.conditioned = len(self.order), conditioned
        self.enumerated = MAX_CONDITIONED, 4 * MAX_CONDITIONED
        self.min_rows_per_node = MIN_ROWS_PER_NODE
        #: Where rows may be left out they stay in the tree.
        self.tree_columns = 1 + max((self.order.index(field) for field in self.keep), default=-1)
        self.nodes, self.block = min(MAX_NODES, most), min(BLOCK_ROWS, most)
        self.evaluated = 0
        self.parts = [(np.empty((0, self.columns), np.int32), np.empty(0))]

    # -- the tree ---------------------------------------------------------------------------------------------
    def root(self) -> Nodes:
        """What is kept of a node beside is its log-probability; see :class:`Rows`."""
        record = np.full((1, self.columns), -1, np.int32)
        return Nodes(0, [(self.engine.new_cache(1), np.zeros(1, np.int64))], np.ones(1), record, np.zeros(1))

    def children(self, nodes: Nodes) -> Nodes:
        field, count = self.order[nodes.position], len(nodes)
        cache, probabilities = self.probabilities(nodes.part(self.rounded(count)) if nodes.dealt else nodes)
        parent, token, weight = self.kept(nodes, *self.split(probabilities[:count], nodes.weight))
        logs, record = nodes.own[parent], nodes.record[parent]
        record[:, field] = token
        if self.scored:
            total = probabilities.sum(axis=1, dtype=np.float64)[parent] if nodes.dealt else 1.0
            logs += np.log(probabilities[parent, token].astype(np.float64) / total)
        return Nodes(nodes.position + 1, [(cache, parent)], weight, record, logs)

    def deepen(self, nodes: Nodes) -> list[Nodes]:
        below = self.children(nodes)
        every = np.arange(len(below))
        return [below.part(every[start : start + self.nodes]) for start in range(0, len(below), self.nodes)]

    def probabilities(self, nodes: Nodes) -> tuple[Any, np.ndarray]:
        """Append the last tokens: a cache of the nodes, and float32[nodes, tokens] of the next field, not
        normalised."""
        step, record, cache = nodes.position, nodes.record, self.gathered(nodes)
        hidden = self.engine.append(cache, record[:, self.order[:step][-1:]], self.order, step)
        self.evaluated += len(nodes)
        field = self.order[step]
        probabilities = self.engine.probabilities(hidden, field)
        weight = self.weights.get(field)
        if weight is not None:
            weight = weight if weight.ndim == 1 else weight[record[:, self.parents[field]]]
            probabilities = (probabilities + TINY) * weight
        return cache, probabilities

    def kept(
        self, nodes: Nodes, parent: np.ndarray, token: np.ndarray, counts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The children (node, token and rows of each) after some of their rows are left out."""
        field = self.order[nodes.position]
        probability = self.keep.get(field)
        if probability is None or not nodes.dealt:
            return parent, token, counts
        place = (token,) if probability.ndim == 1 else (nodes.record[parent, self.parents[field]], token)
        counts = self.rng.binomial(counts, probability[place])
        stay = counts > 0
        return parent[stay], token[stay], counts[stay]

    def finished(self, nodes: Nodes) -> tuple[np.ndarray, np.ndarray]:
        return np.repeat(nodes.record, nodes.weight, axis=0), np.repeat(nodes.own, nodes.weight)

    # -- blocks -----------------------------------------------------------------------------------------------
    def threads(self) -> AbstractContextManager[int]:
        return self.engine.drawing()

    def rest(self, nodes: Nodes, node: np.ndarray) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
        def begin() -> tuple[Any, np.ndarray]:
            block = nodes.part(node[self.rounded(len(node))])
            return self.gathered(block), block.record

        return self.drawn(begin, nodes.position, nodes.own[node])

    def gathered(self, nodes: Nodes) -> Any:
        """A cache of the nodes alone."""
        ((cache, parent),) = nodes.sources
        return self.engine.gather(cache, parent, nodes.position, drawing=nodes.dealt)

    def rounded(self, rows: int) -> np.ndarray:
        """int64[n], 0 to ``rows`` - 1 and then 0 up to a round number of them that the engine has met before."""
        index = np.zeros(-(-rows // self.engine.round_rows) * self.engine.round_rows, np.int64)
        index[:rows] = np.arange(rows)
        return index

    def drawn(
        self,
        begin: Callable[[], tuple[Any, np.ndarray]],
        position: int,
        logs: np.ndarray,
        together: Sequence[Together] = (),
    ) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
        """What draws all remaining fields of a block on the device.

        Args:
            begin: makes the cache and the records of the block's rows, behind which others may stand.
            position: how many fields these have.
            logs: float64[rows], of the block's rows.
            together: of the block's rows and those behind them.
        """
        # Drawn here, and not by the thread that needs them: the order of the draws does not depend on threads.
        uniform = latin_uniforms(len(logs), self.columns - position, self.rng)
        self.evaluated += uniform.size
        return lambda: self.finish(*begin(), position, uniform, logs, together)

    def finish(
        self,
        cache: Any,
        record: np.ndarray,
        position: int,
        uniform: np.ndarray,
        logs: np.ndarray,
        together: Sequence[Together],
    ) -> tuple[np.ndarray, np.ndarray]:
        """The tokens of a block, and their logs. Several threads may be here."""
        engine, rows = self.engine, len(logs)
        uniforms = engine.put(np.pad(uniform, ((0, 0), (0, len(record) - rows))))
        token = engine.put(record[:, self.order[:position][-1:]])
        drawn: dict[int, Any] = {}

        def known(field: int) -> Any | None:
            if field in drawn:
                return drawn[field]
            return engine.put(record[:, field]) if field in self.order[:position] else None

        probabilities: list[Any] = []
        for step in range(position, self.columns):
            field = self.order[step]
            hidden = engine.append(cache, token, self.order, step)
            weight = self.weights.get(field)
            if weight is not None:
                weight = engine.put(weight.astype(np.float32))
                if weight.ndim == 2:
                    weight = weight[known(self.parents[field])]
            for each in together:
                allowed = each.weight(field, known)
                if allowed is not None:
                    weight = allowed if weight is None else weight * allowed
            distribution = engine.distribution(hidden, field, weight)
            drawn[field] = engine.draw(distribution, uniforms[step - position])
            if self.scored:
                probabilities.append(engine.probability(distribution, drawn[field]))
            token = drawn[field][:, None]
        tokens = record.copy()
        if drawn:
            tokens[:, list(drawn)] = engine.fetch(list(drawn.values()))
        if probabilities:
            logs = logs + np.log(engine.fetch(probabilities)[:rows].astype(np.float64)).sum(axis=1)
        return tokens[:rows], logs
