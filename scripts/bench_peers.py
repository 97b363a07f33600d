#!/usr/bin/env python3
"""Generators of this package and of others: the same rows, the same cores, one judge.

    python scripts/bench_peers.py --tables shoppers magic --peers nano tabularargn --limit 1200
    python scripts/bench_peers.py --seeds 0 1 2 --peers nano          # more seeds of one of them
    python scripts/bench_peers.py --draw                              # only the tables of what was measured

Each peer gets a virtual environment of its own below --environments, made when it is first needed, and one process per
fit, with --threads threads and --limit seconds for fit and sample together. All learn the same training file with their
own defaults and make as many rows. Then SDMetrics 0.32 judges them (shape, trend, and detection by its class with
XGBoost's defaults, 3 folds, all rows shown), and `eval` measures the rest. See scripts/peers/ for every program.

A result is appended to --results when it is made, and a second call goes on from there; failures are kept, --retry runs
them again. --markdown writes the tables into a page, between the marks for it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from bench_quality import KNOWN, cut
from device_bench.pages import marks, update
from peers.catalogue import JUDGE, PEERS, Peer
from peers.drawing import markdown, terminal
from peers.environments import EnvironmentFailed, python_of
from peers.judging import measure
from peers.running import run_program
from rich.console import Console

from tabllm.bench.machine import describe_machine

HERE = Path(__file__).parent / "peers"


def read_results(path: Path) -> list[dict[str, Any]]:
    """What was measured before; the last result of a table, peer and seed counts."""
    if not path.exists():
        return []
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return list({(line["table"], line["peer"], line["seed"]): line for line in lines}.values())


def write_tables(folder: Path, name: str, data: Path, rows: int | None) -> tuple[str, bool]:
    """Write train.csv and test.csv; (target, whether it has classes)."""
    train, test, target = cut(name, data, None, rows)
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    assert target is not None  # every known table has one
    return target, train[target].nunique() <= 20


def run_peer(peer: Peer, name: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """One fit, one sample, one judgement."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        target, classes = write_tables(folder, name, arguments.data, arguments.rows)
        task = {
            "seed": seed,
            "target": target,
            "classes": classes,
            "limit": arguments.limit,
            "language_model": str(arguments.language_model or "distilgpt2"),
            **peer.options,
        }
        (folder / "task.json").write_text(json.dumps(task))
        try:
            python = python_of(peer.environment, peer.install, arguments.environments)
            judge = python_of("judge", JUDGE, arguments.environments)
        except EnvironmentFailed as error:
            return {"failed": str(error)}
        program = HERE / "programs" / f"{peer.program}.py"
        result = run_program(python, program, folder, limit=arguments.limit, threads=arguments.threads)
        if "failed" in result:
            return result
        done = subprocess.run([judge, str(HERE / "judge.py"), str(folder)], capture_output=True, text=True, check=False)
        if done.returncode:
            return {"failed": f"the judge could not read its rows: {done.stderr.strip().splitlines()[-1][:200]}"}
        rows = len(pd.read_csv(folder / "made.csv", usecols=[0]))
        return {
            **result,
            "rows": rows,
            "rows_per_second": rows / result["sample_seconds"],
            "peak_gb": result["peak_bytes"] / 1e9,
            **json.loads((folder / "judge.json").read_text()),
            **measure(folder / "train.csv", folder / "test.csv", folder / "made.csv", target),
        }


def to_do(arguments: argparse.Namespace, results: list[dict[str, Any]]) -> Iterator[tuple[str, str, int]]:
    """(table, peer, seed) that have no result yet."""
    done = {
        (result["table"], result["peer"], result["seed"])
        for result in results
        if "failed" not in result or not arguments.retry
    }
    for table in arguments.tables:
        for seed in arguments.seeds:
            yield from ((table, peer, seed) for peer in arguments.peers if (table, peer, seed) not in done)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", choices=[*KNOWN], default=["adult", "shoppers", "magic", "housing"])
    parser.add_argument("--peers", nargs="+", choices=[*PEERS], default=[*PEERS], metavar="PEER", help=", ".join(PEERS))
    parser.add_argument(
        "--rows", type=int, help="learn the first so many rows; keep such results in a file of their own"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--limit", type=float, default=3600, help="seconds of fit and sample together")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the known tables")
    parser.add_argument("--environments", type=Path, default=Path("peer-environments"))
    parser.add_argument("--language-model", type=Path, help="folder of distilgpt2, for be-great")
    parser.add_argument("--results", type=Path, default=Path("peers.jsonl"))
    parser.add_argument("--retry", action="store_true", help="run again what failed before")
    parser.add_argument("--draw", action="store_true", help="measure nothing")
    parser.add_argument("--markdown", type=Path, help="a page to write the tables into")
    arguments = parser.parse_args()
    console = Console()
    results = read_results(arguments.results)
    machine = describe_machine("torch", "cpu")
    for table, peer, seed in [] if arguments.draw else list(to_do(arguments, results)):
        console.print(f"{table}: {PEERS[peer].label}, seed {seed}")
        result = {"table": table, "peer": peer, "seed": seed, "limit": arguments.limit, "machine": machine}
        result.update(run_peer(PEERS[peer], table, seed, arguments))
        with arguments.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
        if "failed" in result:
            console.print(f"  {result['failed']}", style="yellow")
    results = read_results(arguments.results)
    for table in arguments.tables:
        console.print(terminal(results, table))
    if arguments.markdown and results:
        told = f"{results[-1]['machine']['processor']}, {results[-1]['machine']['cores']} cores."
        update(arguments.markdown, markdown(results, arguments.tables, told), marks("peers", "bench_peers.py"))


if __name__ == "__main__":
    main()
