"""Rows in a vocabulary made from the table, for a pretrained model's body: one token a category, few a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tabular.likelihood.spans import Span
from tabular.schema import Schema
from tabular.where.conditions import Allowed

from ...codec.likelihood import Candidates, candidates
from ...codec.number import NumberCodec
from ...codec.rows import RowCodec
from .automaton import DONE, NEVER, Automaton, Level
from .base import LmCodec, Task

__all__ = ["TokenCodec", "field_names"]


class TokenCodec(LmCodec):
    """The table codec (:mod:`tabllm.codec`) as automata.

    The model's embedding and head are replaced (:attr:`vocabulary` tokens and one to begin with). What is fed is a
    pair in one number: the token, and the field that is requested next; its embedding is the sum of both.
    """

    def __init__(self, rows: RowCodec) -> None:
        self.rows = rows
        table = rows.table
        super().__init__(rows.schema, rows.words)
        self.parts, self.names = rows.parts, list(rows.names)
        self.sizes = table.sizes
        self.offsets = [0, *np.cumsum(self.sizes).tolist()]
        self.vocabulary = self.offsets[-1] + 1
        self.fields = [table.fields_of(name) for name in self.names]
        self.automata = [self._automaton(index) for index in range(len(self.names))]

    def _automaton(self, column: int, weights: Mapping[int, np.ndarray] | None = None) -> Automaton:
        """One level per field; ``weights`` as :func:`tabllm.codec.conditions.token_weights` gives them."""
        fields = self.fields[column]
        levels = []
        for index, field in enumerate(fields):
            states = self.sizes[fields[0]] if index else 1
            after = np.arange(self.sizes[field], dtype=np.int32) if index + 1 < len(fields) else DONE
            step = np.broadcast_to(after, (states, self.sizes[field])).astype(np.int32)
            known = np.ones(step.shape, bool)
            weight = None if weights is None else weights.get(field)
            probability = None
            if weight is not None:
                probability = np.broadcast_to(weight, step.shape).astype(np.float32)
                step = np.where(probability > 0, step, NEVER).astype(np.int32)
            tokens = np.arange(self.offsets[field], self.offsets[field + 1])
            levels.append(Level(tokens, step, known, probability))
        return Automaton(tuple(levels))

    @property
    def start_token(self) -> int:
        """The token before the first."""
        return self.vocabulary - 1

    def encode(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        return self.rows.encode(arrays)

    def encode_part(self, column: int, values: np.ndarray) -> np.ndarray:
        return self.rows.table.codecs[self.names[column]].encode(values)

    def candidates(self, column: int, values: np.ndarray, spans: Mapping[str, Span]) -> list[Candidates]:
        return candidates(self.rows.table, self.names[column], values, spans)

    def decode_parts(
        self, drawn: np.ndarray, rng: np.random.Generator, *, allowed: Mapping[str, Allowed]
    ) -> dict[str, np.ndarray]:
        return self.rows.decode_parts(drawn, rng, allowed=allowed)

    @property
    def learned(self) -> list[str]:
        return self.rows.learned

    def conditions(self, allowed: Mapping[str, Allowed]) -> dict[int, Automaton]:
        weights = self.rows.token_weights(allowed)
        return {
            index: self._automaton(index, weights)
            for index, fields in enumerate(self.fields)
            if any(field in weights for field in fields)
        }

    def present(self, column: int) -> Automaton | None:
        weights = self.rows.present_weights(self.names[column])
        return self._automaton(column, weights) if weights else None

    def lead(self, column: int, before: int | None) -> list[int]:
        return [self.start_token] if before is None else []

    def input_id(self, tokens: Any, column: int, level: int) -> Any:
        return tokens * len(self.sizes) + self.fields[column][level]

    def texts(self) -> list[str]:
        """For each token of the vocabulary what it stands for, as text: where its embedding may start."""
        texts: list[str] = []
        for name, codec in self.rows.table.codecs.items():
            column = self.parts.schema[name]
            if isinstance(codec, NumberCodec):
                middle = codec.knots[:, codec.knots.shape[1] // 2] if len(codec.knots) else np.empty(0)
                values = [f"{value:.6g}" for value in np.concatenate([codec.atoms, middle])]
                texts += values + ["missing"] * codec.missing
            elif codec.block:
                texts += ["part"] * sum(codec.sizes)
            else:
                texts += [*map(str, column.categories), *["missing"] * codec.missing]
        return texts

    def ordered(self, tokens: np.ndarray) -> np.ndarray:
        """float32[vocabulary - 1]: each number's rank in its column; see :meth:`TableCodec.ranks`."""
        return self.rows.table.ranks(tokens)

    @classmethod
    def fit_for(cls, task: Task) -> tuple[TokenCodec, list[str]]:
        return cls.fit(task.arrays, task.schema, bins=task.settings["bins"]), []

    @classmethod
    def from_run(cls, data: Mapping[str, Any], schema: Schema, model: Path) -> TokenCodec:
        return cls.from_dict(data, schema)

    def to_dict(self) -> dict[str, Any]:
        return {"type": "table", **self.rows.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], schema: Schema) -> TokenCodec:
        """Read what :meth:`to_dict` wrote."""
        return cls(RowCodec.from_dict(data, schema))

    @classmethod
    def fit(cls, arrays: Mapping[str, np.ndarray], schema: Schema, *, bins: int) -> TokenCodec:
        """Learn from canonical arrays. Raises :class:`TableError` if no column is left to model."""
        return cls(RowCodec.fit(arrays, schema, bins=bins))


def field_names(codec: TokenCodec) -> Sequence[str]:
    """The column that each field belongs to."""
    return [field.column for field in codec.rows.table.fields]
