#!/usr/bin/env python3
"""Rules between columns: how many planted ones are found, how many where there are none, and in what time.

    python scripts/bench_rules.py --data ../shared/data
    python scripts/bench_rules.py --shuffled 24 --json rules.json

Planted: the twelve tables of `tests/rule_tables.py` with 1 % of their cells cleared, for each seed. Shuffled: the same
tables with each column dealt anew to the rows, in which every rule that is found is a false one. Seconds are those of
the processor, for the real tables under --data and for a made-up one of 300 columns.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from real_tables import TABLES as REAL
from rule_tables import TABLES, planted_table, shuffled

from tabular import infer_schema, read_table, to_arrays
from tabular.rules import Rule, find_rules


def rules_of(table: pd.DataFrame, seed: int = 0) -> tuple[tuple[Rule, ...], float]:
    """The rules that are found, and the processor's seconds for it."""
    schema = infer_schema(table)
    arrays = to_arrays(table, schema)
    start = time.process_time()
    found = find_rules(arrays, schema, seed=seed)
    return found, time.process_time() - start


def recall(rows: int, seeds: range) -> dict[str, object]:
    """How many of the planted rules are found, and which are not."""
    count, missed = 0, []
    for seed in seeds:
        for name in TABLES:
            table, planted = planted_table(name, rows, seed=seed)
            said = {rule.text for rule in rules_of(table, seed)[0]}
            count += len(planted)
            missed += [f"{name}, seed {seed}: {texts[0]}" for texts in planted if said.isdisjoint(texts)]
    return {"planted": count, "found": count - len(missed), "recall": 1 - len(missed) / count, "missed": missed}


def false_rules(rows: int, tables: int) -> dict[str, object]:
    """What is found in shuffled tables."""
    found = []
    for number in range(tables):
        name = list(TABLES)[number % len(TABLES)]
        table = shuffled(planted_table(name, rows, seed=number)[0], number)
        found += [f"{name}, seed {number}: {rule}" for rule in rules_of(table, number)[0]]
    return {"tables": tables, "false": len(found), "rules": found}


def wide(columns: int, rows: int) -> pd.DataFrame:
    """Correlated numbers, counts, prices, dates, categories and flags; one sum and one product of them."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=(rows, 5))
    made: dict[str, object] = {}
    for place in range(columns - 2):
        z = common[:, place % 5] + rng.normal(size=rows)
        made[f"column {place}"] = (
            z.round(3),
            np.exp(1.2 * z + 3).round().astype(int),
            np.char.add("v", np.digitize(z, [-2, -1, 0, 0.5, 1]).astype(str)),
            (z > 1).astype(int),
            np.exp(z + 3).round(2),
            pd.Timestamp("2020-01-01") + pd.to_timedelta((np.exp(z) * 1e6).round(), unit="s"),
        )[place % 6]
    table = pd.DataFrame(made).mask(rng.random((rows, columns - 2)) < 0.01)
    total = table["column 1"] + table["column 7"] + table["column 13"]
    product = (table["column 1"] * table["column 4"]).round(2)
    return pd.concat([table, total.rename("sum"), product.rename("product")], axis=1)


def timed(data: Path) -> Iterator[dict[str, object]]:
    """Seconds and rules per table."""
    for name, file in REAL.items():
        if (data / name / file).exists():
            yield _timed(name, read_table(data / name / file))
    yield _timed("300 columns", wide(300, 10_000))


def _timed(name: str, table: pd.DataFrame) -> dict[str, object]:
    found, seconds = rules_of(table)
    return {
        "table": name,
        "rows": len(table),
        "columns": table.shape[1],
        "seconds": seconds,
        "rules": [rule.text for rule in found],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the real tables")
    parser.add_argument("--rows", type=int, default=1_000, help="of the planted and shuffled tables")
    parser.add_argument("--seeds", type=int, default=3, help="of the planted tables")
    parser.add_argument("--shuffled", type=int, default=200, help="how many shuffled tables")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    figures = {
        "planted": recall(options.rows, range(options.seeds)),
        "shuffled": false_rules(options.rows, options.shuffled),
        "timed": list(timed(options.data)),
    }
    console = Console()
    planted, nothing = figures["planted"], figures["shuffled"]
    console.print(f"planted rules found: {planted['found']} of {planted['planted']} (recall {planted['recall']:.3f})")
    console.print(*(f"  not found: {text}" for text in planted["missed"]), sep="\n", markup=False)
    console.print(f"rules in {nothing['tables']} shuffled tables: {nothing['false']}")
    table = Table("table", "rows", "columns", "seconds", "rules")
    for entry in figures["timed"]:
        table.add_row(
            entry["table"],
            f"{entry['rows']:,}",
            str(entry["columns"]),
            f"{entry['seconds']:.2f}",
            "\n".join(entry["rules"]),
        )
    console.print(table)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
