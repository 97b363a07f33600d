"""Rows as padded batches of tokens, made for a whole batch at once."""

from __future__ import annotations

import numpy as np

from ..serialization.base import Batch, LmCodec

__all__ = ["BatchMaker"]


class BatchMaker:
    """Makes batches from choices; see :class:`~tabllm.lm.serialization.base.Batch`.

    The tokens of every (column, choice) are looked up in tables that are made once.

    Args:
        pad_to: rows are padded to a multiple of so many tokens.
    """

    def __init__(self, codec: LmCodec, *, pad_to: int = 1) -> None:
        self.codec, self.used, self.pad_to = codec, codec.used, pad_to
        columns = len(codec.automata)
        self.width = codec.width
        self.column_of = np.concatenate(
            [np.full(automaton.depth, column) for column, automaton in enumerate(codec.automata)]
        )
        levels = [level for automaton in codec.automata for level in automaton.levels]
        most = max(len(level.tokens) for level in levels)
        self.tokens = np.zeros((self.width, most), np.int64)
        for index, level in enumerate(levels):
            self.tokens[index, : len(level.tokens)] = level.tokens
        # A place is a choice in earnest where its state leaves more than one way.
        self.single = np.array([level.forced for level in levels])
        leads: dict[tuple[int, int], list[int]] = {
            (column, before): codec.lead(column, None if before < 0 else before)
            for column in range(columns)
            for before in range(-1, columns)
        }
        self.lead_width = max(map(len, leads.values()))
        self.leads = np.full((columns, columns + 1, self.lead_width), -1, np.int64)
        for (column, before), tokens in leads.items():
            self.leads[column, before, : len(tokens)] = tokens
        self.starts = np.array([span.start for span in codec.spans])
        self.depths = np.array([automaton.depth for automaton in codec.automata])

    def make(self, choices: np.ndarray, orders: np.ndarray) -> Batch:
        """A batch of rows.

        Args:
            choices: int32[rows, width].
            orders: int64[rows, columns], the column at each place of each row; fewer columns make rows that end
                before the last one's tokens.
        """
        rows = len(orders)
        before = np.concatenate([np.full((rows, 1), -1), orders[:, :-1]], axis=1)
        leads = self.leads[orders, before]  # (rows, columns, lead width)
        depth = int(self.depths.max())
        offset = np.arange(depth)
        place = self.starts[orders][:, :, None] + offset  # (rows, columns, depth)
        inside = offset < self.depths[orders][:, :, None]
        place = np.where(inside, place, 0)
        chosen = np.where(inside, choices[np.arange(rows)[:, None, None], place], -1)
        values = np.where(chosen >= 0, self.tokens[place, np.maximum(chosen, 0)], -1)
        ids = np.concatenate([leads, values], axis=2).reshape(rows, -1)
        where = np.concatenate([np.full(leads.shape, -1), np.where(chosen >= 0, place, -1)], axis=2).reshape(rows, -1)
        real = ids >= 0
        lengths = real.sum(axis=1)
        longest = -(-int(lengths.max()) // self.pad_to) * self.pad_to
        if (lacking := longest - ids.shape[1]) > 0:
            ids, where, real = (
                np.pad(array, ((0, 0), (0, lacking)), constant_values=fill)
                for array, fill in ((ids, -1), (where, -1), (real, False))
            )
        # Push the tokens of each row together: a stable sort by "is padding".
        packed = np.argsort(~real, axis=1, kind="stable")[:, :longest]
        ids = np.take_along_axis(ids, packed, axis=1)
        where = np.take_along_axis(where, packed, axis=1)
        row, position = np.nonzero((where >= 0) & ~self.single[np.maximum(where, 0)])
        level = where[row, position]
        target = np.searchsorted(self.used, ids[row, position])
        ids = self.fed(np.maximum(ids, 0), where)
        return Batch(ids, lengths, row * longest + position - 1, target, level, self.column_of[level])

    def fed(self, ids: np.ndarray, where: np.ndarray) -> np.ndarray:
        """The tokens as they are fed: each may tell what is requested next."""
        following = np.concatenate([where[:, 1:], np.full((len(where), 1), -1)], axis=1)
        result = ids
        for position in np.unique(following[following >= 0]):
            column = int(self.column_of[position])
            given = self.codec.input_id(ids, column, int(position - self.starts[column]))
            if given is ids:
                return result
            result = np.where(following == position, given, result)
        return result
