"""Sampling as a walk down the tree of prefixes; the same for every engine.

A node is a prefix of field values, with the number of rows that share it. Each node is evaluated once
and its rows are dealt to its children, so a prefix that a thousand rows share costs one evaluation.
Where nearly every row has a node of its own, merging no longer pays: there the rows go on in blocks,
each field in one engine call, and no value comes back to the host before the block is done.

Rows stay sorted by prefix, and the uniform numbers of neighbouring rows form a Latin hypercube: each
row is an exact draw of the model, while the counts of values lie closer to their expectation than
independent draws would put them (systematic sampling; cf. array-RQMC, L'Ecuyer et al. 2008).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..decoding.draws import deal, latin_uniforms, systematic, thinned
from .engines.base import TINY, NanoEngine

__all__ = ["MAX_CONDITIONED", "Sampler", "Weights"]

#: Nodes evaluated in one engine call in the tree, and rows in a block.
MAX_NODES = 1024
BLOCK_ROWS = 1024
#: Fields of either, all rows together: their keys and values take 256 MB at the default width.
MAX_FIELDS = 1 << 17
#: With fewer rows than this per node, rows are expanded into blocks.
MIN_ROWS_PER_NODE = 1.3
#: Prefixes kept while conditions are worked through; beyond it they are thinned without bias.
MAX_CONDITIONED = 4096

Weights = Mapping[int, np.ndarray]


@dataclass
class _Branch:
    """A set of prefixes of equal length and the rows below them.

    Attributes:
        cache: the engine's keys and values of the nodes' parents. What a node needs of it is gathered only when
            its turn comes, so that waiting branches hold no copies.
        parent: int64[nodes], each node's entry in ``cache``.
        counts: int64[nodes], rows below each node.
        prefix: int32[nodes, depth], the tokens so far, in sampling order.
    """

    cache: Any
    parent: np.ndarray
    counts: np.ndarray
    prefix: np.ndarray


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
            advance: told how many rows are done.
        """
        walk = _Walk(self.engine, self.parents, list(order), dict(weights or {}), rng, advance)
        return walk.run(rows, conditioned)

    def complete(
        self,
        known: np.ndarray,
        order: Sequence[int],
        rng: np.random.Generator,
        *,
        weights: Weights | None = None,
        copies: int = 1,
        shared: bool = False,
    ) -> np.ndarray:
        """Draw the rest of rows whose first fields (in ``order``) are given.

        Args:
            known: int32[rows, given], tokens of ``order[:given]``, at least one.
            copies: how often each row is completed.
            shared: many neighbouring rows have the same tokens but for the last one: these are evaluated once.

        Returns:
            int32[rows * copies, fields] in field order, rows as given, the copies of each one after the other.
        """
        walk = _Walk(self.engine, self.parents, list(order), dict(weights or {}), rng, lambda rows: None)
        result = np.empty((len(known) * copies, len(order)), np.int32)
        block = max(1, walk.block // copies)
        for start in range(0, len(known), block):
            part = known[start : start + block]
            if shared:
                result[start : start + len(part)] = self._shared(walk, part)
                continue
            cache = self.engine.new_cache(len(part))
            self.engine.append(cache, part[:, :-1], walk.order, 0)
            if copies > 1:
                cache = self.engine.gather(cache, np.repeat(np.arange(len(part)), copies), part.shape[1])
                part = np.repeat(part, copies, axis=0)
            result[start * copies : start * copies + len(part)] = walk.finish(cache, part, len(part))
        return result

    def _shared(self, walk: _Walk, known: np.ndarray) -> np.ndarray:
        """A block of :meth:`complete`: int32[rows, fields]."""
        prefix, place = np.unique(known[:, :-1], axis=0, return_inverse=True)
        cache = self.engine.new_cache(len(prefix))
        self.engine.append(cache, prefix, walk.order, 0)
        rows = walk.rounded(len(known))
        cache = self.engine.gather(cache, place.ravel()[rows], known.shape[1], drawing=True)
        return walk.finish(cache, known[rows], len(known))


class _Walk:
    def __init__(
        self,
        engine: NanoEngine,
        parents: list[int],
        order: list[int],
        weights: dict[int, np.ndarray],
        rng: np.random.Generator,
        advance: Callable[[int], None],
    ) -> None:
        self.engine, self.parents, self.order, self.rng, self.advance = engine, parents, order, rng, advance
        self.weights = weights
        most = max(1, MAX_FIELDS // len(engine.config.sizes))
        most = max(engine.round_rows, most - most % engine.round_rows)
        self.nodes, self.block = min(MAX_NODES, most), min(BLOCK_ROWS, most)
        self.place = {field: step for step, field in enumerate(order)}

    def run(self, rows: int, conditioned: int) -> np.ndarray:
        start = self.conditioned_start(rows, conditioned)
        self.parts: list[np.ndarray] = []
        stack = [start]
        while stack:
            branch = stack.pop()
            if branch.prefix.shape[1] == len(self.order):
                self.collect(np.repeat(branch.prefix, branch.counts, axis=0))
            elif branch.counts.sum() < MIN_ROWS_PER_NODE * len(branch.counts):
                self.expand(branch)
            else:
                stack.extend(reversed(self.deepen(branch)))
        return np.concatenate(self.parts)

    def collect(self, rows: np.ndarray) -> None:
        in_field_order = np.empty_like(rows)
        in_field_order[:, self.order] = rows
        self.parts.append(in_field_order)
        self.advance(len(rows))

    # -- conditions -------------------------------------------------------------------------------------------
    def conditioned_start(self, rows: int, conditioned: int) -> _Branch:
        """The prefixes over the conditioned fields, with the rows dealt by their probability.

        All allowed prefixes are enumerated with their exact probability; where they become too many they
        are thinned to equal weights by systematic resampling (a particle filter).
        """
        cache, mass = self.engine.new_cache(1), np.ones(1)
        prefix = np.empty((1, 0), np.int32)
        most = int(
            np.clip(rows, MAX_CONDITIONED, 4 * MAX_CONDITIONED)
        )  # as many different prefixes as rows, if it can be
        for step in range(conditioned):
            probabilities = self.probabilities(cache, prefix, step).astype(np.float64)
            joint = mass[:, None] * probabilities
            node, token = np.nonzero(joint)
            mass = joint[node, token]
            if len(mass) > most:
                kept, mass = thinned(mass, most, self.rng)
                node, token = node[kept], token[kept]
            prefix = np.concatenate([prefix[node], token[:, None].astype(np.int32)], axis=1)
            cache = self.engine.gather(cache, node, step + 1)
        if not conditioned:
            return _Branch(cache, np.zeros(1, np.int64), np.array([rows]), prefix)
        kept, counts = systematic(mass, rows, self.rng)
        return _Branch(cache, kept, counts, prefix[kept])

    def probabilities(self, cache: Any, prefix: np.ndarray, step: int) -> np.ndarray:
        """Append each prefix's last token and give the next field's: float32[nodes, tokens], not normalised."""
        field = self.order[step]
        hidden = self.engine.append(cache, prefix[:, -1:] if step else prefix, self.order, step)
        probabilities = self.engine.probabilities(hidden, field)
        weight = self.weights.get(field)
        if weight is None:
            return probabilities
        return (probabilities + TINY) * (
            weight if weight.ndim == 1 else weight[prefix[:, self.place[self.parents[field]]]]
        )

    # -- the tree ---------------------------------------------------------------------------------------------
    def deepen(self, branch: _Branch) -> list[_Branch]:
        """Evaluate the nodes and deal their rows to their children."""
        step, nodes = branch.prefix.shape[1], self.rounded(len(branch.counts))
        cache = self.engine.gather(branch.cache, branch.parent[nodes], step, drawing=True)
        probabilities = self.probabilities(cache, branch.prefix[nodes], step)[: len(branch.counts)]
        parent, child, counts = deal(probabilities, branch.counts, self.rng)
        prefix = np.concatenate([branch.prefix[parent], child[:, None].astype(np.int32)], axis=1)
        children = []
        for start in range(0, len(parent), self.nodes):
            part = slice(start, start + self.nodes)
            children.append(_Branch(cache, parent[part], counts[part], prefix[part]))
        return children

    def expand(self, branch: _Branch) -> None:
        """Go on with one entry per row, in blocks."""
        node = np.repeat(np.arange(len(branch.counts)), branch.counts)
        for start in range(0, len(node), self.block):
            part = node[start : start + self.block]
            rounded = part[self.rounded(len(part))]
            cache = self.engine.gather(branch.cache, branch.parent[rounded], branch.prefix.shape[1], drawing=True)
            self.parts.append(self.finish(cache, branch.prefix[rounded], len(part)))
            self.advance(len(part))

    def rounded(self, rows: int) -> np.ndarray:
        """int64[n], 0 to ``rows`` - 1 and then 0 up to a round number of them that the engine has met before."""
        index = np.zeros(-(-rows // self.engine.round_rows) * self.engine.round_rows, np.int64)
        index[:rows] = np.arange(rows)
        return index

    def finish(self, cache: Any, prefix: np.ndarray, rows: int) -> np.ndarray:
        """Draw all remaining fields of a block on the device: int32[rows, fields] in field order.

        Args:
            rows: of the block, the first ones of the cache and of ``prefix``.
        """
        engine, depth = self.engine, prefix.shape[1]
        uniform = latin_uniforms(rows, len(self.order) - depth, self.rng)
        uniforms = engine.put(np.pad(uniform, ((0, 0), (0, len(prefix) - rows))))
        token = engine.put(prefix[:, -1:]) if depth else engine.put(prefix)
        drawn: dict[int, Any] = {}
        for step in range(depth, len(self.order)):
            field = self.order[step]
            hidden = engine.append(cache, token, self.order, step)
            weight = self.weights.get(field)
            if weight is not None:
                weight = engine.put(weight.astype(np.float32))
                if weight.ndim == 2:
                    parent = self.parents[field]
                    weight = weight[drawn[parent] if parent in drawn else engine.put(prefix[:, self.place[parent]])]
            drawn[field] = engine.draw(hidden, field, uniforms[step - depth], weight)
            token = drawn[field][:, None]
        result = np.empty((len(prefix), len(self.order)), np.int32)
        result[:, self.order[:depth]] = prefix
        if drawn:
            result[:, list(drawn)] = engine.fetch(list(drawn.values()))
        return result[:rows]
