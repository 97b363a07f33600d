"""Combinations that only one training row has: does what is unique to a real row, or person, come out again?

A combination of several columns that a single real row has may meet a new row by chance; how often is seen in holdout
rows. Where the real table has several rows of each person, rows held out at random are of the same people: then the
combination is of the columns that describe a person, and only a holdout of other people is a reference.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tabular.personal.people import People, find_people

from ..facts.privacy import LoneCombinations
from ..preparing.fingerprints import row_fingerprints
from ..preparing.tables import Table, Tables, subsample

__all__ = ["lone_combinations"]

#: Random halves of the columns, and the rows that are examined.
HALVES, MAX_QUERIES, MAX_REFERENCES = 10, 10_000, 100_000
#: A holdout of which so many rows are of people in the real table was not parted by people.
SHARED_PERCENT = 20.0


def lone_combinations(tables: Tables, seed: int) -> tuple[LoneCombinations | None, list[str]]:
    """How many synthetic, and holdout, rows have a combination that only one real row or person has."""
    names = tables.modelled
    if len(names) < 2:
        return None, []
    codes = np.stack([pd.factorize(tables.real.arrays[name], use_na_sentinel=False)[0] for name in names], axis=1)
    groupings = find_people(codes, seed=seed)
    if groupings:
        return _of_people(tables, names, groupings[0])
    rng = np.random.default_rng([seed, 15])
    real = subsample(tables.real, MAX_REFERENCES, rng)
    queries = {"synthetic": subsample(tables.synthetic, MAX_QUERIES, rng)}
    if tables.holdout is not None:
        queries["holdout"] = subsample(tables.holdout, MAX_QUERIES, rng)
    fractions: dict[str, list[float]] = {label: [] for label in queries}
    for _ in range(HALVES):
        half = tuple(rng.choice(names, -(-len(names) // 2), replace=False))
        prints, counts = np.unique(row_fingerprints(real, half), return_counts=True)
        for label, table in queries.items():
            fractions[label].append(_percent(table, half, prints[counts == 1]))
    holdout = float(np.mean(fractions["holdout"])) if "holdout" in fractions else None
    return LoneCombinations((), None, None, float(np.mean(fractions["synthetic"])), holdout), []


def _of_people(tables: Tables, names: tuple[str, ...], people: People) -> tuple[LoneCombinations, list[str]]:
    columns = tuple(names[position] for position in people.columns)
    real = np.unique(row_fingerprints(tables.real, columns))
    seen = np.isin(real, row_fingerprints(tables.synthetic, columns))
    holdout = None if tables.holdout is None else _percent(tables.holdout, columns, real)
    shared = holdout is not None and holdout > SHARED_PERCENT
    notes = [
        f"The real rows belong to {people.count:,} people or other groups, by {', '.join(columns)}: what their "
        "membership reveals, figures for rows understate."
    ]
    if shared:
        notes.append(
            f"{holdout:.0f} % of the holdout rows are of people that the real table has too: hold out whole people, or "
            "learning people by heart does not show."
        )
    synthetic = _percent(tables.synthetic, columns, real)
    return LoneCombinations(columns, people.count, float(100 * seen.mean()), synthetic, holdout, shared), notes


def _percent(table: Table, names: tuple[str, ...], lone: np.ndarray) -> float:
    return float(100 * np.isin(row_fingerprints(table, names), lone).mean())
