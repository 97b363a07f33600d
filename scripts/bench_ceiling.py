#!/usr/bin/env python3
"""How useful synthetic rows can be at most, if their target is drawn from what XGBoost itself knows of it.

    python scripts/bench_ceiling.py --data ../shared/data

The real training rows keep their inputs. Their target is drawn anew: a class from XGBoost's probabilities (fitted with
the other folds of 5), a number as XGBoost's prediction plus the residual of a row whose prediction is near. So inputs
are perfect, relations to the target are those that XGBoost finds in all real rows, and only what drawing costs is lost.
A generator that draws rows from its distribution exceeds this only if it knows the target better than XGBoost does.
Utility is that of `tabllm eval`: XGBoost trained on those rows and tested on the holdout; medians of --draws draws.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost
from bench_quality import KNOWN, load
from rich.console import Console
from rich.table import Table
from sklearn.model_selection import KFold

from eval.models.utility import measure_utility
from eval.preparing.tables import load_tables
from tabular import infer_schema

#: Rows with neighbouring predictions, from which a residual is drawn.
NEIGHBOURS = 200
OPTIONS = {"n_estimators": 150, "max_depth": 6, "learning_rate": 0.1, "subsample": 0.8, "enable_categorical": True}


def design(table: pd.DataFrame, target: str) -> pd.DataFrame:
    """Numbers as they are, all else as categories."""
    inputs = table.drop(columns=target)
    return inputs.apply(lambda column: column if column.dtype.kind in "iuf" else column.astype("category"))


def drawn_target(table: pd.DataFrame, target: str, rng: np.random.Generator) -> pd.Series:
    """The target of each row, drawn from what XGBoost has learned of it in other rows."""
    x, y = design(table, target), table[target]
    folds = list(KFold(5, shuffle=True, random_state=0).split(x))
    if y.dtype.kind == "f" or y.nunique() > 20:
        mean = np.empty(len(y))
        for train, test in folds:
            mean[test] = xgboost.XGBRegressor(**OPTIONS).fit(x.iloc[train], y.iloc[train]).predict(x.iloc[test])
        ranked = np.argsort(mean)
        near = np.arange(len(y)) + rng.integers(-NEIGHBOURS // 2, NEIGHBOURS // 2 + 1, len(y))
        residual = (y.to_numpy() - mean)[ranked][np.clip(near, 0, len(y) - 1)]
        values = np.empty(len(y))
        values[ranked] = np.clip(mean[ranked] + residual, y.min(), y.max())
        return pd.Series(values.round() if y.dtype.kind == "i" else values, index=y.index).astype(y.dtype)
    classes = np.array(sorted(y.unique()))
    codes = np.searchsorted(classes, y)
    probability = np.empty((len(y), len(classes)))
    for train, test in folds:
        model = xgboost.XGBClassifier(**OPTIONS, objective="multi:softprob", num_class=len(classes))
        probability[test] = model.fit(x.iloc[train], codes[train]).predict_proba(x.iloc[test])
    above = probability.cumsum(axis=1) < rng.random((len(y), 1))
    return pd.Series(classes[np.minimum(above.sum(axis=1), len(classes) - 1)], index=y.index).astype(y.dtype)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", default=["adult", "shoppers", "magic", "housing"], help=", ".join(KNOWN))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the known tables")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = []
    for name in arguments.tables:
        train, holdout, target = load(name, arguments.data, None)
        assert target is not None  # every known table has one
        schema = infer_schema(train)
        found = []
        for seed in range(arguments.draws):
            made = train.assign(**{target: drawn_target(train, target, np.random.default_rng(seed))})
            utility, _ = measure_utility(load_tables(train, made, holdout, schema), target)
            assert utility is not None
            found.append(utility.synthetic.metrics[utility.headline])
        results.append(
            {
                "table": name,
                "metric": utility.headline,
                "real": utility.real.metrics[utility.headline],
                "drawn": statistics.median(found),
                "draws": found,
            }
        )
    table = Table("table", "metric", "real rows", "target drawn by XGBoost")
    for line in results:
        table.add_row(line["table"], line["metric"], f"{line['real']:.4f}", f"{line['drawn']:.4f}")
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
