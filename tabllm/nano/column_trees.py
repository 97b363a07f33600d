"""Columns whose relation to the others the network has lost, drawn anew from boosted trees given the rest of their row.

A label that depends on three columns at a time is one field of many, and a network that learns all of them may end
with hardly more than its frequencies. Where gradient-boosted trees tell such a column of rows that they have not seen
clearly better than the network does of rows that it has learned, the column is drawn anew from the trees once a row is
drawn: one step of Gibbs sampling (Geman and Geman 1984) with the better of two conditionals. Elsewhere nothing is kept
and nothing changes.

On a survey of 26 columns and 10,000 rows (``scripts/bench_small.py --tables survey``) XGBoost trained on its rows has
an AUC of .59 in place of .52. Done for every label it would do harm: on whole tables the network knows more (Online
Shoppers .916, drawn anew .912; MAGIC .942 and .937).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tabular.errors import TabllmError
from tabular.personal.people import People
from tabular.plain_json import FieldError

from ..codec.number import NumberCodec
from ..codec.table import TableCodec
from .scorer import NanoScorer

__all__ = ["ColumnTrees", "fit_column_trees"]

#: Tokens of a column at most, and rows of a table at least.
MOST_VALUES, LEAST_ROWS = 4, 1000
#: Columns that are tried at most, those of the fewest values, and the fields of a table: each trial takes a second.
MOST_COLUMNS, MOST_FIELDS = 8, 100
#: Rows that trees learn at most; of those that the two are compared by, the most and the largest fraction.
LEARNED_ROWS, COMPARED_ROWS, COMPARED_SHARE = 50_000, 2048, 0.25
#: Rows by which columns are left out that the network knows better, and by how many standard errors it must.
FIRST_ROWS, FIRST_ERRORS = 256, 1.5
#: What the trees must gain, in nats a row and in standard errors.
GAIN, ERRORS = 0.01, 3.0
ROUNDS = 150
OPTIONS: Mapping[str, Any] = {
    "max_depth": 6,
    "learning_rate": 0.05,
    "subsample": 0.8,
    "tree_method": "hist",
    "nthread": 1,  # sums in one order, whatever the machine is busy with
    "verbosity": 0,
}
#: The name of a column's trees among the weights of a run, before its turn and its field.
NAME = "column_trees."


@dataclass(frozen=True)
class ColumnTrees:
    """Boosted trees of some fields of a table.

    Attributes:
        table: the vocabulary.
        boosters: field -> XGBoost's booster, in the order in which the fields are drawn anew.
    """

    table: TableCodec
    boosters: Mapping[int, Any]

    @property
    def columns(self) -> list[str]:
        """The columns that are drawn anew."""
        return [self.table.fields[field].column for field in self.boosters]

    def probabilities(self, tokens: np.ndarray, field: int) -> np.ndarray:
        """Each token of ``field`` given the other fields: float64[rows, tokens of it]; tokens: int[rows, fields].

        Raises:
            TabllmError: where XGBoost cannot be loaded.
        """
        found = self.boosters[field].predict(self._inputs.of(tokens, field)).astype(np.float64)
        if found.ndim == 1:
            found = np.stack([1 - found, found], axis=1)
        probabilities: np.ndarray = found / found.sum(axis=1, keepdims=True)
        return probabilities

    def drawn_anew(
        self,
        tokens: np.ndarray,
        rng: np.random.Generator,
        *,
        known: Collection[int] = (),
        weights: Mapping[int, np.ndarray] | None = None,
    ) -> np.ndarray:
        """The rows with each of the columns drawn anew, but for those of the fields ``known``: int[rows, fields].

        Args:
            weights: field -> float[tokens], factors on its probabilities; 0 = not allowed.
        """
        tokens = tokens.copy()
        for field in (field for field in self.boosters if field not in known):
            mass = (self.probabilities(tokens, field) * (weights or {}).get(field, 1.0)).cumsum(axis=1)
            below = mass <= rng.random((len(tokens), 1)) * mass[:, -1:]
            tokens[:, field] = np.minimum(below.sum(axis=1), self.table.fields[field].size - 1)
        return tokens

    def to_weights(self) -> dict[str, np.ndarray]:
        """What a run keeps: uint8 arrays by name, XGBoost's own format (UBJSON)."""
        return {
            f"{NAME}{turn}.{field}": np.frombuffer(bytes(booster.save_raw("ubj")), np.uint8).copy()
            for turn, (field, booster) in enumerate(self.boosters.items())
        }

    @classmethod
    def from_weights(cls, weights: dict[str, np.ndarray], table: TableCodec) -> ColumnTrees | None:
        """Take what :meth:`to_weights` made out of ``weights``; ``None`` if there is none.

        Raises:
            FieldError: if the trees are not of fields of ``table``, or not trees.
            TabllmError: where XGBoost cannot be loaded.
        """
        boosters = {}
        for name in sorted(name for name in weights if name.startswith(NAME)):
            data, place = weights.pop(name), name.rpartition(".")[2]
            if not place.isdigit() or int(place) >= len(table.fields) or data.dtype != np.uint8:
                raise FieldError(f"{name} is of no column of codec.json")
            xgboost = _xgboost()
            try:
                booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(data.tobytes()))
            except xgboost.core.XGBoostError as error:
                raise FieldError(f"{name} does not hold trees of XGBoost") from error
            if booster.num_features() != len(table.fields) - 1:
                raise FieldError(f"{name} is of a table of {booster.num_features() + 1} fields")
            boosters[int(place)] = booster
        return cls(table, boosters) if boosters else None

    @cached_property
    def _inputs(self) -> _Inputs:
        return _Inputs(self.table)


