"""One column as a network sees it: a few one-hot spans, and for a number that varies one scalar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ...numbers.magnitude import unit_of
from ...plain_json import FLAG, PLAIN, POSITIVE, FieldError, check_fields, each_of, list_of, maybe, real, whole
from .scales import Bins, Modes, Quantiles, Scale, scale_from_dict

__all__ = ["MOST_CLASSES", "CategoryField", "Field", "NumberField", "Numbers", "field_from_dict"]

Numbers = Literal["modes", "quantiles", "bins"]

#: A column of more classes than this is two spans, so that 10,000 categories need 200 inputs, not 10,000.
MOST_CLASSES = 256
#: A numeric column of no more values than this has one class per value.
MOST_LEVELS = 20
#: In other numeric columns a value that carries this share of the filled cells has a class of its own.
ATOM_SHARE = 0.05
#: The same where the rest is cut into bins: a bin has an end, so a spike in it would stand out from its neighbours.
BIN_ATOM_SHARE = 0.005
#: Filled cells of a column for each of its bins, and bounds of how many there are.
BIN_ROWS, LEAST_BINS, MOST_BINS = 500, 10, 50
#: Cells that a bin has at least, where few are left beside the values that have a class of their own.
LEAST_BIN_ROWS = 20


@dataclass(frozen=True)
class CategoryField:
    """A column of codes. Missing, where it occurs, is the last class.

    Attributes:
        classes: how many, missing included.
        missing: whether there are missing cells.
        ranks: int64[classes], the classes by falling frequency, where there are two spans; else empty. The
            first span is the rank divided by :attr:`base`, the second one the remainder.
    """

    classes: int
    missing: bool
    ranks: np.ndarray

    @classmethod
    def fit(cls, codes: np.ndarray, categories: int) -> CategoryField:
        """Learn from ``codes`` (int32[n], -1 missing) into ``categories`` categories."""
        missing = bool((codes < 0).any())
        classes = categories + missing
        if classes <= MOST_CLASSES:
            return cls(classes, missing, np.empty(0, np.int64))
        counts = np.bincount(np.where(codes < 0, categories, codes), minlength=classes)
        return cls(classes, missing, np.argsort(-counts, kind="stable"))

    @property
    def base(self) -> int:
        """Size of the second span."""
        return int(np.ceil(np.sqrt(self.classes)))

    @property
    def sizes(self) -> list[int]:
        """Classes of each span."""
        if not len(self.ranks):
            return [self.classes]
        return [-(-self.classes // self.base), self.base]

    @property
    def scalars(self) -> int:
        return 0

    @property
    def regular(self) -> int:
        return 0

    def encode(self, codes: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """int32[n] -> (int64[n, spans], float32[n, 0])."""
        known = np.where(codes < 0, self.classes - 1, codes).astype(np.int64)
        if len(self.ranks):
            rank = np.argsort(self.ranks)[known]
            spans = np.stack([rank // self.base, rank % self.base], axis=1)
        else:
            spans = known[:, None]
        return spans, np.empty((len(codes), 0), np.float32)

    def decode(self, spans: np.ndarray, scalars: np.ndarray, knots: np.ndarray | None = None) -> np.ndarray:
        """(int64[n, spans], float32[n, 0]) -> int32[n]; there is nothing to map."""
        found = spans[:, 0]
        if len(self.ranks):
            first = spans[:, 0] * self.base
            found = self.ranks[first + spans[:, 1] % np.minimum(self.classes - first, self.base)]
        if self.missing:
            found = np.where(found == self.classes - 1, -1, found)
        return found.astype(np.int32)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data for :func:`field_from_dict`."""
        return {"classes": self.classes, "missing": self.missing, "ranks": self.ranks.tolist()}


