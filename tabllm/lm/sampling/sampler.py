"""Constrained sampling of rows: a language model's way through the tree of prefixes, of several tokens a column.

Rows that no longer share their beginnings go on as a block (:mod:`.block`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...decoding.precisions import PACKED
from ...decoding.prefix_tree import Nodes, TreeWalk
from ..engines.base import Cache, LmEngine
from ..serialization.automaton import DONE, NEVER, Automaton
from ..serialization.base import LmCodec
from .block import draw_rest

__all__ = ["Counter", "LmSampler", "block_rows", "rows_within", "token_bytes"]

#: With fewer rows than this per node, rows go on as a block.
MIN_ROWS_PER_NODE = 1.25
#: Beginnings kept while conditions are worked through; beyond it they are thinned without bias.
MAX_CONDITIONED = 2048
#: The fraction of what may follow where the model, or its filter, gives it none: it counts where nothing else is.
LEAST = 1e-100
#: Nodes that are evaluated together: this part of the rows of a block.
TREE_PART = 4
#: Rows that wait to be drawn together, at all columns, at most: this many blocks.
MOST_WAITING = 2
#: Memory for keys and values of a block, and the rows that it may have.
BLOCK_BYTES = 2 << 30
MOST_ROWS, FEWEST_ROWS = 1024, 16
#: Where a GPU says how much of its own memory is free: the part of it for one block (others wait, and are copied), and
#: the rows that a block may have.
FREE_SHARE, MOST_ROWS_OF_A_GPU = 0.2, 4096


@dataclass
class Counter:
    """What a sampling run did, for benchmarks.

    Attributes:
        calls: of the model.
        tokens: that went through the model.
        drawn: choices made, each with its head.
        keys: keys and values that attention examined, summed over the tokens.
        read: keys and values that were read, once in each call for all of a row's tokens.
        head: multiply-adds of the restricted heads, divided by the model's width.
    """

    calls: int = 0
    tokens: int = 0
    drawn: int = 0
    keys: int = 0
    read: int = 0
    head: int = 0


def block_rows(engine: LmEngine, longest: int) -> int:
    """Rows that are drawn together: as many as the device has memory for their keys and values."""
    return rows_within(token_bytes(engine) * max(longest, 1), engine.free_memory())


def token_bytes(engine: LmEngine) -> int:
    """Bytes of one token's keys and values."""
    # On a processor quantized weights are multiplied with activations of 32 bits.
    wide = engine.precision == "fp32" or (engine.precision in PACKED and engine.device_name == "cpu")
    return engine.shape.cache_bytes(4 if wide else 2)


