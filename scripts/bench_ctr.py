#!/usr/bin/env python3
"""CTR models of a simulated ad log: the ceiling, the real past and what generators made of it.

    python scripts/bench_ctr.py                             # 100,000 rows, nano, tabcascade and tvae
    python scripts/bench_ctr.py --models ctgan,tabddpm --rows 50000 --out ctr-bench
    python scripts/bench_ctr.py --rivals                    # why the CTR model is what it is

The log is simulated (nothing in it was measured), its latest fifth is the test. Runs and synthetic rows stay in the
folder --out, so that the same command goes on from there. With --rivals no generator is fitted: other CTR models
learn from the real past of several logs, and their AUC and normalised entropy stand beside those of the one in use.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
from rich.console import Console

import tabllm  # noqa: F401 (registers the generators)
from eval.facts.plain_data import plain
from eval.models.scores import classification_scores
from eval.preparing.features import TreeModel
from tabllm.ads.features import BUCKETS, features_of, layout_of
from tabllm.ads.making import make_past
from tabllm.ads.model import CtrModel
from tabllm.ads.simulator import CLICK, TIME, TRUTH, simulate_ads
from tabllm.ads.splitting import Split, split_log
from tabllm.ads.study import study_ctr
from tabllm.ads.tables import to_markdown
from tabllm.comparing.study import Settings
from tabular.encoding.arrays import to_arrays
from tabular.preparing.inference import infer_schema
from tabular.progress import RichReporter


def simulated(rows: int, ads: int, seed: int) -> Split:
    log = simulate_ads(rows, seed=seed, ads=ads, truth=True)
    return split_log(log, click=CLICK, time=TIME, truth=TRUTH)


def generators(arguments: argparse.Namespace, console: Console) -> None:
    split = simulated(arguments.rows, arguments.ads, arguments.seed)
    schema = infer_schema(split.past)
    settings = Settings(CLICK, arguments.seed, None, {})
    made = {
        model: make_past(model, split.past, schema, settings, arguments.out, RichReporter())
        for model in arguments.models.split(",")
    }
    report = study_ctr(
        split,
        {model: each.table for model, each in made.items()},
        click=CLICK,
        time=TIME,
        ad="ad_id",
        schema=schema,
        fit_seconds={model: each.fit_seconds for model, each in made.items()},
        seed=arguments.seed,
    )
    console.print(to_markdown(report), markup=False, highlight=False, soft_wrap=True)
    for model, each in made.items():
        console.print(f"{model}: {each.fit_seconds:,.0f} s to fit{', by an earlier call' if each.resumed else ''}")
    if arguments.json:
        arguments.json.write_text(json.dumps(plain(report), indent=2) + "\n")


def rivals(arguments: argparse.Namespace, console: Console) -> None:
    for seed in range(arguments.seed, arguments.seed + 3):
        split = simulated(arguments.rows, arguments.ads, seed)
        schema = infer_schema(split.past)
        layout = layout_of(schema, CLICK, TIME)
        past, test = features_of(split.past, layout), features_of(split.test, layout)
        click, truth = split.past[CLICK].to_numpy(), split.test[CLICK].to_numpy()

        def mean_clicks() -> np.ndarray:
            return CtrModel(seed=0).fit(past, click == 1).predict(test)  # noqa: B023

        def categories() -> np.ndarray:
            codes = [to_arrays(part, schema, unseen="missing") for part in (split.past, split.test)]  # noqa: B023
            names = (*layout.quantities, *layout.hashed)  # noqa: B023
            types = ["q"] * len(layout.quantities) + ["c"] * len(layout.hashed)  # noqa: B023
            x, x_test = (
                np.stack([np.where(part[name] < 0, np.nan, part[name]) for name in names], axis=1) for part in codes
            )
            model = TreeModel("binary:logistic", types, seed=0, threads=None, learning_rate=0.05, max_depth=3)
            return model.fit(x, click).predict(x_test)  # noqa: B023

        def logistic(pairs: bool) -> np.ndarray:
            from sklearn.linear_model import LogisticRegression

            x, x_test = (one_hot(part, pairs) for part in (past, test))  # noqa: B023
            model = LogisticRegression(C=0.03 if pairs else 0.3, max_iter=500).fit(x, click)  # noqa: B023
            return model.predict_proba(x_test)[:, 1]

        ways = {
            "true chances": lambda: split.truth,  # noqa: B023
            "trees on mean clicks": mean_clicks,
            "trees on categories": categories,
            "logistic regression, hashed": lambda: logistic(False),
            "the same with all pairs": lambda: logistic(True),
        }
        for name, way in ways.items():
            start = time.perf_counter()
            chance = way()
            took = time.perf_counter() - start
            found = classification_scores(truth, np.column_stack([1 - chance, chance]), 1)
            auc, entropy = found["auc"], found["normalised_entropy"]
            console.print(f"| {seed} | {name} | {auc:.4f} | {entropy:.4f} | {took:.1f} |", highlight=False)


def one_hot(features, pairs: bool):  # noqa: ANN001, ANN201
    """Every bucket a column of zeros and ones, quantities in tenths, on request every pair of them too."""
    from scipy.sparse import csr_matrix

    tenths = [np.digitize(q, np.unique(np.quantile(q, np.arange(0.1, 1, 0.1)))) for q in features.quantities.T]
    columns = [*features.buckets.T, *(tenth + 1000 * (i + 1) for i, tenth in enumerate(tenths))]
    columns = [(column * 2654435761 + i * 40503) % BUCKETS for i, column in enumerate(columns)]
    if pairs:
        crossed = [(a * 31 + b * 1_000_003) % BUCKETS for i, a in enumerate(columns) for b in columns[:i]]
        columns += crossed
    place = np.stack(columns, axis=1)
    rows, width = place.shape
    return csr_matrix((np.ones(place.size), place.ravel(), np.arange(0, place.size + 1, width)), shape=(rows, BUCKETS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--ads", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", default="nano,tabcascade,tvae", help="parted by commas")
    parser.add_argument("--rivals", action="store_true", help="compare CTR models instead of generators")
    parser.add_argument("--out", type=Path, default=Path("ctr-bench"), help="a folder for runs and rows")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    console = Console()
    machine = platform.processor() or platform.machine()
    console.print(f"{machine}, {os.cpu_count()} cores, Python {platform.python_version()}", highlight=False)
    (rivals if arguments.rivals else generators)(arguments, console)


if __name__ == "__main__":
    main()