@dataclass(frozen=True)
class NumberField:
    """A numeric column: classes are first the modes of its scale, then its atoms, then missing.

    Attributes:
        atoms: float64[atoms], values with a class of their own.
        scale: of the values that vary; ``None`` if every value is an atom.
        missing: whether there are missing cells.
        unit: the scale sees numbers divided by this.
    """

    atoms: np.ndarray
    scale: Scale | None
    missing: bool
    unit: float = 1.0

    @classmethod
    def fit(cls, values: np.ndarray, numbers: Numbers) -> NumberField:
        """Learn from ``values`` (float64[n], NaN missing)."""
        filled = values[~np.isnan(values)]
        missing = len(filled) < len(values)
        distinct, counts = np.unique(filled, return_counts=True)
        if len(distinct) <= MOST_LEVELS:
            return cls(distinct, None, missing)
        atoms = distinct[counts >= (BIN_ATOM_SHARE if numbers == "bins" else ATOM_SHARE) * len(filled)]
        rest = filled[~np.isin(filled, atoms)]
        if not len(rest):
            return cls(atoms, None, missing)
        unit = unit_of(rest)
        rest = rest / unit
        scale: Scale
        if numbers == "bins":
            bins = int(np.clip(len(filled) // BIN_ROWS, LEAST_BINS, MOST_BINS))
            scale = Bins.fit(rest, min(bins, max(2, len(rest) // LEAST_BIN_ROWS)))
        else:
            scale = Modes.fit(rest) if numbers == "modes" else Quantiles.fit(rest)
        return cls(atoms, scale, missing, unit)

    @property
    def regular(self) -> int:
        """How many classes, the first ones, have a scalar that counts."""
        return self.scale.modes if self.scale is not None else 0

    @property
    def classes(self) -> int:
        return self.regular + len(self.atoms) + self.missing

    @property
    def sizes(self) -> list[int]:
        """Classes of each span."""
        return [self.classes] if self.classes > 1 or self.scale is None else []

    @property
    def scalars(self) -> int:
        return int(self.scale is not None)

    def ranks(self) -> np.ndarray:
        """float64[classes]: where each class stands among the numbers, 0 to 1; NaN for missing."""
        places = [self.atoms]
        if self.scale is not None:
            middle = np.zeros(self.regular, np.float32)
            places.insert(0, self._number(self.scale.latent(np.arange(self.regular), middle)))
        values = np.concatenate(places)
        found = np.full(self.classes, np.nan)
        found[: len(values)] = values.argsort().argsort() / max(len(values) - 1, 1)
        return found

    def encode(self, values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """float64[n] -> (int64[n, spans], float32[n, scalars]). The scalar of an atom or a missing cell is NaN."""
        rows = len(values)
        classes = np.full(rows, self.classes - 1, np.int64)
        scalars = np.full((rows, self.scalars), np.nan, np.float32)
        filled = ~np.isnan(values)
        place = np.minimum(np.searchsorted(self.atoms, values), max(len(self.atoms) - 1, 0))
        is_atom = filled & (self.atoms[place] == values) if len(self.atoms) else np.zeros(rows, bool)
        if self.scale is None and len(self.atoms):  # numbers that were not learned go to the nearest atom
            middles = self.atoms[1:] / 2 + self.atoms[:-1] / 2
            place = np.where(is_atom, place, np.searchsorted(middles, values))
            is_atom = filled
        classes[is_atom] = self.regular + place[is_atom]
        if self.scale is not None:
            rest = filled & ~is_atom
            classes[rest], scalars[rest, 0] = self.scale.encode(values[rest] / self.unit, rng)
        return classes[:, None] if self.sizes else np.empty((rows, 0), np.int64), scalars

    def latent(self, spans: np.ndarray, scalars: np.ndarray) -> np.ndarray:
        """float64[m]: what stands for the number (see :class:`.scales.Scale`) in the m rows whose scalar counts."""
        if self.scale is None:
            return np.empty(0)
        classes = spans[:, 0] if self.sizes else np.zeros(len(spans), np.int64)
        rest = classes < self.regular
        return self.scale.latent(classes[rest], scalars[rest, 0])

    def decode(self, spans: np.ndarray, scalars: np.ndarray, knots: np.ndarray | None = None) -> np.ndarray:
        """(int64[n, spans], float32[n, scalars]) -> float64[n], unrounded.

        Args:
            knots: float64[2, k], a map for what stands for the number: from the first row to the second.
        """
        classes = spans[:, 0] if self.sizes else np.zeros(len(spans), np.int64)
        values = np.full(len(classes), np.nan)
        if len(self.atoms):
            is_atom = (classes >= self.regular) & (classes < self.regular + len(self.atoms))
            values[is_atom] = self.atoms[classes[is_atom] - self.regular]
        if self.scale is not None:
            latent = self.latent(spans, scalars)
            values[classes < self.regular] = self._number(latent if knots is None else np.interp(latent, *knots))
        return values

    def _number(self, latent: np.ndarray) -> np.ndarray:
        """What stands for the number -> the number, which is finite."""
        assert self.scale is not None
        most = np.finfo(np.float64).max / max(self.unit, 1.0)
        return np.asarray(np.clip(self.scale.number(latent), -most, most) * self.unit)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data for :func:`field_from_dict`."""
        scale = None if self.scale is None else self.scale.to_dict()
        return {"atoms": self.atoms.tolist(), "scale": scale, "missing": self.missing, "unit": self.unit}


Field = CategoryField | NumberField


def field_from_dict(data: Mapping[str, Any]) -> Field:
    """Read what ``to_dict`` of a field wrote. Raises :class:`.plain_json.FieldError` if it is not."""
    if isinstance(data, dict) and "classes" in data:
        check_fields(data, {"classes": whole(1), "missing": FLAG, "ranks": list_of(whole(0))}, "it")
        ranks = np.asarray(data["ranks"], np.int64)
        if len(ranks) and (len(ranks) != data["classes"] or not np.array_equal(np.sort(ranks), np.arange(len(ranks)))):
            raise FieldError(f"it has ranks that do not order its {data['classes']:,} classes")
        return CategoryField(data["classes"], data["missing"], ranks)
    kinds = {"atoms": list_of(real()), "scale": maybe(each_of(PLAIN)), "missing": FLAG, "unit": POSITIVE}
    check_fields(data, kinds, "it", needed=("atoms", "scale", "missing"))
    scale = None if data["scale"] is None else scale_from_dict(data["scale"])
    unit = data.get("unit", 1.0)  # runs of older versions have none
    field = NumberField(np.asarray(data["atoms"], np.float64), scale, data["missing"], unit)
    if not field.classes or np.any(np.diff(field.atoms) <= 0):
        raise FieldError("it has no values, or atoms that do not ascend")
    return field
