"""Numbers as tokens: atoms that stand for themselves, and quantile bins with a fine grid inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabular.numbers.magnitude import between, unit_of
from tabular.plain_json import FLAG, FieldError, check_fields, list_of, real

__all__ = ["NumberCodec"]

#: A column with no more distinct values than this has one token per value.
MAX_VALUES = 256
#: A value that carries this fraction of the non-missing cells, or more, is an atom.
ATOM_SHARE = 0.002
#: A bin holds at least this many training cells, and an atom that many, so that neither is a person's fingerprint.
MIN_BIN_ROWS, MIN_ATOM_ROWS = 10, 20
#: Inside a bin the values follow a piecewise-linear quantile function of at most this many steps,
#: each standing for at least MIN_STEP_ROWS cells.
MAX_STEPS = 4
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
        tails: how the lowest and the highest step are bent, 1 = straight: value = end + span * u ** tail, u
            being the distance from the inner side. A straight last step would put far too much weight on
            the extremes of a long-tailed column, and they rule its correlations.
    """

    atoms: np.ndarray
    knots: np.ndarray
    missing: bool
    tails: tuple[float, float] = (1.0, 1.0)

    @classmethod
    def fit(cls, values: np.ndarray, *, bins: int) -> NumberCodec:
        """Learn atoms and bins from ``values`` (float64[n], NaN = missing)."""
        present = values[~np.isnan(values)]
        missing = len(present) < len(values)
        distinct, counts = np.unique(present, return_counts=True)
        if len(distinct) <= MAX_VALUES:
            return cls(distinct, np.empty((0, 2)), missing)
        is_atom = counts >= max(ATOM_SHARE * len(present), MIN_ATOM_ROWS)
        atoms = distinct[is_atom]
        rest = np.sort(present[~_is_in(present, atoms)])
        if not len(rest):
            return cls(atoms, np.empty((0, 2)), missing)
        unit = unit_of(rest)
        rest = rest / unit
        count = int(np.clip(len(rest) // MIN_BIN_ROWS, 1, bins))
        steps = int(np.clip(len(rest) // (count * MIN_STEP_ROWS), 1, MAX_STEPS))
        knots = _quantile_knots(rest, count, steps)
        return cls(atoms, knots * unit, missing, _tails(rest, knots))

    @classmethod
    def coarse(cls, values: np.ndarray, *, bins: int) -> NumberCodec:
        """As :meth:`fit`, with ``bins`` tokens at most (beside "missing"), each of about as many of the ``values``.

        For numbers that are given and not drawn: what is learned of one of them holds for its neighbours too.
        """
        present = values[~np.isnan(values)]
        missing = len(present) < len(values)
        distinct, counts = np.unique(present, return_counts=True)
        if len(distinct) <= bins:
            return cls(distinct, np.empty((0, 2)), missing)
        atoms = distinct[counts * bins >= len(present)]
        rest = present[~_is_in(present, atoms)]
        edges = np.quantile(rest, np.linspace(0, 1, max(bins - len(atoms), 1) + 1)) if len(rest) else np.empty(0)
        knots = np.stack([edges[:-1], edges[1:]], axis=1) if len(edges) else np.empty((0, 2))
        return cls(atoms, knots[np.append(np.diff(knots[:, 0]) > 0, True)] if len(knots) else knots, missing)

    @property
    def size(self) -> int:
        """How many tokens the column has."""
        return len(self.atoms) + len(self.knots) + self.missing

    def value_order(self) -> np.ndarray:
        """int64[A+B]: the tokens of atoms and bins in ascending order of what they stand for."""
        middle = self.knots[:, self.knots.shape[1] // 2]
        return np.argsort(np.concatenate([self.atoms, middle]), kind="stable")

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
        fraction = position * steps - step
        low, high = self.tails
        fraction = np.where((bin_of == 0) & (step == 0), 1 - (1 - fraction) ** low, fraction)
        fraction = np.where((bin_of == len(self.knots) - 1) & (step == steps - 1), fraction**high, fraction)
        return between(left, right, fraction)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "type": "number",
            "atoms": self.atoms.tolist(),
            "knots": self.knots.tolist(),
            "missing": self.missing,
            "tails": list(self.tails),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> NumberCodec:
        """Read what :meth:`to_dict` wrote. Raises :class:`tabular.plain_json.FieldError` if it is not."""
        kinds = {
            "atoms": list_of(real()),
            "knots": list_of(list_of(real(), 2)),
            "missing": FLAG,
            "tails": list_of(real(0), 2),
        }
        check_fields(data, kinds, "it")
        if len({len(knots) for knots in data["knots"]}) > 1:
            raise FieldError("it has bins of different numbers of knots")
        if not data["atoms"] and not data["knots"] and not data["missing"]:
            raise FieldError("it has neither atoms nor bins")
        knots = np.asarray(data["knots"], np.float64)
        low, high = data["tails"][:2]
        return cls(
            np.asarray(data["atoms"], np.float64),
            knots if knots.size else np.empty((0, 2)),
            bool(data["missing"]),
            (float(low), float(high)),
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
    """float64[bins, steps + 1]: quantiles of bins that hold equal fractions of ``ordered``, at first ``count`` of them.

    A bin wider than 1 / ``count`` of the range is halved while its halves hold enough cells: in a long tail
    one bin of equal share would hide most of the column's variance, and its correlations with it.
    """
    edges = np.linspace(0.0, 1.0, count + 1)
    widest = (ordered[-1] - ordered[0]) / count
    while True:
        wide = np.diff(np.quantile(ordered, edges)) > widest
        halved = wide & (np.diff(edges) * len(ordered) >= 2 * MIN_BIN_ROWS)
        if not halved.any():
            break
        edges = np.sort(np.concatenate([edges, (edges[:-1][halved] + edges[1:][halved]) / 2]))
    grid = edges[:-1, None] + np.diff(edges)[:, None] * np.linspace(0.0, 1.0, steps + 1)
    knots = np.quantile(ordered, np.clip(grid, 0.0, 1.0))
    # Where one value spans several bins, they are one bin: equal starts are merged by keeping the last.
    return knots[np.append(knots[1:, 0] > knots[:-1, 0], True)]


def _tails(ordered: np.ndarray, knots: np.ndarray) -> tuple[float, float]:
    """The exponents that give the lowest and the highest step the mean of the values in it."""
    exponents = []
    for end, inner in ((ordered[0], knots[0, 1]), (ordered[-1], knots[-1, -2])):
        inside = ordered[(ordered >= min(end, inner)) & (ordered <= max(end, inner))]
        reach = abs(inside.mean() - inner)  # the mean of u ** k is 1 / (k + 1)
        exponents.append(float(np.clip(abs(end - inner) / reach - 1, 1.0, 50.0)) if reach > 0 else 1.0)
    return exponents[0], exponents[1]


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
