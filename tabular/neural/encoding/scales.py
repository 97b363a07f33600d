"""How a number is shown to a network: by the mode it lies in, or by its quantile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.special import ndtr, ndtri

from ...plain_json import FLAG, FieldError, check_fields, list_of, one_of, real
from .mixture import fit_mixture

__all__ = ["Bins", "Modes", "Quantiles", "Scale", "scale_from_dict"]

#: Standard deviations that the scalar range -1..1 spans to each side of a mode (Xu et al. 2019, section 4.2).
SPREAD = 4.0
#: Quantiles of a column that are kept at most, and the rows that each stands for at least.
MAX_KNOTS, KNOT_ROWS = 1000, 20
#: Up to so many distinct values are kept as they are, if each stands for so many rows on average.
MAX_STEPS, STEP_ROWS = 2048, 10
#: No quantile is taken for less likely than this: normal scores stay within 5.
LEAST = 1e-6


class Scale(Protocol):
    """Numbers <-> a mode (int) and a scalar of unit size (float32)."""

    @property
    def modes(self) -> int:
        """How many modes there are; 1 where a number is a scalar alone."""

    def encode(self, values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """float64[n] -> (int64[n], float32[n])."""

    def latent(self, mode: np.ndarray, scalar: np.ndarray) -> np.ndarray:
        """(int64[n], float32[n]) -> float64[n]: something that rises with the number."""

    def number(self, latent: np.ndarray) -> np.ndarray:
        """float64[n] -> float64[n]: the numbers that these stand for."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data for :func:`scale_from_dict`."""


