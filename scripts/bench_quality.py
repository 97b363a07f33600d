#!/usr/bin/env python3
"""Fit, sample and judge a generator on real tables: the quality figures of the README.

    python scripts/bench_quality.py adult shoppers --data ../shared/data
    python scripts/bench_quality.py my.csv --target clicked --set epochs=4 --seeds 0 1 2
    python scripts/bench_quality.py adult bank --rows 500 1000 2000 5000

The known tables are read below the folder --data: adult/ (UCI 2), online_shoppers/ (UCI 468), bank_marketing_full/ (UCI
222), california_housing/ (StatLib), hillstrom_email_64k/ (MineThatData), magic_gamma/ (UCI 159), as gzipped CSV.
`adult` is fitted on its train part and tested on its test part; every other table is shuffled with seed 0 and
split 90/10. With --rows the first rows of the (shuffled) training part alone are learned, and judged by at most 10,000
others. Shape and trend errors are printed as this package defines them and, where SDMetrics is installed
(`pip install sdmetrics==0.32.0`; it wants pandas 2), as SDMetrics does, numbers being numeric and all else
categorical there. One process, the device that `tabllm doctor` names.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import json
import os
import platform
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from eval import compare
from tabllm import TableLM  # which registers the generators, too
from tabular import read_table
from tabular.registry import create

KNOWN = {
    "adult": ("adult/adult_train.csv.gz", "income"),
    "shoppers": ("online_shoppers/online_shoppers_intention.csv.gz", "Revenue"),
    "bank": ("bank_marketing_full/bank_full.csv.gz", "y"),
    "housing": ("california_housing/housing.csv.gz", "median_house_value"),
    "hillstrom": ("hillstrom_email_64k/hillstrom.csv.gz", "visit"),
    "magic": ("magic_gamma/magic_gamma.csv.gz", "class"),
}


#: Rows of a cut's holdout at most.
CUT_HOLDOUT = 10_000


def load(name: str, folder: Path, target: str | None) -> tuple[pd.DataFrame, pd.DataFrame, str | None]:
    """(train, holdout, target) of a known table, or of a file."""
    file, known_target = KNOWN.get(name, (name, None))
    path = folder / file if name in KNOWN else Path(name)
    table = read_table(path)
    if name == "adult":
        return table, read_table(path.with_name("adult_test.csv.gz")), known_target
    table = table.sample(frac=1, random_state=0).reset_index(drop=True)
    cut = int(len(table) * 0.9)
    return table[:cut].reset_index(drop=True), table[cut:].reset_index(drop=True), target or known_target


def nano_parser(about: str | None, tables: Iterable[str]) -> argparse.ArgumentParser:
    """Options of a script that fits ``nano`` to known tables and writes its results to a JSON file."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the known tables")
    parser.add_argument("--tables", nargs="+", choices=[*tables], default=[*tables])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    return parser


def fitted_tables(arguments: argparse.Namespace) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame, TableLM]]:
    """(name, train, holdout, ``nano`` fitted to train) of each table that :func:`nano_parser` was given."""
    for name in arguments.tables:
        train, holdout, _ = load(name, arguments.data, None)
        yield name, train, holdout, TableLM(seed=arguments.seed).fit(train)


def cut(name: str, folder: Path, target: str | None, rows: int | None) -> tuple[pd.DataFrame, pd.DataFrame, str | None]:
    """As :func:`load`, of ``rows`` rows if that is not ``None``."""
    train, holdout, target = load(name, folder, target)
    if rows is None:
        return train, holdout, target
    if name == "adult":  # the one that does not come shuffled
        train = train.sample(frac=1, random_state=0).reset_index(drop=True)
    return train.head(rows), holdout.head(CUT_HOLDOUT), target


def sdmetrics_errors(real: pd.DataFrame, made: pd.DataFrame) -> tuple[float, float] | None:
    """SDMetrics' (shape, trend) errors in percent, or ``None`` where it is not installed."""
    try:
        from sdmetrics.reports.single_table import QualityReport
    except ImportError:
        return None
    kinds = {"b": "boolean", "i": "numerical", "f": "numerical"}
    columns = {name: {"sdtype": kinds.get(real[name].dtype.kind, "categorical")} for name in real}
    report = QualityReport()
    report.generate(real, made, {"columns": columns}, verbose=False)
    scores = report.get_properties().set_index("Property")["Score"]
    return 100 * (1 - scores["Column Shapes"]), 100 * (1 - scores["Column Pair Trends"])


