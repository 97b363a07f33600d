#!/usr/bin/env python3
"""Write visits.csv and visits-test.csv, a small made-up table of visits, to try the commands of the documentation on.

    python scripts/make_visits.py                   # 1,200 and 400 rows, in this folder
    python scripts/make_visits.py --rows 20000 --folder tables

Nothing in it was measured. About one visit in eight was clicked: more often at night, on phones and by the young.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd


def visits(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = np.clip(rng.normal(38, 13, rows), 18, 80).round()
    device = rng.choice(["android", "desktop", "ios"], rows, p=[0.45, 0.3, 0.25])
    hour = rng.integers(24, size=rows)
    day = pd.Timestamp("2026-03-02") + pd.to_timedelta(np.sort(rng.integers(28, size=rows)), unit="D")
    logit = -3.2 - 0.05 * (age - 38) + 1.2 * (device != "desktop") + 0.9 * (hour >= 20)
    return pd.DataFrame(
        {
            "day": day.strftime("%Y-%m-%d"),
            "hour": hour,
            "age": np.where(rng.random(rows) < 0.05, np.nan, age),
            "device": device,
            "city": rng.choice(["Lyon", "Porto", "Turin", "Ghent"], rows, p=[0.4, 0.3, 0.2, 0.1]),
            "spend": rng.gamma(2, 20, rows).round(2),
            "clicked": (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(int),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_200)
    parser.add_argument("--folder", type=Path, default=Path())
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, rows, seed in (("visits.csv", arguments.rows, 0), ("visits-test.csv", arguments.rows // 3, 1)):
        visits(rows, seed).to_csv(arguments.folder / name, index=False)
        print(f"Wrote {arguments.folder / name}: {rows:,} made-up rows.")


if __name__ == "__main__":
    main()
