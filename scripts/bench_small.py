#!/usr/bin/env python3
"""Small tables: nano beside a Gaussian copula and beside peers, on cuts of 500 to 5,000 rows.

    python scripts/bench_small.py --data ../shared/data --results small.jsonl --seeds 0 1 2
    python scripts/bench_small.py --results small.jsonl --peer arf=PYTHON --peer synthpop=PYTHON --peer argn=PYTHON
    python scripts/bench_small.py --results small.jsonl --only-table

The cuts are the first rows of the shuffled training parts of `bench_quality.py`, and of three tables with planted
relations (products, thresholds, mixtures); the holdout is real rows that no cut contains. `--tables survey` is a
made-up survey of 26 columns (`tests/survey.py`), in which each person has ten rows and the label depends on three
columns at a time; its holdout is other people. One judge for all, the functions of `eval`: pair-trend error in percent,
detection by XGBoost (1 = cannot tell), and utility, which is the AUC
or R2 on the holdout of XGBoost trained on the synthetic rows. Results are appended to --results, and a measurement that
stands there is not repeated. Each peer wants an environment of its own:

    arf, synthpop   pip install --no-deps synthyverse==0.2.7; pip install torch tqdm joblib pandas scipy scikit-learn
    argn            pip install mostlyai-engine==2.7.3; pip uninstall torchvision

A peer reads and writes CSV; its seconds are those of its `fit` and `sample` alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bench_quality import CUT_HOLDOUT, KNOWN, cut
from bench_tabular import judged
from rich.console import Console
from rich.table import Table
from scipy.stats import norm, rankdata

import tabllm  # noqa: F401 (registers the generators)
from tabular.registry import create

CUTS = (500, 1000, 2000, 5000)
PLANTED = ("product", "threshold", "mixture")
#: figure -> whether more is better
FIGURES = {"trend": False, "detection": True, "utility": True}

#: Run in the peer's own environment: argv is a folder with train.csv and task.json.
PEER = r"""
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import pandas as pd
folder = sys.argv[1]
task = json.load(open(f"{folder}/task.json"))
data = pd.read_csv(f"{folder}/train.csv")
start = time.perf_counter()
if task["peer"] == "argn":
    from mostlyai.engine import TabularARGN
    start = time.perf_counter()
    model = TabularARGN(random_state=task["seed"], verbose=0)
    model.fit(data)
    fitted = time.perf_counter()
    made = model.sample(n_samples=len(data))
else:
    from synthyverse.generators import get_generator
    start = time.perf_counter()
    model = get_generator(task["peer"])(random_state=task["seed"])
    model.fit(data, [name for name in data if data[name].dtype.kind not in "if"])
    fitted = time.perf_counter()
    made = model.generate(len(data))
sampled = time.perf_counter()
made.to_csv(f"{folder}/made.csv", index=False)
json.dump({"fit_seconds": fitted - start, "sample_seconds": sampled - fitted}, open(f"{folder}/times.json", "w"))
"""


def planted(name: str, rows: int, seed: int) -> tuple[pd.DataFrame, str]:
    """(a table with a known relation between its columns, its target)."""
    rng = np.random.default_rng([seed, PLANTED.index(name)])
    if name == "product":
        clicks = rng.poisson(16, rows) + 4
        cpc = np.round(rng.gamma(4, 0.2, rows) + 0.05, 2)
        device = rng.choice(["ios", "android", "web"], rows, p=[0.3, 0.5, 0.2])
        bought = rng.random(rows) < 1 / (1 + np.exp(3 - 0.2 * clicks * cpc))
        cost = np.round(clicks * cpc, 2)
        columns = {"clicks": clicks, "cpc": cpc, "cost": cost, "device": device, "bought": bought.astype(int)}
        return pd.DataFrame(columns), "bought"
    if name == "threshold":
        age, visits = rng.integers(18, 80, rows), rng.geometric(0.1, rows)
        spend = np.round(np.where(visits > 10, 5.0 * visits, rng.gamma(2, 4, rows)) + rng.normal(0, 1, rows), 1)
        plan = np.select([spend > 100, spend > 40, age < 30], ["gold", "silver", "young"], "basic")
        stays = rng.random(rows) < np.where((plan == "basic") & (age > 50), 0.2, 0.8)
        columns = {"age": age, "visits": visits, "spend": spend, "plan": plan, "stays": stays.astype(int)}
        return pd.DataFrame(columns), "stays"
    group = rng.integers(0, 4, rows)
    angle = rng.uniform(0, 2 * np.pi, rows)
    radius = 1 + group + rng.normal(0, 0.1, rows)
    x, y = np.round(radius * np.cos(angle), 3), np.round(radius * np.sin(angle), 3)
    kept = np.where(rng.random(rows) < 0.9, group, rng.integers(0, 4, rows))
    columns = {"x": x, "y": y, "z": np.round(x * x + rng.normal(0, 0.2, rows), 2), "inner": (kept < 2).astype(int)}
    return pd.DataFrame(columns), "inner"


def task(table: str, rows: int, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, str | None]:
    """(train, holdout, target) of a cut."""
    if table == "survey":
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
        from survey import survey

        return survey(rows // 10, 10), survey(CUT_HOLDOUT // 10, 10, first=rows // 10), "label"
    if table in PLANTED:
        train, target = planted(table, rows, 0)
        return train, planted(table, CUT_HOLDOUT, 1)[0], target
    return cut(table, folder, None, rows)


def copula(train: pd.DataFrame, seed: int) -> pd.DataFrame:
    """A Gaussian copula: normal scores of (randomly broken) ranks, their correlation, and the columns' own values."""
    rng = np.random.default_rng(seed)
    # A name's rank is that of its frequency, the commonest first; equal values are told apart by chance.
    keyed = [
        values if values.dtype.kind in "iuf" else values.fillna("").map(-values.fillna("").value_counts())
        for _, values in train.items()
    ]
    orders = [np.lexsort([rng.random(len(train)), pd.Series(k).to_numpy()]) for k in keyed]
    scores = np.stack([norm.ppf(rankdata(np.argsort(o)) / (len(train) + 1)) for o in orders], axis=1)
    drawn = rng.standard_normal(scores.shape) @ np.linalg.cholesky(np.corrcoef(scores.T) + 1e-6 * np.eye(len(keyed))).T
    index = np.minimum((norm.cdf(drawn) * len(train)).astype(int), len(train) - 1)
    named = enumerate(zip(train, orders, strict=True))
    columns = {name: train[name].to_numpy()[order[index[:, i]]] for i, (name, order) in named}
    return pd.DataFrame(columns).astype(train.dtypes.to_dict())


