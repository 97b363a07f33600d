"""Writes a CSV of any size: a table repeated with noise, such as Adult to 20 GB.

    python scripts/make_big_table.py ../shared/data/adult/adult_train.csv.gz big.csv --gigabytes 2

Numbers of more than 50 distinct values get noise of a twentieth of their spread, within their bounds; one cell in a
hundred of the others is that of another row. The same call writes the same bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv

from tabular import read_table

#: Distinct values from which on a number gets noise; the noise, by its standard deviation; how many other cells change.
MANY, NOISE, CHANGED = 50, 0.05, 0.01


def noisy(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """``table`` in another order, with noise: no column is more than a little off in its distribution."""
    made = table.iloc[rng.permutation(len(table))].reset_index(drop=True)
    for name in made.columns:
        cells = made[name]
        if pd.api.types.is_integer_dtype(cells.dtype) and cells.nunique() > MANY:
            values = cells.to_numpy(np.float64)
            values = values + (values != 0) * rng.normal(0, NOISE * values.std(), len(values))
            made[name] = np.clip(np.rint(values), cells.min(), cells.max()).astype(np.int64)
        elif name not in ("education", "education-num"):  # the one goes on deciding the other
            other = np.where(
                rng.random(len(made)) < CHANGED, rng.integers(0, len(made), len(made)), np.arange(len(made))
            )
            made[name] = cells.iloc[other].to_numpy()
    return made


def write_big(source: Path, target: Path, size: int, seed: int = 0) -> int:
    """Write ``size`` bytes, or a few more, to ``target``; how many rows these are."""
    table = read_table(source)
    rows, number = 0, 0
    schema = pa.Schema.from_pandas(table, preserve_index=False)
    with target.open("wb") as file, arrow_csv.CSVWriter(file, schema) as writer:
        while file.tell() < size:
            made = noisy(table, np.random.default_rng([seed, number]))
            writer.write_table(pa.Table.from_pandas(made, schema=schema, preserve_index=False))
            rows, number = rows + len(made), number + 1
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="table to repeat")
    parser.add_argument("target", type=Path, help="CSV to write")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="size to write (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rows = write_big(given.source, given.target, int(given.gigabytes * 1e9), given.seed)
    print(f"{given.target}: {rows:,} rows, {given.target.stat().st_size / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
