"""Sampling as a walk down the tree of prefixes; the same for every model and engine.

A node is the beginning of a row, with the number of rows that share it. Each node is evaluated once and its rows are
dealt to its children, so a prefix that a thousand rows share costs one evaluation. Where nearly every row has a node
of its own, merging no longer pays: there the rows go on in blocks.

Rows stay sorted by prefix, and the uniform numbers of neighbouring rows form a Latin hypercube: each row is an exact
draw of the model, while the counts of values lie closer to their expectation than independent draws would put them
(systematic sampling; cf. array-RQMC, L'Ecuyer et al. 2008).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from .blocks import Blocks
from .draws import deal, systematic, thinned

__all__ = ["Nodes", "TreeWalk"]


@dataclass
class Nodes:
    """Beginnings of rows, of the same columns.

    Attributes:
        position: how many columns they have.
        sources: where their keys and values lie, in order: (an engine's cache, rows of it). What a node needs is
            gathered only when its turn comes, so that nodes on the stack hold no copies.
        weight: rows below each (int64), or its probability (float64) while conditions are worked through.
        record: int32[nodes, width], the choices so far, -1 elsewhere.
        own: [nodes], what the model keeps of each beside.
    """

    position: int
    sources: list[tuple[Any, np.ndarray]]
    weight: np.ndarray
    record: np.ndarray
    own: np.ndarray

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def dealt(self) -> bool:
        """Whether their weights are rows."""
        return self.weight.dtype.kind == "i"

    def part(self, chosen: np.ndarray, weight: np.ndarray | None = None) -> Nodes:
        """The nodes ``chosen`` (int64; ascending, if they have several sources), with new weights where given."""
        sources, begin = [], 0
        for cache, index in self.sources:
            inside = chosen[(chosen >= begin) & (chosen < begin + len(index))] - begin
            if len(inside):
                sources.append((cache, index[inside]))
            begin += len(index)
        weight = self.weight[chosen] if weight is None else weight
        return Nodes(self.position, sources, weight, self.record[chosen], self.own[chosen])

    @staticmethod
    def all_of(parts: Sequence[Nodes]) -> Nodes:
        """The nodes of several, one after the other."""
        arrays = zip(*((part.weight, part.record, part.own) for part in parts), strict=True)
        sources = [source for part in parts for source in part.sources]
        return Nodes(parts[0].position, sources, *map(np.concatenate, arrays))


class TreeWalk(ABC):
    """One walk; a model says how its nodes are evaluated, and how their rows go on in blocks.

    Rows are given as several arrays, of as many rows each: their choices and, say, their log-probabilities.

    Attributes:
        columns: of a row.
        conditioned: columns, from the first on, that are drawn from their joint distribution given all conditions.
        enumerated: of these at least and at most so many prefixes are kept, in between as many as rows.
        min_rows_per_node: with fewer rows than this per node, rows go on in blocks.
        tree_columns: columns, from the first on, through which rows go in the tree, however few a node has.
        block: rows of a block at most.
    """

    columns: int
    conditioned: int
    enumerated: tuple[int, int]
    min_rows_per_node: float
    tree_columns = 0
    block: int

    def __init__(self, rng: np.random.Generator, advance: Callable[[int], None]) -> None:
        self.rng, self.advance = rng, advance
        self.parts: list[tuple[np.ndarray, ...]] = []

    @abstractmethod
    def root(self) -> Nodes:
        """The empty beginning, of weight 1."""

    @abstractmethod
    def children(self, nodes: Nodes) -> Nodes:
        """Evaluate all nodes: their children by :meth:`split`."""

    @abstractmethod
    def deepen(self, nodes: Nodes) -> Sequence[Nodes]:
        """Nodes that stand for these, nearer to the last column, in their order.

        Of more nodes than are evaluated together these are parts of the children, or a part's children and the rest.
        """

    @abstractmethod
    def finished(self, nodes: Nodes) -> tuple[np.ndarray, ...]:
        """The rows of nodes that have all columns."""

    @abstractmethod
    def rest(self, nodes: Nodes, node: np.ndarray) -> Callable[[], tuple[np.ndarray, ...]]:
        """What draws the remaining columns of a block, of which row i begins as ``node[i]`` (int64, ascending).

        Where there are several threads, it may not use ``rng``.
        """

    def ready(self, nodes: Nodes) -> Iterable[Nodes]:
        """Nodes to go on with in blocks, now that these no longer merge; they may wait for others."""
        return (nodes,)

    def waiting(self) -> Iterable[Nodes]:
        """Nodes that still wait when the tree is done."""
        return ()

    def threads(self) -> AbstractContextManager[int]:
        """Around draws; gives how many blocks may be drawn at once."""
        return nullcontext(1)

    # -- the walk ---------------------------------------------------------------------------------------------
    @contextmanager
    def drawing(self, threads: int | None = None) -> Iterator[None]:
        """Around draws of blocks: by so many threads, by default as many as there may be."""
        with self.threads() as most, Blocks(threads or most, self.collect) as self.blocks:
            yield

    def run(self, rows: int) -> list[np.ndarray]:
        """Draw ``rows`` rows."""
        with self.drawing():
            stack = [self.start(rows)]
            while stack:
                nodes = stack.pop()
                if nodes.position == self.columns:
                    self.blocks.add(self.finished(nodes))
                elif nodes.position < self.tree_columns or nodes.weight.sum() >= self.min_rows_per_node * len(nodes):
                    stack.extend(reversed(self.deepen(nodes)))
                else:
                    self.expand(self.ready(nodes))
            self.expand(self.waiting())
        return self.result()

    def start(self, rows: int) -> Nodes:
        """The prefixes over the conditioned columns, with the rows dealt by their probability.

        All allowed prefixes are enumerated with their exact probability; where they become too many they are thinned
        to equal weights by systematic resampling (a particle filter).
        """
        nodes, self.most = self.root(), int(np.clip(rows, *self.enumerated))
        for _ in range(self.conditioned):
            nodes = self.children(nodes)
            kept, mass = self.thinned(nodes.weight)
            nodes = nodes.part(kept, mass / mass.sum())
        if not self.conditioned:
            return nodes.part(np.zeros(1, np.int64), np.array([rows]))
        return nodes.part(*systematic(nodes.weight, rows, self.rng))

    def thinned(self, mass: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(indices kept, their mass): where these are too many, fewer."""
        if len(mass) > self.most:
            return thinned(mass, self.most, self.rng)
        return np.arange(len(mass)), mass

    def split(self, probabilities: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The children of nodes: (node, choice, weight) of each.

        Args:
            probabilities: float[nodes, choices].
            weight: of the nodes. Rows are dealt; probabilities go to every possible child.
        """
        if weight.dtype.kind == "i":
            return deal(probabilities, weight, self.rng)
        node, choice = np.nonzero(probabilities)
        joint = weight[node] * probabilities[node, choice].astype(np.float64)
        kept, mass = self.thinned(np.maximum(joint, np.finfo(np.float64).tiny))
        return node[kept], choice[kept], mass

    def expand(self, ready: Iterable[Nodes]) -> None:
        """Go on with one entry per row, in blocks."""
        for nodes in ready:
            node = np.repeat(np.arange(len(nodes)), nodes.weight)
            for start in range(0, len(node), self.block):
                self.blocks.draw(self.rest(nodes, node[start : start + self.block]))

    def collect(self, rows: tuple[np.ndarray, ...]) -> None:
        self.parts.append(rows)
        self.advance(len(rows[0]))

    def result(self) -> list[np.ndarray]:
        """All rows that were collected."""
        return [np.concatenate(each) for each in zip(*self.parts, strict=True)]
