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

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..decoding.blocks import Blocks
from ..decoding.draws import deal, latin_uniforms, systematic, thinned
from .engines.base import TINY, NanoEngine

__all__ = ["MAX_CONDITIONED", "Rows", "Sampler", "Weights"]

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
        logs: float64[nodes], the log-probability of ``prefix``; see :class:`Rows`.
    """

    cache: Any
    parent: np.ndarray
    counts: np.ndarray
    prefix: np.ndarray
    logs: np.ndarray


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
        walk = _Walk(self.engine, self.parents, list(order), dict(weights or {}), rng, advance)
        return walk.run(rows, conditioned).tokens

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
        walk = _Walk(
            self.engine, self.parents, list(order), dict(weights or {}), rng, lambda rows: None, keep=keep, scored=True
        )
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
    ) -> Rows:
        """Draw the rest of rows whose first fields (in ``order``) are given.

        Args:
            known: int32[rows, given], tokens of ``order[:given]``, at least one.
            copies: how often each row is completed.
            shared: many neighbouring rows have the same tokens but for the last one: these are evaluated once.

        Returns:
            rows * copies rows, as given, the copies of each one after the other; their log-probabilities are those of
            the fields that were drawn.
        """
        walk = _Walk(self.engine, self.parents, list(order), dict(weights or {}), rng, lambda rows: None, scored=True)
        block = max(1, walk.block // copies)
        with walk.drawing(1 if len(known) <= block else None):
            for start in range(0, len(known), block):
                part = known[start : start + block]
                begin = partial(self._shared, walk, part) if shared else partial(self._begun, walk, part, copies)
                walk.draw(begin, part.shape[1], np.zeros(len(part) * copies))
        return walk.result()

    def _begun(self, walk: _Walk, known: np.ndarray, copies: int) -> tuple[Any, np.ndarray]:
        """The cache and the tokens of a block of :meth:`complete`."""
        cache = self.engine.new_cache(len(known))
        self.engine.append(cache, known[:, :-1], walk.order, 0)
        if copies == 1:
            return cache, known
        cache = self.engine.gather(cache, np.repeat(np.arange(len(known)), copies), known.shape[1])
        return cache, np.repeat(known, copies, axis=0)

    def _shared(self, walk: _Walk, known: np.ndarray) -> tuple[Any, np.ndarray]:
        """The same, where many rows have the same tokens but for the last one."""
        prefix, place = np.unique(known[:, :-1], axis=0, return_inverse=True)
        cache = self.engine.new_cache(len(prefix))
        self.engine.append(cache, prefix, walk.order, 0)
        rows = walk.rounded(len(known))
        return self.engine.gather(cache, place.ravel()[rows], known.shape[1], drawing=True), known[rows]


class _Walk:
    def __init__(
        self,
        engine: NanoEngine,
        parents: list[int],
        order: list[int],
        weights: dict[int, np.ndarray],
        rng: np.random.Generator,
        advance: Callable[[int], None],
        *,
        keep: Weights | None = None,
        scored: bool = False,
    ) -> None:
        self.engine, self.parents, self.order, self.rng, self.advance = engine, parents, order, rng, advance
        self.weights, self.keep, self.scored = weights, dict(keep or {}), scored
        most = max(1, MAX_FIELDS // len(engine.config.sizes))
        most = max(engine.round_rows, most - most % engine.round_rows)
        self.nodes, self.block = min(MAX_NODES, most), min(BLOCK_ROWS, most)
        self.place = {field: step for step, field in enumerate(order)}
        #: Steps up to which rows may be left out: there they stay in the tree.
        self.sifting = max((self.place[field] + 1 for field in self.keep), default=0)
        self.parts: list[tuple[np.ndarray, np.ndarray]] = [(np.empty((0, len(order)), np.int32), np.empty(0))]
        self.evaluated = 0

    @contextmanager
    def drawing(self, threads: int | None = None) -> Iterator[None]:
        """Around :meth:`draw`: by so many threads, by default as many as the engine allows."""
        with self.engine.drawing() as most, Blocks(threads or most, self.collect) as self.blocks:
            yield

    def run(self, rows: int, conditioned: int) -> Rows:
        with self.drawing():
            stack = [self.conditioned_start(rows, conditioned)]
            while stack:
                branch = stack.pop()
                step = branch.prefix.shape[1]
                if step == len(self.order):
                    self.merged(branch)
                elif self.sifting <= step and branch.counts.sum() < MIN_ROWS_PER_NODE * len(branch.counts):
                    self.expand(branch)
                else:
                    stack.extend(reversed(self.deepen(branch)))
        return self.result()

    def result(self) -> Rows:
        tokens, logs = (np.concatenate(each) for each in zip(*self.parts, strict=True))
        return Rows(tokens, logs, self.evaluated)

    def merged(self, branch: _Branch) -> None:
        """Rows of which the last field, too, was drawn in the tree."""
        in_field_order = np.empty_like(branch.prefix)
        in_field_order[:, self.order] = branch.prefix
        self.blocks.add((np.repeat(in_field_order, branch.counts, axis=0), np.repeat(branch.logs, branch.counts)))

    def collect(self, part: tuple[np.ndarray, np.ndarray]) -> None:
        self.parts.append(part)
        self.advance(len(part[0]))

    # -- conditions -------------------------------------------------------------------------------------------
    def conditioned_start(self, rows: int, conditioned: int) -> _Branch:
        """The prefixes over the conditioned fields, with the rows dealt by their probability.

        All allowed prefixes are enumerated with their exact probability; where they become too many they
        are thinned to equal weights by systematic resampling (a particle filter).
        """
        cache, mass, logs = self.engine.new_cache(1), np.ones(1), np.zeros(1)
        prefix = np.empty((1, 0), np.int32)
        most = int(
            np.clip(rows, MAX_CONDITIONED, 4 * MAX_CONDITIONED)
        )  # as many different prefixes as rows, if it can be
        for step in range(conditioned):
            probabilities = self.probabilities(cache, prefix, step).astype(np.float64)
            joint = mass[:, None] * probabilities
            node, token = np.nonzero(joint)
            mass, logs = joint[node, token], logs[node] + np.log(probabilities[node, token])
            if len(mass) > most:
                kept, mass = thinned(mass, most, self.rng)
                node, token, logs = node[kept], token[kept], logs[kept]
            prefix = np.concatenate([prefix[node], token[:, None].astype(np.int32)], axis=1)
            cache = self.engine.gather(cache, node, step + 1)
        if not conditioned:
            return _Branch(cache, np.zeros(1, np.int64), np.array([rows]), prefix, logs)
        kept, counts = systematic(mass, rows, self.rng)
        return _Branch(cache, kept, counts, prefix[kept], logs[kept])

    def probabilities(self, cache: Any, prefix: np.ndarray, step: int) -> np.ndarray:
        """Append each prefix's last token and give the next field's: float32[nodes, tokens], not normalised."""
        field = self.order[step]
        hidden = self.engine.append(cache, prefix[:, -1:] if step else prefix, self.order, step)
        self.evaluated += len(prefix)
        probabilities = self.engine.probabilities(hidden, field)
        weight = self.weights.get(field)
        if weight is None:
            return probabilities
        return (probabilities + TINY) * (weight if weight.ndim == 1 else weight[self.first_half(prefix, field)])

    def first_half(self, prefix: np.ndarray, field: int) -> np.ndarray:
        """int32[nodes], the tokens of the first half of the value whose second half is ``field``."""
        tokens: np.ndarray = prefix[:, self.place[self.parents[field]]]
        return tokens

    # -- the tree ---------------------------------------------------------------------------------------------
    def deepen(self, branch: _Branch) -> list[_Branch]:
        """Evaluate the nodes and deal their rows to their children."""
        step, nodes = branch.prefix.shape[1], self.rounded(len(branch.counts))
        cache = self.engine.gather(branch.cache, branch.parent[nodes], step, drawing=True)
        probabilities = self.probabilities(cache, branch.prefix[nodes], step)[: len(branch.counts)]
        parent, child, counts = deal(probabilities, branch.counts, self.rng)
        parent, child, counts = self.kept(branch.prefix, parent, child, counts)
        prefix = np.concatenate([branch.prefix[parent], child[:, None].astype(np.int32)], axis=1)
        logs = branch.logs[parent]
        if self.scored:
            logs = logs + np.log(probabilities[parent, child] / probabilities.sum(axis=1, dtype=np.float64)[parent])
        children = []
        for start in range(0, len(parent), self.nodes):
            part = slice(start, start + self.nodes)
            children.append(_Branch(cache, parent[part], counts[part], prefix[part], logs[part]))
        return children

    def kept(
        self, prefix: np.ndarray, parent: np.ndarray, child: np.ndarray, counts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The children (node, token and rows of each) after some of their rows are left out."""
        field = self.order[prefix.shape[1]]
        probability = self.keep.get(field)
        if probability is None:
            return parent, child, counts
        place = (child,) if probability.ndim == 1 else (self.first_half(prefix, field)[parent], child)
        counts = self.rng.binomial(counts, probability[place])
        stay = counts > 0
        return parent[stay], child[stay], counts[stay]

    def expand(self, branch: _Branch) -> None:
        """Go on with one entry per row, in blocks."""
        node = np.repeat(np.arange(len(branch.counts)), branch.counts)
        for start in range(0, len(node), self.block):
            part = node[start : start + self.block]
            self.draw(partial(self.begun, branch, part), branch.prefix.shape[1], branch.logs[part])

    def begun(self, branch: _Branch, part: np.ndarray) -> tuple[Any, np.ndarray]:
        """The cache and the prefixes of a block."""
        rounded = part[self.rounded(len(part))]
        cache = self.engine.gather(branch.cache, branch.parent[rounded], branch.prefix.shape[1], drawing=True)
        return cache, branch.prefix[rounded]

    def rounded(self, rows: int) -> np.ndarray:
        """int64[n], 0 to ``rows`` - 1 and then 0 up to a round number of them that the engine has met before."""
        index = np.zeros(-(-rows // self.engine.round_rows) * self.engine.round_rows, np.int64)
        index[:rows] = np.arange(rows)
        return index

    def draw(self, begin: Callable[[], tuple[Any, np.ndarray]], depth: int, logs: np.ndarray) -> None:
        """Have all remaining fields of a block drawn on the device.

        Args:
            begin: makes the cache and the prefixes of the block's rows, behind which others may stand.
            depth: how many fields these prefixes have.
            logs: float64[rows], of the block's rows.
        """
        # Drawn here, and not by the thread that needs them: the order of the draws does not depend on threads.
        uniform = latin_uniforms(len(logs), len(self.order) - depth, self.rng)
        self.evaluated += len(logs) * (len(self.order) - depth)
        self.blocks.draw(lambda: self.finish(*begin(), uniform, logs))

    def finish(
        self, cache: Any, prefix: np.ndarray, uniform: np.ndarray, logs: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The tokens of a block, and their logs. Several threads may be here."""
        engine, depth, rows = self.engine, prefix.shape[1], len(logs)
        uniforms = engine.put(np.pad(uniform, ((0, 0), (0, len(prefix) - rows))))
        token = engine.put(prefix[:, -1:]) if depth else engine.put(prefix)
        drawn: dict[int, Any] = {}
        probabilities: list[Any] = []
        for step in range(depth, len(self.order)):
            field = self.order[step]
            hidden = engine.append(cache, token, self.order, step)
            weight = self.weights.get(field)
            if weight is not None:
                weight = engine.put(weight.astype(np.float32))
                if weight.ndim == 2:
                    parent = self.parents[field]
                    weight = weight[drawn[parent] if parent in drawn else engine.put(prefix[:, self.place[parent]])]
            distribution = engine.distribution(hidden, field, weight)
            drawn[field] = engine.draw(distribution, uniforms[step - depth])
            if self.scored:
                probabilities.append(engine.probability(distribution, drawn[field]))
            token = drawn[field][:, None]
        tokens = np.empty((len(prefix), len(self.order)), np.int32)
        tokens[:, self.order[:depth]] = prefix
        if drawn:
            tokens[:, list(drawn)] = engine.fetch(list(drawn.values()))
        if probabilities:
            logs = logs + np.log(engine.fetch(probabilities)[:rows].astype(np.float64)).sum(axis=1)
        return tokens[:rows], logs
