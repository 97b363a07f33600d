#!/usr/bin/env python3
"""Rows under conditions: can they be told from the real rows that keep them, and how fast do they come?

    python scripts/bench_conditions.py --data ../shared/data

`nano` learns a table and draws rows under each condition of the list below, as many as the whole real table has that
keep it. An XGBoost classifier then tells them from those (detection; 1 = it cannot). Beside it: the same after drawing
rows without conditions and keeping the ones that fit, which is the model's own distribution (`left out`, from at most
20 times the table), and in the three ways that `tabllm.nano.conditioning` knows: the conditioned fields first
(`first`), field order and leaving out (`filtered`), and candidates that are resampled (`resampled`). `default` is what
`sample --where` does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from bench_quality import fitted_tables, nano_parser
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from xgboost import XGBClassifier

import tabllm.nano.conditioning as conditioning
from tabllm import TableLM

Mask = Callable[[pd.DataFrame], pd.Series]
CASES: dict[str, dict[str, Mask]] = {
    "housing": {
        "median_house_value>=300000": lambda t: t["median_house_value"] >= 300000,
        "median_income>=5 and households<400": lambda t: (t["median_income"] >= 5) & (t["households"] < 400),
    },
    "adult": {
        "age>=60 and hours-per-week<40": lambda t: (t["age"] >= 60) & (t["hours-per-week"] < 40),
        "education=Bachelors and occupation=Sales": lambda t: (
            (t["education"] == "Bachelors") & (t["occupation"] == "Sales")
        ),
    },
}
#: (LEAST, CANDIDATES, ROUNDS) of each way; `first` has one candidate for each row, so that nothing is chosen.
WAYS = {"default": (conditioning.LEAST, 4, 4), "first": (0, 1, 1), "filtered": (10**9, 4, 4), "resampled": (0, 4, 4)}
MOST_TIMES = 20


def detection(real: pd.DataFrame, made: pd.DataFrame) -> float:
    """1 - |2 AUC - 1| of XGBoost in 3 folds, on equally many rows of both."""
    count = min(len(real), len(made))
    both = pd.concat([part.sample(count, random_state=0) for part in (real, made)])
    design = both.apply(lambda column: column if column.dtype.kind in "if" else column.astype("category"))
    truth = np.repeat([0, 1], count)
    model = XGBClassifier(n_estimators=150, max_depth=5, learning_rate=0.1, enable_categorical=True)
    found = cross_val_predict(model, design, truth, cv=3, method="predict_proba")[:, 1]
    return 1 - abs(2 * float(roc_auc_score(truth, found)) - 1)


def left_out(model: TableLM, keeps: Mask, rows: int) -> pd.DataFrame:
    """Rows that keep a condition among rows drawn without."""
    kept: list[pd.DataFrame] = []
    for seed in range(MOST_TIMES):
        if sum(map(len, kept)) >= rows:
            break
        drawn = model.sample(model.schema.rows or rows, refine=False, seed=100 + seed)
        kept.append(drawn[keeps(drawn)])
    return pd.concat(kept)


def main() -> None:
    parser = nano_parser(__doc__, CASES)
    arguments = parser.parse_args()
    results = []
    for name, train, test, model in fitted_tables(arguments):
        whole = pd.concat([train, test])
        for where, keeps in CASES[name].items():
            real = whole[keeps(whole)]
            line = {"table": name, "where": where, "rows": len(real)}
            line["left out"] = detection(real, left_out(model, keeps, len(real)))
            for way, (conditioning.LEAST, conditioning.CANDIDATES, conditioning.ROUNDS) in WAYS.items():
                start = time.perf_counter()
                made = model.sample(len(real), where=where, seed=arguments.seed)
                seconds = time.perf_counter() - start
                line |= {way: detection(real, made), f"{way} rows/s": len(real) / seconds}
            results.append(line)
    table = Table("table", "condition", "rows", "left out", *WAYS, *(f"{way} rows/s" for way in WAYS))
    for line in results:
        figures = [f"{line[key]:.3f}" for key in ("left out", *WAYS)]
        rates = [f"{line[f'{way} rows/s']:,.0f}" for way in WAYS]
        table.add_row(line["table"], line["where"], f"{line['rows']:,}", *figures, *rates)
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
