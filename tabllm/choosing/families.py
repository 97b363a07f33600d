"""Families that are taken from more than are wanted, so that they are like the learned ones in what rows add up to.

A row is drawn given its parent and siblings, and what is a little off in each of a hundred rows is far off in their
mean. Boosted trees see parents with the means, spreads and frequencies of their rows, and learn which families are made
ones. From their odds follows how much too often the model makes such a family, and so with what probability it is
taken: discriminator rejection sampling (Azadi et al. 2019, section 3), with as many families as are wanted in all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from typing_extensions import Self

from tabular.errors import TabllmError
from tabular.plain_json import TEXT, FieldError, check_fields, list_of, object_of, real, whole
from tabular.relations.means import means_by_owner
from tabular.schema import Schema

from ..decoding.draws import systematic

__all__ = ["Families", "FamilyChooser", "Feature", "families_to_learn", "sentence"]

Arrays = Mapping[str, np.ndarray]
#: Families of which trees are learned, at least; made ones at most, and their rows.
LEAST, MOST, MOST_ROWS = 300, 4000, 150_000
#: Categories of a column whose frequencies are features.
MOST_CODES = 8
#: How well trees tell families that they have not seen (area under the ROC curve): at least, lest chance be learned,
#: and at most. Of families that are nearly all told, the odds say nothing of which are the better ones.
LEAST_AUC, MOST_AUC = 0.55, 0.9
#: Parts of like many rows in which families are chosen at most, and families that are wanted of each at least.
STRATA, MIN_STRATUM = 20, 10
#: Log odds are taken to be this at most: a single family is not taken for hundreds.
MOST_ODDS = 6.0
ROUNDS = 400
OPTIONS: Mapping[str, Any] = {
    "objective": "binary:logistic",
    "max_depth": 6,
    "learning_rate": 0.06,
    "subsample": 0.7,
    "colsample_bytree": 0.5,
    "min_child_weight": 5,
    "tree_method": "hist",
    "nthread": 1,  # sums in one order, whatever the machine is busy with
    "verbosity": 0,
}
_FEATURE = {"table": TEXT, "column": TEXT, "codes": list_of(whole(0))}


@dataclass(frozen=True)
class Feature:
    """A column of which trees see something.

    Attributes:
        table: a child; empty for the parent, whose own value they see.
        codes: categories of a child's column whose frequencies they see; of a number, which has none, they see the mean
            and the spread.
    """

    table: str
    column: str
    codes: tuple[int, ...]


@dataclass(frozen=True)
class Families:
    """Rows of a parent and of its children.

    Attributes:
        size: parents.
        parents: canonical arrays of the parent.
        children: table -> int64[rows], the parent of each row or -1, and canonical arrays.
    """

    size: int
    parents: Arrays
    children: Mapping[str, tuple[np.ndarray, Arrays]]

    @property
    def rows(self) -> np.ndarray:
        """int64[parents], rows of all children."""
        return np.sum([self._count(owner) for owner, _ in self.children.values()], axis=0)

    def _count(self, owner: np.ndarray) -> np.ndarray:
        return np.bincount(owner[owner >= 0], minlength=self.size)

    def seen(self, features: Sequence[Feature]) -> np.ndarray:
        """float32[parents, ...]: how many rows of each child, and what is seen of the features; NaN for nothing."""
        found = [self._count(owner) for owner, _ in self.children.values()]
        for feature in features:
            if not feature.table:
                values = self.parents[feature.column]
                found.append(values if values.dtype.kind == "f" else np.where(values < 0, np.nan, values))
                continue
            owner, arrays = self.children[feature.table]
            owned = owner >= 0
            values, owner = arrays[feature.column][owned], owner[owned]
            if feature.codes:
                found += [
                    means_by_owner(np.where(values < 0, np.nan, values == code), owner, self.size)
                    for code in feature.codes
                ]
            else:
                mean = means_by_owner(values, owner, self.size)
                found += [mean, np.sqrt(means_by_owner((values - mean[owner]) ** 2, owner, self.size))]
        return np.column_stack(found).astype(np.float32)


@dataclass(frozen=True)
class FamilyChooser:
    """Trees that tell made families from learned ones.

    Attributes:
        children: the tables whose rows they see.
        features: in their order.
        trees: XGBoost's own format (UBJSON).
        shift: log of the number of learned families by that of the made ones that trees saw.
    """

    children: tuple[str, ...]
    features: tuple[Feature, ...]
    trees: bytes
    shift: float

    @classmethod
    def fit(
        cls, learned: Families, made: Families, parent: Schema, children: Mapping[str, Schema], *, seed: int
    ) -> Self | None:
        """Trees of two samples; ``None`` where families are too few, made ones are hardly or nearly always told, or
        XGBoost cannot be loaded.

        Args:
            parent, children: schemas of the columns that both have arrays of.
        """
        if min(learned.size, made.size) < LEAST or _xgboost() is None:
            return None
        features = [Feature("", column.name, ()) for column in parent if column.is_numeric or column.has_categories]
        for name, schema in children.items():
            for column in schema:
                if column.is_numeric:
                    features.append(Feature(name, column.name, ()))
                elif column.has_categories and len(column.categories) > 1:
                    codes = learned.children[name][1][column.name]
                    often = np.argsort(-np.bincount(codes[codes >= 0], minlength=len(column.categories)), kind="stable")
                    features.append(Feature(name, column.name, tuple(map(int, often[:MOST_CODES]))))
        rows = np.concatenate([learned.seen(features), made.seen(features)])
        real = np.repeat([1.0, 0.0], [learned.size, made.size])
        if not LEAST_AUC <= _auc(rows, real, seed) <= MOST_AUC:
            return None
        trees = bytes(_boosted(rows, real, seed).save_raw("ubj"))
        return cls(tuple(children), tuple(features), trees, float(np.log(learned.size / made.size)))

    def choose(self, families: Families, wanted: int, rng: np.random.Generator) -> np.ndarray:
        """int64[wanted], ascending: which of at least as many parents are taken.

        Raises:
            TabllmError: where XGBoost cannot be loaded.
        """
        booster = self._booster()
        if booster is None:
            raise TabllmError(
                "Families of this run are chosen with XGBoost, which cannot be loaded here ('tabllm doctor' says why); "
                "sample with --no-refine."
            )
        seen = _xgboost().DMatrix(families.seen(self.features), nthread=1)
        odds = booster.predict(seen, output_margin=True)
        weight = np.exp(np.clip(odds.astype(np.float64) - self.shift, -MOST_ODDS, MOST_ODDS))
        # Trees tell large families best. Lest these become rare, of each size as many are taken as were made.
        size, taken, done = families.rows, [], 0
        parts = np.array_split(np.argsort(size, kind="stable"), max(1, min(STRATA, wanted // MIN_STRATUM)))
        for stop, part in zip(np.cumsum([len(part) for part in parts]), parts, strict=True):
            upto = round(wanted * stop / len(size))
            taken.append(part[systematic(_probabilities(weight[part], upto - done), upto - done, rng)[0]])
            done = upto
        return np.sort(np.concatenate(taken))

    def to_data(self) -> dict[str, Any]:
        """Plain JSON data, without the trees."""
        features = [{**vars(feature), "codes": list(feature.codes)} for feature in self.features]
        digest = sha256(self.trees).hexdigest()
        return {"children": list(self.children), "features": features, "shift": self.shift, "sha256": digest}

    @classmethod
    def from_data(cls, data: Any, trees: bytes) -> Self:
        """Read what :meth:`to_data` wrote. Raises :class:`.FieldError` if it is not, or the trees do not go with it."""
        fields = {"children": list_of(TEXT), "features": list_of(object_of(_FEATURE)), "shift": real(), "sha256": TEXT}
        check_fields(data, fields, "a chooser")
        if sha256(trees).hexdigest() != data["sha256"]:  # XGBoost ends the process where a file is cut short
            raise FieldError("a chooser's trees are not those that were written")
        features = tuple(Feature(each["table"], each["column"], tuple(each["codes"])) for each in data["features"])
        found = cls(tuple(data["children"]), features, trees, float(data["shift"]))
        booster = found._booster()
        seen = len(found.children) + sum((len(f.codes) or 2) if f.table else 1 for f in features)
        if booster is not None and booster.num_features() != seen:
            raise FieldError(f"a chooser has trees of {booster.num_features()} features in place of {seen}")
        return found

    def _booster(self) -> Any:
        """The trees; ``None`` where XGBoost cannot be loaded."""
        xgboost = _xgboost()
        return xgboost and xgboost.Booster({"nthread": 1}, model_file=bytearray(self.trees))


def sentence(what: str, times: float) -> str:
    """What a fit says when it keeps a chooser of ``what``, users or families, of which ``times`` as many are made."""
    return (
        f"Boosted trees tell made {what} from learned ones, so {times:g} times as many are made as are wanted, and "
        "some of these are chosen ('sample --no-refine' leaves it out)."
    )


def families_to_learn(parents: int, rows: int) -> int:
    """How many families are made for trees, where ``parents`` with ``rows`` of children were learned."""
    return max(1, min(parents, MOST, int(MOST_ROWS * parents / max(rows, 1))))


def _probabilities(weight: np.ndarray, wanted: int) -> np.ndarray:
    """In proportion to ``weight``, at most 1, and in sum ``wanted``: float64[families]."""
    low, high = 0.0, 1 / weight.min()
    for _ in range(60):
        middle = (low + high) / 2
        enough = np.minimum(1, weight * middle).sum() >= wanted
        low, high = (low, middle) if enough else (middle, high)
    return np.minimum(1, weight * high)


def _auc(rows: np.ndarray, real: np.ndarray, seed: int) -> float:
    """How well trees of one half of the families tell the other half."""
    from sklearn.metrics import roc_auc_score

    fold = np.random.default_rng([seed, 6]).permutation(len(rows)) % 2
    xgboost, found = _xgboost(), []
    for half in range(2):
        booster = _boosted(rows[fold == half], real[fold == half], seed)
        rest = fold != half
        found.append(roc_auc_score(real[rest], booster.predict(xgboost.DMatrix(rows[rest], nthread=1))))
    return float(np.mean(found))


def _boosted(rows: np.ndarray, real: np.ndarray, seed: int) -> Any:
    xgboost = _xgboost()
    return xgboost.train({**OPTIONS, "seed": seed}, xgboost.DMatrix(rows, real, nthread=1), ROUNDS)


def _xgboost() -> Any:
    """The module, or ``None`` where it cannot be loaded."""
    from eval.preparing.trees import load_xgboost

    return load_xgboost().module