def rows_within(row_bytes: int, free: int | None) -> int:
    """Rows whose keys and values are held at once.

    Args:
        row_bytes: of a row.
        free: bytes of a device's own memory; ``None`` where there is no such, and :data:`BLOCK_BYTES` are taken.
    """
    if free is None:
        return int(np.clip(BLOCK_BYTES // row_bytes, FEWEST_ROWS, MOST_ROWS))
    rows = int(np.clip(FREE_SHARE * free // row_bytes, FEWEST_ROWS, MOST_ROWS_OF_A_GPU))
    # A power of two: the draws depend on it, and a little more or less of free memory should not change the rows.
    return 1 << (rows.bit_length() - 1)


class LmSampler:
    """Draws rows of choices from a model.

    Args:
        most_rows: rows in a block at most; chosen by memory if absent.
        merge: whether equal beginnings are evaluated once (else each row is drawn by itself, for comparison).
    """

    def __init__(self, engine: LmEngine, codec: LmCodec, *, most_rows: int | None = None, merge: bool = True) -> None:
        self.engine, self.codec, self.merge = engine, codec, merge
        self.most_rows = most_rows or block_rows(engine, codec.longest(range(len(codec.names))))
        self.counter = Counter()
        #: int64[m], tokens that stand before every row: examples, say.
        self.prefix = np.empty(0, np.int64)

    def sample(
        self,
        rows: int,
        order: Sequence[int],
        rng: np.random.Generator,
        *,
        conditions: Mapping[int, Automaton] | None = None,
        advance: Callable[[int], None] = lambda rows: None,
    ) -> np.ndarray:
        """Draw ``rows`` rows: int32[rows, width] choices, sorted by beginning (shuffle if that matters).

        Args:
            order: the order in which the columns are drawn.
            conditions: column -> its automaton kept to what is allowed. The columns up to the last of them are
                drawn from their joint distribution given all conditions, not one after the other.
            advance: called with how many rows are done.
        """
        return _Walk(self, list(order), dict(conditions or {}), rng, advance).run(rows)[0]

    def complete(
        self,
        ids: np.ndarray,
        lengths: np.ndarray,
        record: np.ndarray,
        given: int,
        order: Sequence[int],
        rng: np.random.Generator,
        *,
        conditions: Mapping[int, Automaton] | None = None,
    ) -> np.ndarray:
        """Draw the rest of rows whose columns ``order[:given]`` (at least one) are known.

        Args:
            ids: int64[rows, m], the known part as it is fed, its last token excepted; padded on the right.
            lengths: int64[rows], tokens of ``ids`` that are real; at least 1.
            record: int32[rows, width], the known choices.

        Returns:
            int32[rows, width], rows as given.
        """
        result = record.copy()
        order, automata = list(order), self.automata(conditions or {})
        last = self.codec.last_tokens(record, order[given - 1])
        slots = ids.shape[1] + self.codec.longest(order, given) + 1
        for start in range(0, len(ids), self.most_rows):
            part = slice(start, start + self.most_rows)
            longest = int(lengths[part].max())
            cache = self.engine.new_cache(len(ids[part]), slots)
            self.engine.append(cache, ids[part, :longest], counts=lengths[part])
            self.count(cache, int(lengths[part].sum()))
            result[part] = draw_rest(self, cache, last[part], record[part], given, order, automata, rng)
        return result

    def automata(self, conditions: Mapping[int, Automaton]) -> list[Automaton]:
        """Each column's automaton, kept to the conditions."""
        return [conditions.get(column, automaton) for column, automaton in enumerate(self.codec.automata)]

    def count(self, cache: Cache, tokens: int, rows: np.ndarray | None = None) -> None:
        """Note a call of the model."""
        counter = self.counter
        lengths = cache.lengths if rows is None else cache.lengths[rows]
        counter.calls += 1
        counter.tokens += tokens
        counter.read += int(lengths.sum())
        counter.keys += int(lengths.sum()) * tokens // max(len(lengths), 1)


class _Walk(TreeWalk):
    def __init__(
        self,
        sampler: LmSampler,
        order: list[int],
        conditions: dict[int, Automaton],
        rng: np.random.Generator,
        advance: Callable[[int], None],
    ) -> None:
        super().__init__(rng, advance)
        self.columns = len(order)
        self.conditioned = 1 + max((order.index(column) for column in conditions), default=-1)
        self.enumerated = 256, MAX_CONDITIONED
        self.min_rows_per_node = MIN_ROWS_PER_NODE if sampler.merge else np.inf
        self.block = sampler.most_rows
        self.sampler, self.engine, self.codec, self.order = sampler, sampler.engine, sampler.codec, order
        self.automata = sampler.automata(conditions)
        self.open_values = [_open_values(automaton) for automaton in self.automata]
        self.by_position: dict[int, list[Nodes]] = {}

    # -- the tree ---------------------------------------------------------------------------------------------
    def root(self) -> Nodes:
        """What is kept of a node beside is its last token, which the model has not seen yet."""
        prefix = self.sampler.prefix
        cache = self.engine.new_cache(1, len(prefix))
        if len(prefix):
            self.engine.append(cache, prefix[None])
            self.sampler.count(cache, len(prefix))
        record, one = np.full((1, self.codec.width), -1, np.int32), np.zeros(1, np.int64)
        return Nodes(0, [(cache, one)], np.ones(1), record, one)

    def children(self, nodes: Nodes) -> Nodes:
        parts = np.array_split(np.arange(len(nodes)), -(-len(nodes) // self.block))
        return Nodes.all_of([self.through(nodes.part(chosen)) for chosen in parts])

    def deepen(self, nodes: Nodes) -> list[Nodes]:
        """A part of so few nodes is evaluated that they, and their children within the column, fit into a part of a
        block: each column of the walk holds such a part while those behind it are worked through."""
        most = max(FEWEST_ROWS, self.block // TREE_PART)
        children = np.minimum(nodes.weight, max(self.open_values[self.order[nodes.position]], 1.0))
        edges = np.flatnonzero(np.diff((np.cumsum(children) - children) // most)) + 1
        first, *others = (nodes.part(chosen) for chosen in np.split(np.arange(len(nodes)), edges))
        return [self.through(first), *others]

    def through(self, nodes: Nodes) -> Nodes:
        """The nodes after one more column."""
        engine, codec, position = self.engine, self.codec, nodes.position
        column = self.order[position]
        levels = self.automata[column].levels
        lead = codec.lead(column, self.order[position - 1] if position else None)
        fed = lead if position == 0 else [0, *lead]
        ids = np.tile(np.asarray(fed, np.int64), (len(nodes), 1))
        if position:
            ids[:, 0] = nodes.own
        ids[:, -1] = codec.input_id(ids[:, -1], column, 0)
        cache = engine.gather(nodes.sources, _longest(nodes) + ids.shape[1])
        hidden = engine.append(cache, ids)
        self.sampler.count(cache, ids.size)
        finished: list[Nodes] = []
        weight, record, state = nodes.weight, nodes.record, np.zeros(len(nodes), np.int64)
        for depth, level in enumerate(levels):
            if level.forced:
                node = np.arange(len(weight))
                choice = (level.step != NEVER).argmax(axis=1)[state]
            else:
                self.sampler.counter.drawn += len(weight)
                self.sampler.counter.head += len(weight) * len(level.tokens)
                probabilities = engine.probabilities(hidden, level, state)
                if not probabilities.any():
                    probabilities = np.where(level.step[state] != NEVER, LEAST, 0.0)
                node, choice, weight = self.split(probabilities, weight)
            after = level.step[state[node], choice]
            record = record[node]
            record[:, codec.spans[column].start + depth] = choice
            tokens = level.tokens[choice]
            done, on = np.flatnonzero(after == DONE), np.flatnonzero(after >= 0)
            if len(done):
                finished.append(Nodes(position + 1, [(cache, node[done])], weight[done], record[done], tokens[done]))
            if not len(on):
                break
            weight, record, state = weight[on], record[on], after[on]
            longest = int(cache.lengths[node[on]].max())
            cache = engine.gather([(cache, node[on])], longest + 1)
            hidden = engine.append(cache, codec.input_id(tokens[on], column, depth + 1)[:, None])
            self.sampler.count(cache, len(on))
        return Nodes.all_of(finished)

    def finished(self, nodes: Nodes) -> tuple[np.ndarray]:
        return (np.repeat(nodes.record, nodes.weight, axis=0),)

    # -- blocks -----------------------------------------------------------------------------------------------
    def ready(self, nodes: Nodes) -> Iterator[Nodes]:
        """Beginnings that no longer pay to merge wait until they fill a block with others of the same column: a piece
        of the walk alone has a quarter of a block's rows, and small products are slow."""
        sources = [(self.engine.gather(nodes.sources, _longest(nodes)), np.arange(len(nodes)))]  # lets the others go
        self.by_position.setdefault(nodes.position, []).append(replace(nodes, sources=sources))
        rows = {position: sum(int(part.weight.sum()) for part in parts) for position, parts in self.by_position.items()}
        if rows[nodes.position] >= self.block:
            yield Nodes.all_of(self.by_position.pop(nodes.position))
        elif sum(rows.values()) >= MOST_WAITING * self.block:
            yield Nodes.all_of(self.by_position.pop(max(rows, key=rows.__getitem__)))

    def waiting(self) -> Iterator[Nodes]:
        for position in list(self.by_position):
            yield Nodes.all_of(self.by_position.pop(position))

    def rest(self, nodes: Nodes, node: np.ndarray) -> Callable[[], tuple[np.ndarray]]:
        block, position = nodes.part(node), nodes.position
        longest = _longest(block) + self.codec.longest(self.order, position) + 1
        cache = self.engine.gather(block.sources, longest)
        begun = (self.sampler, cache, block.own, block.record, position)
        return lambda: (draw_rest(*begun, self.order, self.automata, self.rng),)


def _longest(nodes: Nodes) -> int:
    """The tokens that the longest of the beginnings has in its cache."""
    return max(int(cache.lengths[index].max()) for cache, index in nodes.sources)


def _open_values(automaton: Automaton) -> float:
    """How many values of a column have more than one token: a bound on the children that a node keeps on the device
    while its column is worked through."""
    below: np.ndarray | None = None
    for level in reversed(automaton.levels[1:]):
        after = (
            np.zeros(level.step.shape)
            if below is None
            else np.where(level.step >= 0, below[np.maximum(level.step, 0)], 0.0)
        )
        below = (after + (level.step == DONE)).sum(axis=1)
    first = automaton.levels[0].step
    return 0.0 if below is None else float(np.where(first >= 0, below[np.maximum(first, 0)], 0.0).sum())
