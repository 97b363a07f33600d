"""What each training set of the study learns from: real rows, real and synthetic rows, weighted, or drawn by SMOTE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tabular.errors import UsageError
from tabular.sampling.shares import rows_for_share

__all__ = ["Recipe", "TrainingSet", "recipes_of", "training_set"]

Kind = Literal["real", "hybrid", "weights", "smote", "oversampling"]
_WORDS: dict[Kind, str] = {
    "real": "real alone",
    "weights": "class weights",
    "hybrid": "synthetic",
    "smote": "SMOTE",
    "oversampling": "oversampled",
}


@dataclass(frozen=True)
class Recipe:
    """One way to learn a rare class.

    Attributes:
        share: of the class among the rows that are learned; ``None`` where it stays as it is.
    """

    kind: Kind
    share: float | None = None

    @property
    def key(self) -> str:
        """A name for files."""
        return self.kind if self.share is None else f"{self.kind}-{100 * self.share:g}"

    @property
    def label(self) -> str:
        """A name for people."""
        word = _WORDS[self.kind]
        return word if self.share is None else f"{word} to {100 * self.share:g} %"


@dataclass(frozen=True)
class TrainingSet:
    """What a model learns from.

    Attributes:
        x: ``float32[rows, features]``, NaN where missing.
        y: ``bool[rows]``.
        weight: of a row of the class; of the others it is 1.
    """

    x: np.ndarray
    y: np.ndarray
    weight: float = 1.0

    @property
    def share(self) -> float:
        """Of the class, as the rows are weighted."""
        hits = self.weight * float(self.y.sum())
        return hits / (hits + float((~self.y).sum()))


def recipes_of(fractions: tuple[float, ...], present: float, *, oversampling: bool) -> list[Recipe]:
    """The training sets of a study: real rows alone first; shares that the class has already make none.

    Raises:
        UsageError: if a share is none, or no share is above the ``present`` one.
    """
    for fraction in fractions:
        if not 0 < fraction < 1:
            raise UsageError(f"A ratio must lie between 0 % and 100 %, not {100 * fraction:g} %.")
    above = sorted({fraction for fraction in fractions if fraction > present})
    if not above:
        raise UsageError(
            f"The class has {100 * present:.3g} % of the rows already, as much as every ratio; name higher --ratios."
        )
    recipes = [Recipe("real"), Recipe("weights"), *(Recipe("hybrid", fraction) for fraction in above)]
    recipes += [Recipe("smote", fraction) for fraction in above]
    return recipes + [Recipe("oversampling", fraction) for fraction in above if oversampling]


def training_set(
    recipe: Recipe, real: TrainingSet, types: list[str], seed: int, synthetic: np.ndarray | None = None
) -> TrainingSet:
    """What ``recipe`` learns from.

    Args:
        real: the real rows.
        types: of the features, ``"c"`` for categories (:func:`eval.preparing.features.feature_matrix`).
        synthetic: ``float32[rows, features]``, synthetic rows of the class; their first ones are taken, so that a
            smaller share is a part of a larger one.

    Raises:
        UsageError: if SMOTE is not installed, or the class has too few rows for it.
    """
    if recipe.kind == "weights":
        return TrainingSet(real.x, real.y, weight=float((~real.y).sum() / real.y.sum()))
    if recipe.share is None:
        return real
    rows = rows_for_share(recipe.share, int(real.y.sum()), len(real.y))
    if recipe.kind == "hybrid":
        assert synthetic is not None
        new = synthetic[:rows]
    elif recipe.kind == "smote":
        new = _smote(real, types, rows, seed)
    else:
        new = real.x[np.random.default_rng(seed).choice(np.flatnonzero(real.y), rows)]
    return TrainingSet(np.concatenate([real.x, new]), np.concatenate([real.y, np.ones(len(new), bool)]))


def _smote(real: TrainingSet, types: list[str], rows: int, seed: int) -> np.ndarray:
    """``float32[rows, features]``: rows between neighbours of the class.

    Chawla, Bowyer, Hall and Kegelmeyer, "SMOTE", JAIR 2002; SMOTENC (section 6.1) where there are categories, SMOTEN
    (section 6.2) where there is nothing else. It knows no missing cells: a missing number is the median of its column
    here, and a missing category is one more category.
    """
    try:
        from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC
    except ImportError:
        raise UsageError("SMOTE needs imbalanced-learn: pip install imbalanced-learn.") from None
    kinds = np.array(types)
    categories = kinds == "c"
    known = ~np.isnan(real.x).all(0)
    middle = np.zeros(len(types))
    middle[known & ~categories] = np.nanmedian(real.x[:, known & ~categories], axis=0)
    filled = np.where(np.isnan(real.x), np.where(categories, -1.0, middle), real.x).astype(np.float64)
    options = {"sampling_strategy": {1: int(real.y.sum()) + rows}, "random_state": seed % 2**32}
    if categories.all():
        sampler = SMOTEN(**options)
    elif categories.any():
        sampler = SMOTENC(np.flatnonzero(categories).tolist(), **options)
    else:
        sampler = SMOTE(**options)
    try:
        drawn, _ = sampler.fit_resample(filled, real.y.astype(int))
    except ValueError as error:
        raise UsageError(f"SMOTE cannot be used here: {str(error).splitlines()[0].rstrip('.')}.") from None
    new = np.asarray(drawn[len(filled) :], np.float32)
    return np.where(categories & (new < 0), np.float32(np.nan), new)
