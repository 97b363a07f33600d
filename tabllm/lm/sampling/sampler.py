"""Constrained sampling of rows as a walk down the tree of their beginnings; the same for every engine.

A node is a beginning of a row, with the number of rows that share it. Each node is evaluated once and its rows are
dealt to its children. Where nearly every row has a node of its own, merging no longer pays: there the rows go on as
a block (:mod:`.block`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ...decoding.draws import deal, systematic, thinned
from ...decoding.precisions import PACKED
from ..engines.base import Cache, LmEngine
from ..serialization.automaton import DONE, NEVER, Automaton
from ..serialization.base import LmCodec
from .block import draw_rest
from .prefixes import Counter, Nodes

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
        walk = _Walk(self, list(order), dict(conditions or {}), rng, advance)
        return walk.run(rows)

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


class _Walk:
    def __init__(
        self,
        sampler: LmSampler,
        order: list[int],
        conditions: dict[int, Automaton],
        rng: np.random.Generator,
        advance: Callable[[int], None],
    ) -> None:
        self.sampler, self.engine, self.codec = sampler, sampler.engine, sampler.codec
        self.order, self.rng, self.advance = order, rng, advance
        self.automata = sampler.automata(conditions)
        self.conditioned = 1 + max((order.index(column) for column in conditions), default=-1)
        self.spans = self.codec.spans
        self.open_values = [_open_values(automaton) for automaton in self.automata]
        self.parts: list[np.ndarray] = []
        self.waiting: dict[int, list[Nodes]] = {}

    def run(self, rows: int) -> np.ndarray:
        start = self.root(rows)
        stack = [(self.conditioned, start)]
        del start
        while stack:
            position, nodes = stack.pop()
            if position == len(self.order):
                self.collect(np.repeat(nodes.record, nodes.weight, axis=0))
            elif not self.sampler.merge:
                self.expand(position, nodes)
            elif nodes.weight.sum() < MIN_ROWS_PER_NODE * len(nodes):
                self.wait(position, nodes)
            else:
                pieces = self.split(nodes, self.open_values[self.order[position]])
                for piece in reversed(pieces[1:]):
                    stack.append((position, piece))
                stack.append((position + 1, self.through(position, pieces[0], self.by_count)))
        for position in list(self.waiting):
            self.release(position)
        return np.concatenate(self.parts)

    def collect(self, rows: np.ndarray) -> None:
        self.parts.append(rows)
        self.advance(len(rows))

    def split(self, nodes: Nodes, open_values: float) -> list[Nodes]:
        """Parts of so few nodes that they, and their children within the column, fit into a part of a block: each
        column of the walk holds such a part while those behind it are worked through."""
        most = max(FEWEST_ROWS, self.sampler.most_rows // TREE_PART)
        children = np.minimum(nodes.weight, max(open_values, 1.0))
        part = ((np.cumsum(children) - children) // most).astype(np.int64)
        edges = np.flatnonzero(np.diff(part)) + 1
        if not len(edges):
            return [nodes]
        return [nodes.part(chosen) for chosen in np.split(np.arange(len(nodes)), edges)]

    # -- conditions -------------------------------------------------------------------------------------------
    def root(self, rows: int) -> Nodes:
        """The empty beginning; with conditions, the beginnings up to the last of them.

        All allowed ones are listed with their exact probability; where they become too many they are thinned to
        equal weights by systematic resampling (a particle filter).
        """
        prefix = self.sampler.prefix
        cache = self.engine.new_cache(1, len(prefix))
        if len(prefix):
            self.engine.append(cache, prefix[None])
            self.sampler.count(cache, len(prefix))
        record = np.full((1, self.codec.width), -1, np.int32)
        one = np.zeros(1, np.int64)
        if not self.conditioned:
            return Nodes([(cache, one)], np.array([rows]), one, record)
        most = int(np.clip(rows, 256, MAX_CONDITIONED))
        nodes = Nodes([(cache, one)], np.ones(1), one, record)
        for index in range(self.conditioned):
            parts = [
                self.through(index, nodes.part(chosen), self.by_mass(most))
                for chosen in np.array_split(np.arange(len(nodes)), -(-len(nodes) // self.sampler.most_rows))
            ]
            nodes = Nodes.all_of(parts)
            nodes = nodes.part(np.flatnonzero(nodes.weight > 0))
            if len(nodes) > most:
                kept, mass = thinned(nodes.weight, most, self.rng)
                nodes = nodes.part(kept)
                nodes.weight = mass
            nodes.weight = nodes.weight / nodes.weight.sum()
        kept, counts = systematic(nodes.weight, rows, self.rng)
        nodes = nodes.part(kept)
        nodes.weight = counts
        return nodes

    def by_mass(self, most: int) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Every possible child with its probability; at most ``most`` of them."""

        def split(probabilities: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            node, choice = np.nonzero(probabilities)
            mass = np.maximum(weight[node] * probabilities[node, choice].astype(np.float64), np.finfo(np.float64).tiny)
            if len(mass) > most:
                kept, mass = thinned(mass, most, self.rng)
                node, choice = node[kept], choice[kept]
            return node, choice, mass

        return split

    # -- the tree ---------------------------------------------------------------------------------------------
    def by_count(self, probabilities: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Deal each node's rows to its children: (node, choice, rows)."""
        return deal(probabilities, weight, self.rng)

    def through(
        self,
        position: int,
        nodes: Nodes,
        split: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]],
    ) -> Nodes:
        """The nodes after one more column."""
        engine, codec, column = self.engine, self.codec, self.order[position]
        levels = self.automata[column].levels
        lead = codec.lead(column, self.order[position - 1] if position else None)
        fed = lead if position == 0 else [0, *lead]
        ids = np.tile(np.asarray(fed, np.int64), (len(nodes), 1))
        if position:
            ids[:, 0] = nodes.pending
        ids[:, -1] = codec.input_id(ids[:, -1], column, 0)
        longest = max(int(cache.lengths[index].max()) for cache, index in nodes.sources)
        cache = engine.gather(nodes.sources, longest + ids.shape[1])
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
                node, choice, weight = split(probabilities, weight)
            after = level.step[state[node], choice]
            record = record[node]
            record[:, self.spans[column].start + depth] = choice
            tokens = level.tokens[choice]
            done, on = np.flatnonzero(after == DONE), np.flatnonzero(after >= 0)
            if len(done):
                finished.append(Nodes([(cache, node[done])], weight[done], tokens[done], record[done]))
            if not len(on):
                break
            weight, record, state = weight[on], record[on], after[on]
            longest = int(cache.lengths[node[on]].max())
            cache = engine.gather([(cache, node[on])], longest + 1)
            hidden = engine.append(cache, codec.input_id(tokens[on], column, depth + 1)[:, None])
            self.sampler.count(cache, len(on))
        return Nodes.all_of(finished)

    def wait(self, position: int, nodes: Nodes) -> None:
        """Keep beginnings that no longer pay to merge until they fill a block with others of the same column: a
        piece of the walk alone has a quarter of a block's rows, and small products are slow."""
        longest = max(int(cache.lengths[index].max()) for cache, index in nodes.sources)
        nodes.sources = [(self.engine.gather(nodes.sources, longest), np.arange(len(nodes)))]  # lets the others go
        self.waiting.setdefault(position, []).append(nodes)
        rows = {position: sum(int(part.weight.sum()) for part in parts) for position, parts in self.waiting.items()}
        if rows[position] >= self.sampler.most_rows:
            self.release(position)
        elif sum(rows.values()) >= MOST_WAITING * self.sampler.most_rows:
            self.release(max(rows, key=rows.__getitem__))

    def release(self, position: int) -> None:
        """Draw the rows that wait at a column."""
        self.expand(position, Nodes.all_of(self.waiting.pop(position)))

    def expand(self, position: int, nodes: Nodes) -> None:
        """Go on with one entry per row, in blocks."""
        node = np.repeat(np.arange(len(nodes)), nodes.weight)
        for start in range(0, len(node), self.sampler.most_rows):
            part = node[start : start + self.sampler.most_rows]
            block = nodes.repeated(part)
            longest = max(int(cache.lengths[index].max()) for cache, index in block.sources)
            cache = self.engine.gather(block.sources, longest + self.codec.longest(self.order, position) + 1)
            rows = draw_rest(
                self.sampler, cache, block.pending, block.record, position, self.order, self.automata, self.rng
            )
            self.collect(rows)


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
