#!/usr/bin/env python3
"""What `sample --balance` and `sample --fair` do to the gaps between groups, and what they cost: on Adult.

    python scripts/bench_fair.py                        # nano on 32,561 rows, a few minutes on 2 cores
    python scripts/bench_fair.py --epochs 2 --rows 8000  # a look

One model is fitted. As many rows as it learned are made as they come, balanced over sex and income, and with income
the same in both sexes. Each table is judged by the bias section and the utility of `eval`: XGBoost that learned from it
picks as many of the 16,281 real test rows as there are rich among the learned ones, beside XGBoost that learned from
the real rows.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path

import pandas as pd
from rich.console import Console

from eval.judging.side_by_side import SideBySide, line_of, tables_as_json, to_markdown
from eval.models.bias import REFITS, measure_bias
from eval.models.pair import train_pair
from eval.models.utility import score_pair
from eval.preparing.tables import load_tables
from eval.screen.several import draw_tables
from tabllm.demo import TARGET, load_adult
from tabular.progress import RichReporter
from tabular.registry import create
from tabular.sampling.strata import balanced_strata, fair_strata, probe, sample_strata
from tabular.storage.rundir import write_json, write_text
from tabular.synthesizer import Synthesizer

PROTECTED = "sex"


def tables_made(model: Synthesizer, rows: int, seed: int, reporter: RichReporter) -> dict[str, pd.DataFrame]:
    """The rows as they come, and with the shares that were asked for."""
    cells = probe(model, [TARGET, PROTECTED], rows, seed=seed)
    strata = {"--balance": balanced_strata(cells, rows), "--fair": fair_strata(cells, rows)}
    made = {"as it comes": model.sample(rows, seed=seed, progress=reporter)}
    for name, wanted in strata.items():
        made[name] = pd.concat(sample_strata(model, wanted, seed=seed, progress=reporter), ignore_index=True)
    return made


def figures(train: pd.DataFrame, made: pd.DataFrame, holdout: pd.DataFrame, model: Synthesizer) -> dict[str, tuple]:
    """Figure -> (of real rows, of the rows made)."""
    tables = load_tables(train, made, holdout, model.schema)
    pair, _ = train_pair(tables, TARGET, refits=REFITS)
    bias, _ = measure_bias(tables, [PROTECTED], pair)
    utility = score_pair(pair)
    found = {f"{gap.name} gap": (gap.real, gap.synthetic) for gap in bias.columns[0].gaps}
    for name, label in (("auc", "AUC"), ("pr_auc", "PR-AUC"), ("log_loss", "log loss")):
        found[label] = (utility.real.metrics[name], utility.synthetic.metrics[name])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--rows", type=int, help="of Adult to learn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    train, holdout = load_adult("train"), load_adult("test")
    if arguments.rows:
        train = train.sample(arguments.rows, random_state=arguments.seed).reset_index(drop=True)
    console, reporter = Console(highlight=False), RichReporter()
    console.print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {platform.python_version()}")
    options = {"epochs": arguments.epochs} if arguments.epochs else {}
    start = time.perf_counter()
    model = create(arguments.model, seed=arguments.seed, **options).fit(train, progress=reporter)
    fitted = time.perf_counter()
    made = tables_made(model, len(train), arguments.seed, reporter)
    sampled = time.perf_counter()
    found = {name: figures(train, table, holdout, model) for name, table in made.items()}
    real = next(iter(found.values()))
    lines = [
        line_of(
            label,
            "lower" if "gap" in label or label == "log loss" else "higher",
            4,
            {name: each[label][1] for name, each in found.items()},
            real[label][0],
        )
        for label in real
    ]
    title = f"{arguments.model} on Adult: gaps between the groups of {PROTECTED}, and what they cost"
    table = SideBySide(title, tuple(made), tuple(lines), "the real rows, or a model that learned from them")
    draw_tables([table], console)
    console.print(
        f"fit {fitted - start:.0f} s, rows {sampled - fitted:.0f} s, in all {time.perf_counter() - start:.0f} s"
    )
    if arguments.markdown:
        write_text(arguments.markdown, to_markdown(table))
    if arguments.json:
        write_json(arguments.json, {"tables": tables_as_json([table]), "fit_seconds": fitted - start})


if __name__ == "__main__":
    main()
