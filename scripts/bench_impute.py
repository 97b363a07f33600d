#!/usr/bin/env python3
"""How good imputed cells are: cells are hidden, imputed, and learned from.

    python scripts/bench_impute.py --data ../shared/data

`nano` learns a table; then one column, or several, of its first --rows rows is hidden and imputed. XGBoost learns the
first hidden column from the others, once with the imputed cells and once with the real ones, and both are tested on
held-out rows: AUC for two classes, accuracy for more, R2 for numbers. --completions says how many completions `nano`
draws of a row.
"""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pandas as pd
import xgboost
from bench_quality import fitted_tables, nano_parser
from rich.console import Console
from rich.table import Table
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

import tabllm.nano.imputation as imputation

CASES = {
    "adult": (["income"], ["occupation"], ["income", "education", "age"]),
    "housing": (["median_house_value"], ["median_income", "households", "population", "latitude"]),
}


def score(train: pd.DataFrame, test: pd.DataFrame, target: str, like: pd.DataFrame) -> float:
    """How well XGBoost predicts ``target`` of ``test`` after ``train``."""
    inputs = [name for name in like if name != target]
    lists = {name: sorted(like[name].dropna().unique()) for name in inputs if like[name].dtype.kind not in "if"}

    def design(table: pd.DataFrame) -> pd.DataFrame:
        kinds = {name: pd.CategoricalDtype(values) for name, values in lists.items()}
        return table[inputs].astype({**dict.fromkeys(set(inputs) - set(lists), float), **kinds})

    options: dict[str, Any] = {"n_estimators": 150, "max_depth": 5, "learning_rate": 0.1, "enable_categorical": True}
    if like[target].dtype.kind in "if":
        model = xgboost.XGBRegressor(**options).fit(design(train), train[target].astype(float))
        return float(r2_score(test[target], model.predict(design(test))))
    classes = {value: code for code, value in enumerate(sorted(like[target].unique()))}
    model = xgboost.XGBClassifier(**options, objective="multi:softprob", num_class=len(classes))
    found = model.fit(design(train), train[target].map(classes)).predict_proba(design(test))
    truth = test[target].map(classes)
    if len(classes) == 2:
        return float(roc_auc_score(truth, found[:, 1]))
    return float(accuracy_score(truth, found.argmax(axis=1)))


def main() -> None:
    parser = nano_parser(__doc__, CASES)
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--completions", type=int, nargs="+", default=[1, imputation.COMPLETIONS])
    arguments = parser.parse_args()
    results = []
    for name, train, test, model in fitted_tables(arguments):
        real = train.head(arguments.rows)
        for holes in CASES[name]:
            hidden = real.copy()
            for hole in holes:
                kind = float if real[hole].dtype.kind in "if" else object
                hidden[hole] = pd.Series(np.nan, hidden.index, dtype=kind)
            for count in arguments.completions:
                imputation.COMPLETIONS = count
                start = time.perf_counter()
                filled = model.impute(hidden, seed=arguments.seed)
                seconds = time.perf_counter() - start
                results.append(
                    {
                        "table": name,
                        "hidden": holes,
                        "completions": count,
                        "imputed": score(filled, test, holes[0], train),
                        "real": score(real, test, holes[0], train),
                        "rows_per_second": len(real) / seconds,
                    }
                )
    table = Table("table", "hidden", "completions", "from imputed", "from real", "rows/s")
    for line in results:
        table.add_row(
            line["table"],
            ", ".join(line["hidden"]),
            str(line["completions"]),
            f"{line['imputed']:.4f}",
            f"{line['real']:.4f}",
            f"{line['rows_per_second']:,.0f}",
        )
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
