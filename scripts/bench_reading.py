#!/usr/bin/env python
"""Time and memory of reading a CSV file of 1,000,000 x 15 as text, beside pandas.read_csv.

    python scripts/bench_reading.py
    python scripts/bench_reading.py --rows 100000 --repeats 5

Each reading is a process of its own. Prints two ratios: the median time over that of pandas.read_csv (at most 2), and
the memory beyond the table, at its peak, over the size of the file (below 3).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

READERS = ("pandas", "tabllm")


def write_table(path: Path, rows: int) -> None:
    """A file of 15 columns: numbers, whole numbers with gaps, prices, codes, dates, words and quoted text."""
    rng = np.random.default_rng(0)
    columns = {f"score {i}": rng.normal(size=rows).round(4) for i in range(4)}
    columns |= {f"count {i}": rng.integers(0, 10 ** (i + 2), rows) for i in range(4)}
    columns |= {f"word {i}": rng.choice(["alpha", "beta", "gamma"], rows) for i in range(2)}
    columns["when"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 10**7, rows), unit="s")
    columns["gaps"] = pd.array(np.where(rng.random(rows) < 0.1, None, rng.integers(0, 99, rows)), dtype="Int64")
    columns["price"] = np.char.mod("%.2f", rng.gamma(2, 30, rows))
    columns["zip"] = np.char.mod("%05d", rng.integers(0, 99_999, rows))
    columns["note"] = np.char.mod('size "%d", new', rng.integers(0, 99, rows))
    pd.DataFrame(columns).to_csv(path, index=False)


def measure(reader: str, path: Path) -> dict[str, float]:
    """Seconds of one reading, bytes of the table, and bytes of memory that it took at its peak."""
    import psutil

    from tabular import read_table

    # The libraries load and warm up before the clock starts.
    small = path.with_suffix(".small.csv")
    read_table(small), pd.read_csv(small)
    before = psutil.Process().memory_info().rss
    start, cpu_start = time.perf_counter(), time.process_time()
    table = read_table(path) if reader == "tabllm" else pd.read_csv(path, low_memory=False)
    elapsed, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    return {
        "seconds": elapsed,
        "cpu_seconds": cpu,
        "table_bytes": int(table.memory_usage(deep=True).sum()),
        "peak_bytes": peak_bytes() - before,
    }


def peak_bytes() -> int:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.file)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        write_table(path, options.rows)
        write_table(path.with_suffix(".small.csv"), 100)
        runs: dict[str, list[dict[str, float]]] = {reader: [] for reader in READERS}
        for _ in range(options.repeats):
            for reader in READERS:  # in turns: other work on the machine meets both
                command = [sys.executable, __file__, "--measure", reader, "--file", str(path)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                runs[reader].append(json.loads(done.stdout))
        seconds = {reader: statistics.median(run["seconds"] for run in found) for reader, found in runs.items()}
        cpu = {reader: statistics.median(run["cpu_seconds"] for run in found) for reader, found in runs.items()}
        size = path.stat().st_size
        beyond = max(run["peak_bytes"] - run["table_bytes"] for run in runs["tabllm"])
    print(f"{options.rows:,} x 15, {size / 1e6:,.0f} MB")
    print(f"pandas.read_csv {seconds['pandas']:.2f} s, tabllm {seconds['tabllm']:.2f} s")
    ratio, of_cpu = seconds["tabllm"] / seconds["pandas"], cpu["tabllm"] / cpu["pandas"]
    print(f"time ratio {ratio:.2f} (at most 2), of processor time {of_cpu:.2f}")
    print(f"memory beyond the table {beyond / size:.2f} x the file (below 3)")


if __name__ == "__main__":
    main()
