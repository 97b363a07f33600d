"""How many rows of each generator break a rule between columns, and what keeping the rules costs.

    python scripts/bench_rules_kept.py                                # a table of orders with nine planted rules
    python scripts/bench_rules_kept.py flights.csv --rows 1000000 --models nano tvae
    python scripts/bench_rules_kept.py --rows 1000000 --steps 200 --json kept.json

Each generator is fitted twice, with the rules that are found in the table and without, and makes --rows rows of each, a
part of one and a part of the other in turns; both are checked by the same rules. 1 % of the orders' cells are missing.
Rows/s are those of a second of the processor. One process, the device that `tabllm doctor` names.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from tabllm import create
from tabular import infer_schema, read_table, to_arrays
from tabular.rules import with_rules
from tabular.schema import Schema

MODELS = ("nano", "tabcascade", "tvae", "ctgan", "tabddpm")
#: Country of each city of the orders.
PLACES = {"Berlin": "DE", "Bonn": "DE", "Paris": "FR", "Lyon": "FR", "Rome": "IT", "Milan": "IT"}


def orders(rows: int, missing: float = 0.01) -> pd.DataFrame:
    """Orders of a shop: dates in order, totals, an age, a city's country, a group of flags; 1 % of cells missing."""
    rng = np.random.default_rng(0)
    ordered = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 500, rows), unit="D")
    shipped = ordered + pd.to_timedelta(rng.integers(0, 4, rows), unit="D")
    price, quantity = np.round(rng.lognormal(2, 0.7, rows), 2), rng.integers(1, 9, rows)
    city, views = rng.choice(list(PLACES), rows), rng.integers(1, 900, rows)
    born, device = rng.integers(1950, 2006, rows), rng.integers(0, 4, rows)
    table = pd.DataFrame(
        {
            "ordered": ordered.strftime("%Y-%m-%d"),
            "shipped": shipped.strftime("%Y-%m-%d"),
            "price": price,
            "quantity": quantity,
            "total": np.round(price * quantity, 2),
            "city": city,
            "country": [PLACES[name] for name in city],
            "views": views,
            "clicks": rng.binomial(views, 0.2),
            "birth_year": born,
            "age": 2026 - born,
            "web": (device == 0).astype(int),
            "app": (device == 1).astype(int),
            "shop": (device == 2).astype(int),
            "month": ordered.month,
        }
    )
    return table.mask(rng.random(table.shape) < missing) if missing else table


def measure(
    model: str, table: pd.DataFrame, schemas: Mapping[str, Schema], rows: Mapping[str, int], options: Mapping[str, Any]
) -> list[dict]:
    """A fit with each of ``schemas``, and its number of ``rows``, made in turns, checked by the first one's rules."""
    checked = next(iter(schemas.values()))
    found, batches = [], []
    for name, schema in schemas.items():
        start = time.perf_counter()
        fitted = create(model, seed=0, **options).fit(table, schema=schema)
        took = time.perf_counter() - start
        batches.append(fitted.sample_batches(rows[name], refine=False))
        broken = dict.fromkeys((rule.text for rule in checked.rules), 0)
        found.append({"model": model, "rules": name, "rows": 0, "fit_seconds": took, "seconds": 0.0, "broken": broken})
    while any(result["rows"] < rows[result["rules"]] for result in found):
        # In turns, and by the processor's clock: what else the machine does slows both alike.
        for result, made in zip(found, batches, strict=True):
            start = time.process_time()
            part = next(made, None)
            if part is None:
                continue
            result["seconds"] += time.process_time() - start
            result["rows"] += len(part)
            arrays = to_arrays(part, checked, unseen="missing")  # once, where Rule.check would do so for each rule
            for rule in checked.rules:
                result["broken"][rule.text] += int((~rule.kept(arrays, checked)).sum())
    for result in found:
        result["rows_per_second"] = result["rows"] / result.pop("seconds")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", nargs="?", help="a file; default: generated orders")
    parser.add_argument("--learned", type=int, default=10_000, help="rows to learn, at most (default: 10,000)")
    parser.add_argument("--rows", type=int, default=100_000, help="rows to make (default: 100,000)")
    parser.add_argument("--without", type=int, help="rows to make without rules (default: as many)")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--steps", type=int, help="updates of each fit (default: the generator's own)")
    parser.add_argument("--sampling-steps", type=int, help="of tabddpm (default: all of its diffusion)")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    table = read_table(arguments.table) if arguments.table else orders(arguments.learned)
    if len(table) > arguments.learned:
        table = table.sample(arguments.learned, random_state=0).reset_index(drop=True)
    plain = infer_schema(table)
    start = time.perf_counter()
    ruled = with_rules(table, plain)
    console = Console()
    console.print(f"{len(ruled.rules)} rules found in {time.perf_counter() - start:.2f} s:")
    for rule in ruled.rules:
        console.print(f"  {rule.text}", markup=False, highlight=False)
    shown = Table("model", "rules", "fit s", "rows/s", "rows x rules broken", "broken most")
    schemas = {"kept": ruled, "none": replace(plain, rules=())}
    rows = {"kept": arguments.rows, "none": arguments.rows if arguments.without is None else arguments.without}
    results: list[dict] = []
    for model in arguments.models:
        options = {} if arguments.steps is None else {"steps": arguments.steps}
        if model == "tabddpm" and arguments.sampling_steps is not None:
            options["sampling_steps"] = arguments.sampling_steps
        found = measure(model, table, schemas, rows, options)
        results += found
        for result in found:
            broken = result["broken"]
            worst = max(broken, key=broken.__getitem__, default="")
            most = f"{worst}: {broken[worst]:,}" if broken and broken[worst] else ""
            shown.add_row(
                model,
                result["rules"],
                f"{result['fit_seconds']:.1f}",
                f"{result['rows_per_second']:,.0f}",
                f"{sum(broken.values()):,}",
                most,
            )
    console.print(shown)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