def fit_column_trees(
    scorer: NanoScorer, table: TableCodec, tokens: np.ndarray, people: People | None, seed: int
) -> ColumnTrees | None:
    """Trees of the columns that the network has lost; ``None`` where it has lost none, or XGBoost cannot be loaded.

    Args:
        scorer: of the fitted network.
        tokens: int[rows, fields], what it has learned.
        people: whose rows they are, if each has several; what trees are judged by is then other people's.
    """
    fields = [
        place
        for place, field in enumerate(table.fields)
        if 2 <= field.size <= MOST_VALUES and len(table.fields_of(field.column)) == 1
    ][:MOST_COLUMNS]
    if not fields or len(tokens) < LEAST_ROWS or not 3 <= len(table.fields) <= MOST_FIELDS:
        return None
    try:
        _xgboost()
    except TabllmError:
        return None
    rng = np.random.default_rng([seed, 5])
    taken = np.sort(rng.permutation(len(tokens))[:LEARNED_ROWS])
    rows = np.asarray(tokens[taken]).astype(np.int32)
    compared = _compared(None if people is None else people.labels[taken], len(rows), rng)
    inputs = _Inputs(table)
    gains = {field: _gain(scorer, inputs, rows, compared, field, seed) for field in fields}
    lost = sorted((field for field in fields if gains[field] > 0), key=gains.__getitem__)
    # What trees know best is drawn last, in the light of all others.
    boosters = {field: _fitted(inputs, rows, field, seed) for field in lost}
    return ColumnTrees(table, boosters) if boosters else None


def _compared(labels: np.ndarray | None, rows: int, rng: np.random.Generator) -> np.ndarray:
    """bool[rows]: those that the trees do not see; with ``labels`` all rows of a person or none."""
    count = min(COMPARED_ROWS, int(COMPARED_SHARE * rows))
    labels = np.arange(rows) if labels is None else labels
    persons, person, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    order = rng.permutation(len(persons))
    chosen = np.zeros(len(persons), bool)
    chosen[order[sizes[order].cumsum() <= count]] = True
    return chosen[person]


