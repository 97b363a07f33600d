"""Fit, sample, eval and impute in turns over generated tables, in one process, and watch the memory.

    python scripts/soak.py --minutes 60

Each round makes another table (numbers, categories, dates, text, missing cells; 300 to 3,000 rows) and does all four
with a generator of the list. A line a round: minute, round, generator, resident memory. At the end the growth between
minute 5 and the last one, by the medians of a minute each, or the round that ended next; exit code 1 if it is more
than 5 %.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import psutil

import tabllm  # noqa: F401, which brings nano
from eval import compare
from tabular.registry import create, load_run

#: Options of a fit that is short: what grows is sought, not what is good.
GENERATORS = {"nano": {"steps": 10}, "tvae": {"epochs": 2}, "ctgan": {"epochs": 2}, "tabddpm": {"epochs": 2}}
#: Minutes that do not count: libraries are loaded, caches filled.
WARM = 5.0
MOST_GROWTH = 0.05


def table_of(round_: int) -> pd.DataFrame:
    """Another table each round; columns, rows and categories vary."""
    rng = np.random.default_rng(round_)
    rows = int(rng.integers(300, 3_000))
    columns: dict[str, object] = {"id": np.arange(rows) + 1}
    for place in range(int(rng.integers(2, 8))):
        columns[f"number {place}"] = np.where(rng.random(rows) < 0.1, np.nan, rng.gamma(2, 20, rows).round(2))
        columns[f"category {place}"] = rng.choice([f"c{k}" for k in range(int(rng.integers(2, 60)))], rows)
    columns["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 700, rows), unit="D")
    columns["text"] = [f"note {k}" for k in rng.integers(0, 10**6, rows)]
    return pd.DataFrame(columns)


def one_round(round_: int, folder: Path) -> str:
    """All four commands' work on one table; the generator's name."""
    name = list(GENERATORS)[round_ % len(GENERATORS)]
    table = table_of(round_)
    run = folder / "run"
    create(name, device="cpu", seed=round_, **GENERATORS[name]).fit(table).save(run)
    model = load_run(run, device="cpu")
    made = model.sample(len(table), seed=round_)
    compare(table, made)
    if name == "nano":
        holes = table.copy()
        holes.loc[holes.index[::7], "category 0"] = None
        assert not model.impute(holes)["category 0"].isna().any()
    return name


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--json", type=Path, help="file for all readings")
    options = parser.parse_args()
    process, begin = psutil.Process(), time.monotonic()
    readings: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as made:
        for round_ in count():
            name = one_round(round_, Path(made))
            gc.collect()
            minute, memory = (time.monotonic() - begin) / 60, process.memory_info().rss / 1e6
            readings.append((minute, memory))
            print(f"minute {minute:6.2f}  round {round_:4}  {name:<8} {memory:8,.1f} MB", flush=True)
            if minute >= options.minutes:
                break
    if options.json:
        options.json.write_text(json.dumps(readings))
    counted = [(minute, memory) for minute, memory in readings if minute >= WARM]
    if not counted or counted[-1][0] < WARM + 2:
        print(f"Less than {WARM + 2:g} minutes: no growth is told.")
        return 0
    first, last = counted[0][0], counted[-1][0]  # on a busy machine a round may take minutes
    early = median(memory for minute, memory in counted if minute < WARM + 1 or minute == first)
    late = median(memory for minute, memory in counted if minute > last - 1)
    growth = late / early - 1
    print(f"{early:,.1f} MB in minute {int(first)}, {late:,.1f} MB in minute {int(last)}: {growth:+.1%}")
    return int(growth > MOST_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