@dataclass(frozen=True)
class Modes:
    """Mode-specific normalisation (Xu et al. 2019, "Modeling Tabular Data using Conditional GAN", section 4.2).

    A number is a mode, drawn by how likely each is, and its distance from the mode's mean in units of
    four standard deviations, clipped to -1..1.

    Attributes:
        means, deviations: float64[modes].
        weights: float64[modes], summing to 1.
    """

    means: np.ndarray
    deviations: np.ndarray
    weights: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray) -> Modes:
        """Learn from ``values`` (float64[n], none missing)."""
        return cls(*fit_mixture(values))

    @property
    def modes(self) -> int:
        return len(self.means)

    def encode(self, values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        distance = (values[:, None] - self.means) / self.deviations
        log = np.log(self.weights / self.deviations) - 0.5 * distance**2
        log -= np.log(-np.log(rng.random(log.shape)))  # Gumbel: the greatest is a draw from the softmax
        mode = log.argmax(axis=1)
        scalar = np.take_along_axis(distance, mode[:, None], axis=1)[:, 0] / SPREAD
        return mode, np.clip(scalar, -1, 1).astype(np.float32)

    def latent(self, mode: np.ndarray, scalar: np.ndarray) -> np.ndarray:
        return np.asarray(self.means[mode] + SPREAD * self.deviations[mode] * scalar.astype(np.float64))

    def number(self, latent: np.ndarray) -> np.ndarray:
        return latent

    def to_dict(self) -> dict[str, Any]:
        return {
            "scale": "modes",
            "means": self.means.tolist(),
            "deviations": self.deviations.tolist(),
            "weights": self.weights.tolist(),
        }


@dataclass(frozen=True)
class Quantiles:
    """Normal scores: a number is the normal quantile of its rank, ties being spread at random over theirs.

    The spreading (the distributional transform, Rüschendorf 2009) makes the scalar exactly normal for integers
    too, and decoding gives every value of a stepped column back exactly.

    Attributes:
        positions: float64[k], cumulative probabilities, ascending.
        values: float64[k]: of a stepped column the values, each reaching up to its position; of others the
            quantiles at the positions, straight lines between.
        stepped: which of the two.
    """

    positions: np.ndarray
    values: np.ndarray
    stepped: bool

    @classmethod
    def fit(cls, values: np.ndarray) -> Quantiles:
        """Learn from ``values`` (float64[n], none missing)."""
        distinct, counts = np.unique(values, return_counts=True)
        if len(distinct) <= MAX_STEPS and len(values) >= STEP_ROWS * len(distinct):
            return cls(np.cumsum(counts) / len(values), distinct, True)
        count = int(np.clip(len(values) // KNOT_ROWS, 2, MAX_KNOTS))
        inner = np.linspace(0, 1, count + 1)
        # Straight lines out to the extremes would give them far too much weight, so the tails have finer knots.
        tail = 1 / count * 0.5 ** np.arange(1, 8)
        tail = tail[tail * len(values) >= 4]
        positions = np.concatenate([inner, tail, 1 - tail])
        positions.sort()
        return cls(positions, np.quantile(values, positions), False)

    @property
    def modes(self) -> int:
        return 1

    def encode(self, values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(len(values), np.int64), normal_score(self.position(values, rng))

    def position(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """float64[n] -> float64[n]: the cumulative probability of each, ties spread over theirs."""
        left = np.interp(values, self.values, self.positions)
        if self.stepped:
            place = np.minimum(np.searchsorted(self.values, values), len(self.values) - 1)
            starts = np.concatenate([[0.0], self.positions[:-1]])
            left = starts[place] + (self.positions[place] - starts[place]) * rng.random(len(values))
        else:
            # Flat pieces of the quantile function are values that many rows share: anywhere on them is right.
            low = self.positions[np.minimum(np.searchsorted(self.values, values, "left"), len(self.values) - 1)]
            high = self.positions[np.maximum(np.searchsorted(self.values, values, "right") - 1, 0)]
            left = np.where(high > low, low + (high - low) * rng.random(len(values)), left)
        return left

    def latent(self, mode: np.ndarray, scalar: np.ndarray) -> np.ndarray:
        return scalar.astype(np.float64)

    def number(self, latent: np.ndarray) -> np.ndarray:
        return self.at(ndtr(latent))

    def at(self, position: np.ndarray) -> np.ndarray:
        """float64[n] -> float64[n]: the numbers at these cumulative probabilities."""
        if self.stepped:
            place = np.searchsorted(self.positions, position, "left")
            return np.asarray(self.values[np.minimum(place, len(self.values) - 1)])
        return np.interp(position, self.positions, self.values)

    def to_dict(self) -> dict[str, Any]:
        return {
            "scale": "quantiles",
            "positions": self.positions.tolist(),
            "values": self.values.tolist(),
            "stepped": self.stepped,
        }


@dataclass(frozen=True)
class Bins:
    """Quantile bins, and within a bin normal scores: a coarse version of a number, and what it leaves open.

    Attributes:
        quantiles: of the whole column.
        edges: float64[bins + 1], cumulative probabilities; in a stepped column no value lies in two bins.
    """

    quantiles: Quantiles
    edges: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray, bins: int) -> Bins:
        """Learn from ``values`` (float64[n], none missing) in at most ``bins`` bins of about equal mass."""
        quantiles = Quantiles.fit(values)
        edges = np.linspace(0, 1, bins + 1)
        if quantiles.stepped:
            steps = np.concatenate([[0.0], quantiles.positions])
            edges = np.unique(steps[np.abs(steps[:, None] - edges).argmin(axis=0)])
        return cls(quantiles, edges)

    @property
    def modes(self) -> int:
        return len(self.edges) - 1

    def encode(self, values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        position = self.quantiles.position(values, rng)
        place = np.clip(np.searchsorted(self.edges, position, "right") - 1, 0, self.modes - 1)
        within = (position - self.edges[place]) / (self.edges[place + 1] - self.edges[place])
        return place, normal_score(within)

    def latent(self, mode: np.ndarray, scalar: np.ndarray) -> np.ndarray:
        low = self.edges[mode]
        return np.asarray(low + (self.edges[mode + 1] - low) * ndtr(scalar.astype(np.float64)))

    def number(self, latent: np.ndarray) -> np.ndarray:
        return self.quantiles.at(latent)

    def to_dict(self) -> dict[str, Any]:
        return {**self.quantiles.to_dict(), "scale": "bins", "edges": self.edges.tolist()}


def normal_score(position: np.ndarray) -> np.ndarray:
    """Cumulative probabilities float64[n] -> float32[n], standard normal where they are uniform."""
    return ndtri(np.clip(position, LEAST, 1 - LEAST)).astype(np.float32)


#: The lists of each kind of scale.
_LISTS = {
    "modes": ("means", "deviations", "weights"),
    "quantiles": ("positions", "values"),
    "bins": ("positions", "values", "edges"),
}


def scale_from_dict(data: Mapping[str, Any]) -> Scale:
    """Read what ``to_dict`` of a scale wrote. Raises :class:`.plain_json.FieldError` if it is not."""
    check_fields(data, {"scale": one_of(*_LISTS)}, "scale")
    numbers = list_of(real(), 1)
    kinds = dict.fromkeys(_LISTS[data["scale"]], numbers) | ({} if data["scale"] == "modes" else {"stepped": FLAG})
    check_fields(data, kinds, "scale")
    same = [name for name in kinds if name not in ("edges", "stepped")]
    if len({len(data[name]) for name in same}) > 1:
        raise FieldError(f"scale has {', '.join(same)} of different lengths")
    if data["scale"] == "modes" and min(*data["deviations"], *data["weights"]) <= 0:
        raise FieldError("scale has deviations or weights that are not above 0")
    for name in [name for name in ("positions", "values", "edges") if name in kinds]:
        if np.any(np.diff(data[name]) < 0):
            raise FieldError(f"scale has {name} that do not ascend")
    if len(data.get("edges", (0, 1))) < 2:
        raise FieldError("scale has no bins")
    if data["scale"] == "modes":
        return Modes(*(np.asarray(data[name], np.float64) for name in ("means", "deviations", "weights")))
    quantiles = Quantiles(np.asarray(data["positions"]), np.asarray(data["values"]), bool(data["stepped"]))
    return Bins(quantiles, np.asarray(data["edges"])) if data["scale"] == "bins" else quantiles