def _gain(scorer: NanoScorer, inputs: _Inputs, rows: np.ndarray, compared: np.ndarray, field: int, seed: int) -> float:
    """Nats a row that trees gain over the network; 0 if that may be chance."""
    seen = rows[compared]
    if len(seen) < 2 or len(np.unique(rows[~compared, field])) < 2:
        return 0.0
    trees = ColumnTrees(inputs.table, {field: _fitted(inputs, rows[~compared], field, seed)})
    by_trees = np.log(np.maximum(_own(trees.probabilities(seen, field), seen, field), 1e-6))
    by_network = np.empty(0)
    for rows_so_far in sorted({min(FIRST_ROWS, len(seen)), len(seen)}):
        more = _network(scorer, seen[len(by_network) : rows_so_far], field, inputs)
        by_network = np.append(by_network, more)
        gained = by_trees[:rows_so_far] - by_network
        gain, error = float(gained.mean()), float(gained.std()) / rows_so_far**0.5
        if gain + FIRST_ERRORS * error < GAIN:
            return 0.0
    return gain if gain > max(GAIN, ERRORS * error) else 0.0


def _network(scorer: NanoScorer, rows: np.ndarray, field: int, inputs: _Inputs) -> np.ndarray:
    """Log-probability of the token of ``field`` given the others, by Bayes' rule: float64[rows]."""
    size = inputs.table.fields[field].size
    filled = np.repeat(rows, size, axis=0)
    filled[:, field] = np.tile(np.arange(size), len(rows))
    logs = scorer.row_log_probs(filled, field).reshape(len(rows), size)
    logs -= logs.max(axis=1, keepdims=True)
    return _own(logs - np.log(np.exp(logs).sum(axis=1, keepdims=True)), rows, field)


def _own(values: np.ndarray, rows: np.ndarray, field: int) -> np.ndarray:
    """Of ``values``, float64[rows, tokens of the field], that of each row's own token."""
    found: np.ndarray = values[np.arange(len(rows)), rows[:, field]]
    return found


def _fitted(inputs: _Inputs, rows: np.ndarray, field: int, seed: int) -> Any:
    """XGBoost's booster of ``field``."""
    size = inputs.table.fields[field].size
    aim = {"objective": "binary:logistic"} if size == 2 else {"objective": "multi:softprob", "num_class": size}
    return _xgboost().train({**OPTIONS, **aim, "seed": seed}, inputs.of(rows, field, rows[:, field]), ROUNDS)


class _Inputs:
    """The fields of a table as XGBoost takes them: ranks of numbers, missing ones NaN, and categories."""

    def __init__(self, table: TableCodec) -> None:
        self.table = table
        self.ranks: list[np.ndarray | None] = []
        for field in table.fields:
            codec = table.codecs[field.column]
            if not isinstance(codec, NumberCodec):
                self.ranks.append(None)
                continue
            ranks, order = np.full(field.size, np.nan, np.float32), codec.value_order()
            ranks[order] = np.arange(len(order))
            self.ranks.append(ranks)

    def of(self, rows: np.ndarray, field: int, labels: Sequence[int] | np.ndarray | None = None) -> Any:
        """XGBoost's matrix of all fields but ``field``; rows: int[rows, fields]."""
        values = rows.astype(np.float32)
        for place, ranks in enumerate(self.ranks):
            if ranks is not None:
                values[:, place] = ranks[rows[:, place]]
        types = ["c" if ranks is None else "q" for place, ranks in enumerate(self.ranks) if place != field]
        values = np.delete(values, field, axis=1)
        return _xgboost().DMatrix(values, labels, feature_types=types, enable_categorical=True, nthread=1)


def _xgboost() -> Any:
    from eval.preparing.trees import load_xgboost

    loaded = load_xgboost()
    if loaded.module is None:
        raise TabllmError(f"Some columns of this run are drawn by XGBoost, but {loaded.reason}: {loaded.cure}.")
    return loaded.module
