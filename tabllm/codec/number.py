"""Numbers as tokens: atoms that stand for themselves, and quantile bins with a fine grid inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["NumberCodec"]

#: A column with no more distinct values than this has one token per value.
MAX_VALUES = 256
#: A value that carries this share of the non-missing cells, or more, is an atom.
ATOM_SHARE = 0.002
#: A bin holds at least this many training cells, so that a bin is no person's fingerprint.
MIN_BIN_ROWS = 20
#: Inside a bin the values follow a piecewise-linear quantile function of at most this many steps,
#: each standing for at least MIN_STEP_ROWS cells.
MAX_STEPS = 8
MIN_STEP_ROWS = 5


@dataclass(frozen=True)
class NumberCodec:
    """One numeric column <-> one token per cell.

    Tokens 0 .. A-1 are the atoms in ascending order, A .. A+B-1 the bins in ascending order, and
    A+B, where the column has missing cells, is "missing".

    Attributes:
        atoms: float64[A], values that stand for themselves.
        knots: float64[B, S+1], for each bin the quantiles of its cells at 0, 1/S .. 1.
        missing: whether the last token means a missing cell.
    """

    atoms: np.ndarray
    knots: np.ndarray
    missing: bool

    @classmethod
    def fit(cls, values: np.ndarray, *, bins: int) -> NumberCodec:
        """Learn atoms and bins from ``values`` (float64[n], NaN = missing)."""
        present = values[~np.isnan(values)]
        missing = len(present) < len(values)
        distinct, counts = np.unique(present, return_counts=True)
        if len(distinct) <= MAX_VALUES:
            return cls(distinct, np.empty((0, 2)), missing)
        is_atom = counts >= max(ATOM_SHARE * len(present), MIN_BIN_ROWS)
        atoms = distinct[is_atom]
        rest = np.sort(present[~_is_in(present, atoms)])
        count = int(np.clip(len(rest) // MIN_BIN_ROWS, 1, bins))
        steps = int(np.clip(len(rest) // (count * MIN_STEP_ROWS), 1, MAX_STEPS))
        return cls(atoms, _quantile_knots(rest, count, steps), missing)

    @property
    def size(self) -> int:
        """How many tokens the column has."""
        return len(self.atoms) + len(self.knots) + self.missing

    @property
    def sizes(self) -> list[int]:
        """One field, of :attr:`size` tokens."""
        return [self.size]

    def encode(self, values: np.ndarray) -> np.ndarray:
        """float64[n] -> int32[n, 1]. Values between the known ones go to the nearest atom or bin."""
        tokens = np.full(len(values), self.size - 1, np.int32)
        present = ~np.isnan(values)
        x = values[present]
        if len(self.knots):
            # A bin owns everything up to the next bin's start, so no value falls between two.
            coded = len(self.atoms) + np.clip(np.searchsorted(self.knots[:, 0], x, "right") - 1, 0, len(self.knots) - 1)
        else:
            coded = _nearest(self.atoms, x)
        if len(self.atoms):
            atom = np.minimum(np.searchsorted(self.atoms, x), len(self.atoms) - 1)
            coded = np.where(self.atoms[atom] == x, atom, coded)
        tokens[present] = coded
        return tokens[:, None]

    def decode(self, tokens: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """int32[n, 1] -> float64[n]; a bin's value is drawn from its quantile function.

        The draws are stratified: the rows of one bin are spread evenly over it, in random order, which
        keeps the column's distribution closer to the model's than independent draws would.
        """
        flat = tokens[:, 0]
        values = np.full(len(flat), np.nan)
        is_atom = flat < len(self.atoms)
        values[is_atom] = self.atoms[flat[is_atom]]
        chosen = np.flatnonzero((flat >= len(self.atoms)) & (flat < len(self.atoms) + len(self.knots)))
        bin_of = flat[chosen] - len(self.atoms)
        values[chosen] = self.within(bin_of, _stratified(bin_of, rng))
        return values

    def within(self, bin_of: np.ndarray, position: np.ndarray) -> np.ndarray:
        """The value at ``position`` (float64[n], 0 to 1) of the quantile function of each bin: float64[n]."""
        steps = self.knots.shape[1] - 1
        step = np.minimum((position * steps).astype(np.int64), steps - 1)
        left, right = self.knots[bin_of, step], self.knots[bin_of, step + 1]
        return left + (right - left) * (position * steps - step)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "type": "number",
            "atoms": self.atoms.tolist(),
            "knots": self.knots.tolist(),
            "missing": self.missing,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> NumberCodec:
        """Read what :meth:`to_dict` wrote."""
        knots = np.asarray(data["knots"], np.float64)
        return cls(
            np.asarray(data["atoms"], np.float64), knots if knots.size else np.empty((0, 2)), bool(data["missing"])
        )


def _is_in(values: np.ndarray, sorted_set: np.ndarray) -> np.ndarray:
    if not len(sorted_set):
        return np.zeros(len(values), bool)
    return sorted_set[np.minimum(np.searchsorted(sorted_set, values), len(sorted_set) - 1)] == values


def _nearest(sorted_set: np.ndarray, values: np.ndarray) -> np.ndarray:
    right = np.clip(np.searchsorted(sorted_set, values), 1, max(len(sorted_set) - 1, 1))
    right = np.minimum(right, len(sorted_set) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(values - sorted_set[left] <= sorted_set[right] - values, left, right)


def _quantile_knots(ordered: np.ndarray, count: int, steps: int) -> np.ndarray:
    """float64[bins, steps + 1]: the quantiles of ``count`` equal shares of ``ordered``, empty bins dropped."""
    knots = np.quantile(ordered, np.linspace(0.0, 1.0, count * steps + 1))
    starts = knots[:-1:steps]
    # Where one value spans several bins, they are one bin: equal starts are merged by keeping the last.
    keep = np.append(starts[1:] > starts[:-1], True)
    rows = np.stack([knots[i * steps : i * steps + steps + 1] for i in range(count)])
    return rows[keep]


def _stratified(group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """float64[n] in [0, 1): within each group of k rows, one draw in each of k equal strata, in random order."""
    if not len(group):
        return np.empty(0)
    order = np.lexsort((rng.random(len(group)), group))
    ordered = group[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    counts = np.diff(np.append(starts, len(ordered)))
    rank = np.arange(len(ordered)) - np.repeat(starts, counts)
    result = np.empty(len(group))
    result[order] = (rank + rng.random(len(group))) / np.repeat(counts, counts)
    return result