def made_by_peer(peer: str, python: str, train: pd.DataFrame, seed: int) -> tuple[pd.DataFrame | None, dict[str, Any]]:
    """What a peer makes of a cut; ``None`` and its last words where it fails."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        train.to_csv(folder / "train.csv", index=False)
        (folder / "task.json").write_text(json.dumps({"peer": peer, "seed": seed}))
        done = subprocess.run([python, "-c", PEER, place], capture_output=True, text=True, check=False, cwd=place)
        if done.returncode:
            return None, {"failed": (done.stderr.strip().splitlines() or ["?"])[-1][:300]}
        made = pd.read_csv(folder / "made.csv")[list(train)]
        for name, dtype in train.dtypes.items():
            if dtype.kind in "iu" and made[name].dtype.kind == "f":
                made[name] = made[name].round()
        return made.astype(train.dtypes.to_dict()), json.loads((folder / "times.json").read_text())


def measure(key: list[Any], pythons: dict[str, str], folder: Path) -> dict[str, Any]:
    table, rows, model, seed = key
    train, holdout, target = task(table, rows, folder)
    start = time.perf_counter()
    facts: dict[str, Any] = {}
    made: pd.DataFrame | None
    if model in pythons:
        made, facts = made_by_peer(model, pythons[model], train, seed)
    elif model == "copula":
        made = copula(train, seed)
        facts = {"fit_seconds": time.perf_counter() - start}
    else:
        fitted = create(model, seed=seed).fit(train)
        facts = {"fit_seconds": time.perf_counter() - start}
        made = fitted.sample(len(train))
    if made is not None:
        facts |= judged(train, made, holdout, target)
        if table == "product":
            facts["correlation"] = float(made["cpc"].corr(made["cost"], method="spearman"))
            facts["correlation_real"] = float(train["cpc"].corr(train["cost"], method="spearman"))
    return {"key": key, **facts}


def show(results: list[dict[str, Any]], ours: str, console: Console) -> None:
    """Medians over seeds, and in how many cells ours is at least the best of the others."""
    cells: dict[tuple[str, int], dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        table, rows, model, _ = result["key"]
        cells[table, rows][model].append(result)
    models = sorted({result["key"][2] for result in results}, key=lambda name: (name != ours, name))
    wins, close, compared = 0, 0, 0
    for figure, more in FIGURES.items():
        sheet = Table("table", "rows", *models, title=f"{figure} ({'more' if more else 'less'} is better), medians")
        for (table, rows), by_model in cells.items():
            values = {
                model: statistics.median(found)
                for model, measured in by_model.items()
                if (found := [m[figure] for m in measured if m.get(figure) is not None])
            }
            sheet.add_row(table, f"{rows:,}", *(f"{values[m]:.3f}" if m in values else "-" for m in models))
            others = [value for model, value in values.items() if model != ours]
            if ours in values and others:
                best = max(others) if more else min(others)
                compared += 1
                wins += values[ours] >= best if more else values[ours] <= best
                close += values[ours] >= 0.9 * best if more else values[ours] <= 1.1 * best
        console.print(sheet)
    fits = [r["fit_seconds"] for r in results if r["key"][2] == ours and "fit_seconds" in r]
    console.print(f"{ours} is at least as good as the best other in {wins} of {compared} cells; within 10 %: {close}.")
    if fits:
        console.print(f"Longest fit of {ours}: {max(fits):.1f} s; median {statistics.median(fits):.1f} s.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", default=[n for n in KNOWN if n != "magic"] + list(PLANTED))
    parser.add_argument("--rows", type=int, nargs="+", default=list(CUTS))
    parser.add_argument("--models", nargs="*", default=["nano", "copula"])
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON", help="arf, synthpop, argn")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the known tables")
    parser.add_argument("--results", type=Path, required=True, help="JSON lines, appended to")
    parser.add_argument("--ours", default="nano", help="the model whose cells are counted")
    parser.add_argument("--only-table", action="store_true", help="measure nothing, show what is there")
    arguments = parser.parse_args()
    pythons = dict(text.split("=", 1) for text in arguments.peer)
    path = arguments.results
    results = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    known = {json.dumps(result["key"]) for result in results}
    keys = [
        [table, rows, model, seed]
        for seed in arguments.seeds
        for table in arguments.tables
        for rows in arguments.rows
        for model in [*arguments.models, *pythons]
    ]
    for key in keys if not arguments.only_table else []:
        if json.dumps(key) in known:
            continue
        results.append(measure(key, pythons, arguments.data))
        with path.open("a") as file:
            file.write(json.dumps(results[-1]) + "\n")
        print(*key, {k: round(v, 3) for k, v in results[-1].items() if isinstance(v, float)}, file=sys.stderr)
    show(results, arguments.ours, Console())


if __name__ == "__main__":
    main()
