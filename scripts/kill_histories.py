#!/usr/bin/env python3
"""Sample many events of users to Parquet, kill it twice, and see that the file is that of an uninterrupted run.

    python scripts/kill_histories.py                                  # 1,000,000 events, killed twice
    python scripts/kill_histories.py --events 50000 --part-rows 8192

A log of 2,000 simulated users is learned first (--steps updates of each model). Each kill (SIGKILL) comes at a random
moment after another part was written; then the same command runs again. Times and the highest resident memory of each
process are printed, and the last line says whether the files are equal, row by row.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS=os.environ.get("OMP_NUM_THREADS", "2"), HF_HUB_OFFLINE="1")

import argparse
import importlib
import json
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from kill_test import command, digest, forked, names

IMPORTS = ["pandas", "torch", "pyarrow.parquet", "tabllm.cli.main", "tabllm.sequences.model", "rich.progress"]


def make_log(path: Path) -> None:
    """Visits of 2,000 users of a shop, written by user."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(1)
    counts = 1 + rng.poisson(rng.gamma(1.0, 5.0, 2000))
    user = np.repeat(np.arange(2000), counts)
    days = rng.exponential(9, len(user)).cumsum()
    days = (days - np.repeat(days[np.cumsum(counts) - counts], counts) + rng.integers(0, 30, 2000)[user]) % 180
    price = rng.choice([5, 20, 80], 2000)[user] * rng.integers(1, 4, len(user))
    table = pd.DataFrame({"user_id": [f"u{number:05d}" for number in user]})
    table["time"] = pd.Timestamp("2026-03-02") + pd.to_timedelta((days * 86_400).astype(int), "s")
    table["country"] = rng.choice(["de", "fr", "it"], 2000)[user]
    table["page"] = rng.choice(["home", "product", "cart", "paid"], len(user), p=[0.4, 0.4, 0.15, 0.05])
    table.assign(price=price).sort_values(["user_id", "time"]).to_csv(path, index=False)


def finished(child: int, started: float, label: str) -> int:
    """Wait for ``child``; its exit code."""
    _, status, used = os.wait4(child, 0)
    print(f"{label}: {time.monotonic() - started:,.0f} s, peak {used.ru_maxrss / 1024**2:.2f} GiB", flush=True)
    return os.waitstatus_to_exitcode(status)


def killed(work: Callable[[], None], folder: Path, rng: random.Random, parts: int, label: str) -> int:
    """Run ``work`` and kill it within the making of the part after so many; parts that are there then."""
    started = time.monotonic()
    child = forked(work, folder)
    took, before = 0.0, started
    while (there := parts_of(folder)) < parts:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            raise SystemExit(f"It ended before {parts} parts were there: take more events, or smaller --part-rows.")
        time.sleep(0.01)
    took = (time.monotonic() - before) / max(there, 1)
    time.sleep(rng.random() * 0.8 * took)
    os.kill(child, signal.SIGKILL)
    finished(child, started, label)
    return parts_of(folder)


def parts_of(folder: Path) -> int:
    """Parts of an unfinished file."""
    return sum(".partial/" in name and name.endswith(".parquet") for name in names(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="about so many are made")
    parser.add_argument("--part-rows", type=int, help="rows of a part; as the package has it if absent")
    parser.add_argument("--steps", type=int, default=400, help="with far fewer, events are drawn again and again")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("kill-histories"), help="where it lies; an empty one")
    given = parser.parse_args()
    base: Path = given.folder.resolve()
    for name in ("whole", "killed"):
        (base / name).mkdir(parents=True)
    for module in IMPORTS:
        importlib.import_module(module)
    if given.part_rows:
        importlib.import_module("tabllm.sequences.model").PART_ROWS = given.part_rows  # forks take it over
    make_log(base / "log.csv")
    fit = f"fit {{base}}/log.csv --by user_id --time time --steps {given.steps} -o {{base}}/run"
    if finished(forked(command(fit, base), base / "whole"), time.monotonic(), "fit"):
        raise SystemExit(f"The fit failed; see {base / 'whole.txt'}.")
    facts = json.loads((base / "run" / "config.json").read_text())["fit"]
    users = round(given.events * facts["users"] / facts["events"])
    work = command(f"sample {{base}}/run -n {users} -o out.parquet --seed {given.seed}", base)
    if finished(forked(work, base / "whole"), time.monotonic(), "uninterrupted"):
        raise SystemExit(f"It failed; see {base / 'whole.txt'}.")
    rng, there = random.Random(given.seed), 0
    for turn in (1, 2):
        there = killed(work, base / "killed", rng, there + 1, f"killed, {turn}")
        print(f"  {there} parts are there", flush=True)
    if finished(forked(work, base / "killed"), time.monotonic(), "the rest"):
        raise SystemExit(f"The last call failed; see {base / 'killed.txt'}.")
    import pyarrow.parquet as pq

    rows = pq.read_metadata(base / "whole" / "out.parquet").num_rows
    equal = digest(base / "whole", ("out.parquet",)) == digest(base / "killed", ("out.parquet",))
    print(f"{rows:,} events of {users:,} users; equal: {equal}")
    raise SystemExit(0 if equal else 1)


if __name__ == "__main__":
    main()
