"""Fits and judges a table by parts under a bound of memory, and prints peak memory and seconds.

    python scripts/make_big_table.py ../shared/data/adult/adult_train.csv.gz big.csv --gigabytes 2
    python scripts/bench_streams.py big.csv --max-memory 3GB

Each command is a process of its own, whose peak of resident memory the system tells. Then the schema of the run is
compared with that of the first rows of the file in memory (``--in-memory ROWS``).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from tabular import Schema, infer_schema, read_table
from tabular.io.reading import check_table


def measured(name: str, *command: str) -> dict[str, float | str]:
    """Run ``command``; its seconds, and its peak of resident memory in GB."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "tabllm", *command])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"tabllm {' '.join(command)} ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kB elsewhere
    figures = {
        "command": name,
        "seconds": round(time.perf_counter() - started, 1),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_gb": round(used.ru_maxrss * unit / 1e9, 2),
    }
    print(json.dumps(figures), flush=True)
    return figures


def differences(streamed: Schema, whole: Schema) -> list[str]:
    """What the two schemas disagree in, beside notes and the number of rows."""
    found = []
    for column, other in zip(streamed, whole, strict=True):
        for field in (
            "name",
            "kind",
            "dtype",
            "minimum",
            "maximum",
            "decimals",
            "categories",
            "atoms",
            "format",
            "grain",
        ):
            one, two = getattr(column, field), getattr(other, field)
            if one != two:
                found.append(f"{column.name}.{field}: {str(one)[:60]} by parts, {str(two)[:60]} in memory")
    return found


def head_of(data: Path, rows: int, target: Path) -> Path:
    """The first ``rows`` rows of a CSV without line breaks in its cells, as a file of their own."""
    with data.open("rb") as source, target.open("wb") as file:
        file.writelines(islice(source, rows + 1))
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--max-memory", default="3GB")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--steps", default=None, help="updates (default: the generator's own)")
    parser.add_argument("--rows", default="200000", help="synthetic rows to judge (default: %(default)s)")
    parser.add_argument("--in-memory", type=int, default=500_000, help="rows of the comparison of schemas; 0: none")
    given = parser.parse_args()
    data, steps = str(given.data.resolve()), ["--steps", given.steps] if given.steps else []
    bound = ["--max-memory", given.max_memory]
    with tempfile.TemporaryDirectory(prefix="bench-streams-", dir=given.data.resolve().parent) as folder:
        run, made = f"{folder}/run", f"{folder}/synthetic.csv"
        measured("fit", "fit", data, "-m", given.model, "-o", run, *steps, *bound)
        measured("sample", "sample", run, "-n", given.rows, "-o", made)
        measured("eval", "eval", data, made, "--json", f"{folder}/report.json", *bound)
        if given.in_memory:
            few = head_of(given.data, given.in_memory, Path(folder) / "few.csv")
            measured("fit of few", "fit", str(few), "-o", f"{folder}/few", "--steps", "2", "--max-memory", "1MB")
            whole = infer_schema(check_table(read_table(few)))
            found = differences(Schema.from_json(f"{folder}/few/schema.json"), whole)
            print(json.dumps({"rows": given.in_memory, "schema_differences": found}))


if __name__ == "__main__":
    main()
