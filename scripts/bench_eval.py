#!/usr/bin/env python3
"""Time `eval.compare` on large tables made with numpy, and say how much memory it took at most.

    python scripts/bench_eval.py                      # 1,000,000 x 20 rows against 1,000,000, holdout 100,000
    python scripts/bench_eval.py --rows 100000 --threads 2 --protect segment

Real, synthetic and holdout are samples of one population of 12 numbers (some with gaps, with few values, with long
tails, dates), 6 categories (up to 200 values), a protected `segment` and a target of 2 % clicks that depends on some of
them; the synthetic rows are a little off. Peak memory is that of the whole process (resource.getrusage), which
holds the tables too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from eval import compare


def make_table(rows: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    """``rows`` x 20; ``shift`` moves the synthetic rows away from the real ones."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(shift, 1.0, (rows, 3))
    columns: dict[str, np.ndarray] = {}
    for i in range(6):
        mixed = hidden @ np.random.default_rng(i).normal(size=3) + rng.normal(0, 0.5, rows)
        columns[f"number_{i}"] = np.round(mixed, 3)
    columns["spend"] = np.where(rng.random(rows) < 0.6, 0.0, np.round(rng.lognormal(2, 1, rows), 2))
    columns["visits"] = rng.poisson(np.exp(0.3 * hidden[:, 0] + 1))
    columns["age"] = np.clip(rng.normal(40, 14, rows), 18, 90).astype(int)
    columns["gaps"] = np.where(rng.random(rows) < 0.2, np.nan, np.round(hidden[:, 1], 2))
    columns["duration"] = np.round(rng.exponential(60, rows), 1)
    seen = rng.integers(0, 365 * 24, rows)
    columns["seen"] = np.datetime64("2025-01-01T00", "h") + seen.astype("timedelta64[h]")
    for i, size in enumerate((2, 3, 5, 12, 50, 200)):
        weight = 1 / np.arange(1, size + 1)
        edges = np.cumsum(weight / weight.sum())
        place = np.searchsorted(edges, rng.random(rows) * 0.999)
        columns[f"category_{i}"] = np.char.add("v", place.astype(str))
    columns["segment"] = np.where(hidden[:, 2] > 0.7, "A", np.where(rng.random(rows) < 0.3, "B", "C"))
    logit = -4.6 + 0.8 * hidden[:, 0] + 0.4 * (columns["segment"] == "A") + 0.2 * (columns["visits"] > 4)
    columns["clicked"] = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(int)
    return pd.DataFrame(columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the real and of the synthetic table")
    parser.add_argument("--holdout", type=int, default=100_000)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--protect", nargs="*", default=[])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    real, synthetic = make_table(arguments.rows, 0), make_table(arguments.rows, 1, shift=0.02)
    holdout = make_table(arguments.holdout, 2)
    start, cpu_start = time.perf_counter(), time.process_time()
    report = compare(
        real, synthetic, holdout=holdout, target="clicked", protect=arguments.protect, threads=arguments.threads
    )
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is bytes there, KiB elsewhere
    facts = {
        "rows": arguments.rows,
        "columns": report.columns,
        "holdout": arguments.holdout,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
        "peak_gigabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, 2),
        "parts": report.seconds,
    }
    print(json.dumps(facts, indent=2))
    for note in report.notes:
        print("-", note)
    if arguments.json:
        arguments.json.write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main()