def correlation_errors(real: pd.DataFrame, made: pd.DataFrame) -> tuple[float, float] | None:
    """The largest absolute differences of (Spearman's, Pearson's) correlation over pairs of numbers, if there are."""
    numbers = [name for name in real if real[name].dtype.kind in "iuf"]
    if len(numbers) < 2:
        return None
    spearman, pearson = (
        float((real[numbers].corr(method) - made[numbers].corr(method).fillna(0)).abs().max(axis=None))
        for method in ("spearman", "pearson")
    )
    return spearman, pearson


def measure(name: str, rows: int | None, model: str, seed: int, options: dict, arguments: argparse.Namespace) -> dict:
    """One fit, one sample of as many rows as it was fitted on, one judgement."""
    train, holdout, target = cut(name, arguments.data, arguments.target, rows)
    start = time.perf_counter()
    synthesizer = create(model, seed=seed, **options).fit(train)
    fitted = time.perf_counter()
    made = synthesizer.sample(len(train), refine=arguments.refine)
    sampled = time.perf_counter()
    report = compare(train, made, holdout=holdout, target=target, seed=0)
    if arguments.keep:
        made.to_parquet(arguments.keep / f"{name}-{len(train)}-{model}-{seed}.parquet")
    correlations = correlation_errors(train, made)
    errors = sdmetrics_errors(train, made)
    trained_on = {source: getattr(report.utility, source) for source in ("real", "synthetic")} if report.utility else {}
    return {
        "table": name,
        "rows": len(train),
        "model": model,
        "seed": seed,
        "fit_seconds": fitted - start,
        "rows_per_second": len(train) / (sampled - fitted),
        "shape_percent": report.fidelity.shape_error_percent,
        "trend_percent": report.trends.error_percent,
        "sdmetrics_shape_percent": errors and errors[0],
        "sdmetrics_trend_percent": errors and errors[1],
        "spearman_error_max": correlations and correlations[0],
        "pearson_error_max": correlations and correlations[1],
        "detection": report.detection.score if report.detection else None,
        "logistic": report.detection.logistic_score if report.detection else None,
        **{
            f"{source}_{report.utility.headline}": scores.metrics[report.utility.headline]
            for source, scores in trained_on.items()
        },
        "copies_percent": report.privacy.copies.synthetic_percent if report.privacy else None,
        "holdout_copies_percent": report.privacy.copies.holdout_percent if report.privacy else None,
        "membership_auc": report.privacy.membership.best.auc.value
        if report.privacy and report.privacy.membership
        else None,
        "dcr_share": report.privacy.distance.share_closer_to_real
        if report.privacy and report.privacy.distance
        else None,
        **{
            key: value
            for key, value in synthesizer.describe().items()
            if key in ("epochs", "steps", "held_out_loss", "parameters", "stopped_early")
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", help=f"{', '.join(KNOWN)} or a file")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the known tables")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--target")
    parser.add_argument("--rows", type=int, nargs="+", default=[None], help="cuts of so many rows (default: all rows)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", dest="options", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--refine", action=argparse.BooleanOptionalAction, help="as of 'tabllm sample'")
    parser.add_argument("--keep", type=Path, help="a folder for the synthetic tables")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    options = {key: ast.literal_eval(value) for key, value in (text.split("=", 1) for text in arguments.options)}
    console = Console()
    console.print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    results = []
    for name in arguments.tables:
        for rows, seed in itertools.product(arguments.rows, arguments.seeds):
            results.append(measure(name, rows, arguments.model, seed, options, arguments))
            table = Table("figure", "value", title=f"{name}, {results[-1]['rows']:,} rows, seed {seed}")
            for key, value in results[-1].items():
                table.add_row(key, f"{value:,.4f}" if isinstance(value, float) else str(value))
            console.print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
