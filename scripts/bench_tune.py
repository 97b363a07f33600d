#!/usr/bin/env python3
"""Does `tabllm tune` find settings that are better than the defaults, on seeds and rows that it never saw?

    python scripts/bench_tune.py ctgan tabddpm --trials 40 --minutes 30
    python scripts/bench_tune.py tvae --trials 6 --rows 3000 --seeds 100 --only trial      # a quick look

For each model: a search on Adult's train part, then fits with the default and with the found settings, in turn, to all
of the train part, with the seeds --seeds that no trial had. Both are judged as trials are, by the score of
`tabllm.tuning.judging`, but on Adult's test part, which neither the search nor a fit ever saw.

Two lengths are compared: `trial` trains both as long as a trial of the search, `whole` as long as `tabllm fit` would:
the default for the model's own length, the found settings for as many passes over the rows. The search saw
trainings of the first length alone (unless --confirm), so only the first comparison is like against like; the second
is what a user gets. Adult is the bundled table. The search lies in --out and goes on from there when the same command
is given again; so do the fits, in a file of results beside it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from tabllm.bench.machine import describe_machine
from tabllm.demo import TARGET, load_adult
from tabllm.tuning.judging import Facts, Judge, score_of
from tabllm.tuning.length import length_for, length_of_fit
from tabllm.tuning.study import run_search
from tabllm.tuning.tables import front_table, written
from tabllm.tuning.trials import Found, Search
from tabular import infer_schema
from tabular.progress import RichReporter
from tabular.registry import create

#: What is compared, and how many digits of it are shown.
FIGURES = {
    "score": 4,
    "fidelity": 4,
    "utility": 4,
    "privacy": 4,
    "detection": 4,
    "trend": 2,
    "auc": 4,
    "fit_seconds": 0,
}


def searched(model: str, table: pd.DataFrame, arguments: argparse.Namespace) -> Found:
    """The search, or what is left to do of it."""
    search = Search(model, TARGET, arguments.search_seed, arguments.share, repeats=arguments.repeats)
    # Minutes are of all calls together: a search that had its time is not given more of it.
    spent = arguments.out / f"{model}.minutes"
    before = float(spent.read_text()) if spent.exists() else 0.0
    minutes = None if arguments.minutes is None else max(arguments.minutes - before, 1e-6)
    started = time.monotonic()
    try:
        return run_search(
            table,
            search,
            arguments.out / model,
            trials=arguments.trials,
            minutes=minutes,
            confirm=arguments.confirm,
            progress=RichReporter(),
        )
    finally:
        spent.write_text(f"{before + (time.monotonic() - started) / 60:.3f}")


def options_for(found: Found, rows: int, length: str) -> dict[str, dict[str, Any]]:
    """The options of the default and of the found settings, for a training of ``length``."""
    model, no_length = found.search.model, {"epochs": None, "steps": None, "fixed": {}}
    tuned = {name: value for name, value in found.settings.items() if name != "epochs"}
    if length == "trial":
        same = length_for(model, rows, share=found.share, **no_length).part(1.0)
        return {"default": same, "tuned": {**tuned, **same}}
    return {"default": {}, "tuned": {**tuned, **length_of_fit(model, rows, tuned, **no_length)}}


def measured(model: str, options: dict[str, Any], seed: int, train: pd.DataFrame, judge: Judge) -> dict[str, Any]:
    """One fit, one sample, one judgement."""
    started = time.perf_counter()
    learned = create(model, seed=seed, **options).fit(train, schema=judge.schema, progress=RichReporter())
    fitted = time.perf_counter()
    facts = judge.measure(learned.sample(len(judge.validation)))
    return {"fit_seconds": fitted - started, "facts": vars(facts)}


def figures(result: dict[str, Any]) -> dict[str, float | None]:
    facts = Facts(**result["facts"])
    scores = score_of(facts, Search.utility_weight)
    return {
        **scores.to_dict(),
        "detection": facts.detection,
        "trend": facts.trend_error_percent,
        "auc": facts.synthetic,
        "fit_seconds": result["fit_seconds"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["ctgan", "tabddpm"])
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=30.0, help="of each search, confirming apart")
    parser.add_argument("--share", type=float, help="of the model's own training that a trial gets")
    parser.add_argument("--repeats", type=int, default=1, help="fits of each trial")
    parser.add_argument("--confirm", type=int, default=0, help="best trials that are confirmed in full length")
    parser.add_argument("--search-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102], help="of the comparison")
    parser.add_argument("--only", nargs="+", choices=["trial", "whole"], default=["trial", "whole"])
    parser.add_argument("--rows", type=int, help="of the train part, drawn at random, for a quick look")
    parser.add_argument("--out", type=Path, default=Path("bench-tune"))
    arguments = parser.parse_args()
    searched_seeds = range(arguments.search_seed, arguments.search_seed + arguments.repeats + 1)
    if set(arguments.seeds) & set(searched_seeds):
        parser.error(f"--seeds must be none of {list(searched_seeds)}, which the search uses")
    arguments.out.mkdir(parents=True, exist_ok=True)
    console = Console(width=120)
    train, test = load_adult("train"), load_adult("test")
    if arguments.rows:
        train = train.sample(arguments.rows, random_state=0).reset_index(drop=True)
    judge = Judge(train, test, infer_schema(train), target=TARGET, utility_weight=Search.utility_weight, seed=0)
    results = arguments.out / "results.jsonl"
    lines = results.read_text().splitlines() if results.exists() else []
    known = {found["key"]: found for found in map(json.loads, lines)}
    for model in arguments.models:
        found = searched(model, train, arguments)
        console.print(f"\n[bold]{model}[/]: {written(found.settings) or 'the default is the best'}")
        for note in front_table(found).notes:
            console.print(f"- {note}", highlight=False)
        for length in arguments.only:
            pairs: dict[str, list[dict[str, float | None]]] = {"default": [], "tuned": []}
            for seed in arguments.seeds:
                for side, options in options_for(found, len(train), length).items():
                    key = json.dumps([model, seed, len(train), options])
                    if key not in known:
                        known[key] = {"key": key, **measured(model, options, seed, train, judge)}
                        with results.open("a") as file:
                            file.write(json.dumps(known[key]) + "\n")
                    pairs[side].append(figures(known[key]))
            draw(console, model, length, arguments.seeds, pairs)
    machine = describe_machine("torch", "cpu")
    console.print(f"{machine['device_name']}, {machine['cores']} cores, torch {machine['engine_version']}.")


def draw(console: Console, model: str, length: str, seeds: list[int], pairs: dict[str, list[dict[str, Any]]]) -> None:
    """Means over the seeds, each seed's difference, and on how many seeds the found settings were ahead."""
    table = Table(title=f"{model}, trained as long as a {'trial' if length == 'trial' else 'fit'}")
    for header in ("figure", "default", "tuned", "difference", *(f"seed {seed}" for seed in seeds), "ahead"):
        table.add_column(header, justify="left" if header == "figure" else "right")
    for name, decimals in FIGURES.items():
        both = [(a[name], b[name]) for a, b in zip(pairs["default"], pairs["tuned"], strict=True)]
        if any(value is None for pair in both for value in pair):
            continue
        differences = [b - a for a, b in both]
        lower = name in ("trend", "fit_seconds")
        ahead = sum((d < 0) if lower else (d > 0) for d in differences)
        means = [statistics.fmean(side) for side in zip(*both, strict=True)]
        cells = [f"{mean:,.{decimals}f}" for mean in means]
        signed = [f"{d:+,.{decimals}f}" for d in (means[1] - means[0], *differences)]
        table.add_row(name, *cells, *signed, f"{ahead} of {len(both)}")
    console.print(table)


if __name__ == "__main__":
    main()
