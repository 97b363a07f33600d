"""Which tokens a cell can have been drawn from, and with which probability each of them gives that very cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tabular.likelihood.spans import Span

from .category import CategoryCodec
from .number import NumberCodec
from .table import TableCodec

__all__ = ["LEAST", "Candidates", "candidates"]


#: A token that may stand somewhere is no less probable, however far its softmax underflows.
LEAST = 1e-38


@dataclass(frozen=True)
class Candidates:
    """Of one field, for each row the tokens that give its cell.

    Attributes:
        tokens: int64[rows, k].
        shares: float64[rows, k], the fraction of a token's draws that are the cell; 0 beside unused tokens.
    """

    tokens: np.ndarray
    shares: np.ndarray

    def log_prob(self, probabilities: np.ndarray, row: np.ndarray | None = None) -> np.ndarray:
        """float64[rows]: log-probability of the cells.

        Args:
            probabilities: float[n, tokens of the field].
            row: int64[rows], whose row of ``probabilities`` is each one's; its own if absent.
        """
        row = np.arange(len(self.tokens)) if row is None else row
        taken = probabilities[row[:, None], self.tokens].astype(np.float64)
        taken = np.maximum(taken, LEAST)
        with np.errstate(divide="ignore"):
            return np.log((taken * self.shares).sum(axis=1))

    def part(self, rows: slice | np.ndarray) -> Candidates:
        """Those of some rows."""
        return Candidates(self.tokens[rows], self.shares[rows])


def candidates(codec: TableCodec, name: str, values: np.ndarray, spans: Mapping[str, Span]) -> list[Candidates]:
    """For each field of the column ``name`` its candidates.

    Args:
        values: canonical, float64[rows] or int32[rows].
        spans: per number the ends of what is written as it.
    """
    column = codec.codecs[name]
    if isinstance(column, NumberCodec):
        return [_of_numbers(column, values, *spans[name])]
    return _of_categories(column, values)


def _of_categories(codec: CategoryCodec, values: np.ndarray) -> list[Candidates]:
    tokens = codec.encode(values).astype(np.int64)
    possible = np.ones(len(values)) if codec.missing else (values >= 0).astype(np.float64)
    found = [Candidates(tokens[:, :1], possible[:, None])]
    if codec.block:
        # Places beyond the end of the last block are the last value, too.
        last = (codec.codes - 1) % codec.block
        is_last = np.where(values < 0, codec.codes - 1, values) == codec.codes - 1
        beyond = np.arange(last + 1, codec.block)
        others = np.tile(beyond, (len(values), 1)).reshape(len(values), len(beyond))
        fractions = np.broadcast_to(is_last[:, None], others.shape).astype(np.float64)
        found.append(
            Candidates(
                np.concatenate([tokens[:, 1:], others], axis=1),
                np.concatenate([np.ones((len(values), 1)), fractions], 1),
            )
        )
    return found


def _of_numbers(codec: NumberCodec, values: np.ndarray, low: np.ndarray, high: np.ndarray) -> Candidates:
    gone = np.isnan(values)
    low, high = np.where(gone, 0.0, low), np.where(gone, 0.0, high)
    atoms, bins = len(codec.atoms), len(codec.knots)
    atom, is_atom = _run(np.searchsorted(codec.atoms, low), np.searchsorted(codec.atoms, high))
    first = np.searchsorted(codec.knots[:, -1], low) if bins else np.zeros(len(low), np.int64)
    past = np.searchsorted(codec.knots[:, 0], high) if bins else first
    position, is_bin = _run(first, past)
    tokens = np.concatenate([np.where(is_atom, atom, 0), np.where(is_bin, position, 0) + atoms * bool(bins)], axis=1)
    held = np.zeros(position.shape)
    if bins and position.shape[1]:
        position = np.where(is_bin, position, 0)
        held = np.where(is_bin, _position(codec, position, high) - _position(codec, position, low), 0.0)
    fractions = np.concatenate([is_atom.astype(np.float64), held], axis=1)
    fractions[gone] = 0.0
    missing = np.full((len(values), 1), codec.size - 1, np.int64)
    is_missing = (gone & codec.missing).astype(np.float64)
    return Candidates(
        np.concatenate([tokens, missing], axis=1), np.concatenate([fractions, is_missing[:, None]], axis=1)
    )


def _run(first: np.ndarray, past: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int64[rows, most]: first, first + 1 ... of each row, and whether they are below ``past``."""
    most = int(np.maximum(past - first, 0).max(initial=0))
    found = first[:, None] + np.arange(most)
    return found, found < past[:, None]


def _position(codec: NumberCodec, bin_of: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The fraction of a bin's draws that lie below ``value``: float64[rows, k], for bins int64[rows, k].

    The inverse of :meth:`.number.NumberCodec.within`.
    """
    left, right = codec.knots[bin_of, :-1], codec.knots[bin_of, 1:]
    steps = left.shape[-1]
    x = value[:, None, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        # Halves, since the difference of two numbers may be no float64.
        inside = (x / 2 - left / 2) / (right / 2 - left / 2)
    fraction = np.where(right > left, np.clip(inside, 0.0, 1.0), (x > left).astype(np.float64))
    low, high = codec.tails
    is_first = (bin_of == 0)[..., None] & (np.arange(steps) == 0)
    is_last = (bin_of == len(codec.knots) - 1)[..., None] & (np.arange(steps) == steps - 1)
    fraction = np.where(is_last, fraction ** (1 / high), fraction)
    fraction = np.where(is_first, 1 - (1 - fraction) ** (1 / low), fraction)
    return fraction.mean(axis=-1)
