#!/usr/bin/env python3
"""How the cost of a fit and a sample grows with rows, columns and categories: CPU seconds and peak memory.

    python scripts/bench_growth.py                                # nano, all three; goes on where it was stopped
    python scripts/bench_growth.py --grow columns --models nano tvae
    python scripts/bench_growth.py --draw docs                    # the table and the plot of what was measured

Each point is one process of one thread that reads a CSV file of made rows, fits with 20 updates and draws 1,000 rows:
what is drawn is the growth of each part, not how long a whole fit takes. CPU seconds are hardly changed by other work
on the machine. Columns are numbers, categories, dates and flags in turn,
which depend on a few hidden ones. Results go to growth.json; a point that stands there is not measured again.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

#: What grows -> its sizes, and the table of (rows, columns, categories) that has a size.
SIZES: dict[str, tuple[int, ...]] = {
    "rows": (1_000, 10_000, 100_000, 1_000_000, 10_000_000),
    "columns": (5, 10, 30, 100, 300, 1_000),
    "categories": (2, 10, 100, 1_000, 10_000, 100_000),
}
TABLES = {
    "rows": lambda size: (size, 10, 10),
    "columns": lambda size: (500, size, 10),
    "categories": lambda size: (200_000, 5, size),
}
STEPS, DRAWN = 20, 1_000
#: Measured parts, in seconds, and how they are named in the table.
PARTS = {"read": "reading", "prepare": "schema, rules, codec", "train": f"{STEPS} updates", "sample": f"{DRAWN:,} rows"}
COLOURS = {"read": "#7f8c8d", "prepare": "#2471a3", "train": "#c0392b", "sample": "#1e8449", "peak_mb": "#7d3c98"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grow", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--models", nargs="+", default=["nano"])
    parser.add_argument("--most", type=int, default=10**9, help="sizes beyond this are left out")
    parser.add_argument("--results", type=Path, default=Path("growth.json"))
    parser.add_argument("--draw", type=Path, metavar="FOLDER", help="write growth.md and assets/growth.svg there")
    parser.add_argument("--point", nargs=2, metavar=("MODEL", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.point:
        print(json.dumps(measured(arguments.point[0], Path(arguments.point[1]))))
        return
    results: dict[str, Any] = json.loads(arguments.results.read_text()) if arguments.results.exists() else {}
    for model in arguments.models:
        for grows in arguments.grow:
            for size in SIZES[grows]:
                key = f"{model} {grows} {size}"
                if size <= arguments.most and key not in results and arguments.draw is None:
                    results[key] = point(model, TABLES[grows](size))
                    arguments.results.write_text(json.dumps(results, indent=1))
                    print(key, results[key], flush=True)
    if arguments.draw is not None:
        (arguments.draw / "assets" / "growth.svg").write_text(plot(results))
        (arguments.draw / "growth.md").write_text(page(arguments.draw / "growth.md", results))


def made(rows: int, columns: int, categories: int) -> pd.DataFrame:
    """A table of numbers, categories, dates and flags that follow eight hidden numbers."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(rows, 8))
    names = np.array([f"value {number}" for number in range(categories)])
    found: dict[str, Any] = {}
    for place in range(columns):
        x = hidden @ (rng.normal(size=8) * (rng.random(8) < 0.4)) + rng.normal(size=rows)
        kind = place % 5
        if kind == 0:
            rank = x.argsort().argsort() / rows
            cells: Any = names[np.minimum((rank**2 * categories).astype(int), categories - 1)]
        elif kind == 1:
            cells = (20 * x + 50).round(2)
        elif kind == 2:
            cells = np.exp(x + 4).astype(int)
        elif kind == 3:
            days = pd.to_timedelta((200 * x + 2000).clip(0).astype(int), unit="D")
            cells = (pd.Timestamp("2020-01-01") + days).strftime("%Y-%m-%d")
        else:
            cells = np.where(x > 0, "yes", "no")
        found[f"c{place:04d}"] = cells
    return pd.DataFrame(found)


def point(model: str, shape: tuple[int, int, int]) -> dict[str, Any]:
    """What a process of its own, with one thread, measures of a table of this shape."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "made.csv"
        made(*shape).to_csv(file, index=False)
        command = [sys.executable, __file__, "--point", model, str(file)]
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
        )
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1:]}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def peak_megabytes() -> float:
    """The most memory of this process alone; on Linux ``ru_maxrss`` begins with that of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = (line.split() for line in status.read_text().splitlines())
        return next(int(line[1]) for line in lines if line[0] == "VmHWM:") / (1 << 10)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


def measured(model: str, file: Path) -> dict[str, float]:
    """Seconds of each part, and the most memory that the process had."""
    import torch

    import tabllm  # noqa: F401 (registers the generators)
    from tabular import read_table
    from tabular.progress import Reporter, Task
    from tabular.registry import create

    class Clock(Reporter):
        """CPU seconds of the updates of a fit."""

        seconds = 0.0

        @contextmanager
        def task(self, label: str, total: float, unit: str) -> Iterator[Task]:
            began = time.process_time()
            yield Task()
            if unit == "steps":
                self.seconds += time.process_time() - began

    torch.set_num_threads(1)
    generator, clock = create(model, steps=STEPS), Clock()
    started = time.process_time()
    table = read_table(file)
    read = time.process_time() - started
    generator.fit(table, progress=clock)
    fitted, trained = time.process_time() - started - read, clock.seconds
    generator.sample(DRAWN)
    sampled = time.process_time() - started - read - fitted
    peak = peak_megabytes()
    found = {"read": read, "prepare": fitted - trained, "train": trained, "sample": sampled, "peak_mb": peak}
    return {name: round(value, 3) for name, value in found.items()}


def series(results: Mapping[str, Any], model: str, grows: str) -> list[tuple[int, dict[str, float]]]:
    """The measured points of one curve, by size."""
    keys = [(size, f"{model} {grows} {size}") for size in SIZES[grows]]
    return [(size, results[key]) for size, key in keys if key in results and "failed" not in results[key]]


def page(file: Path, results: Mapping[str, Any]) -> str:
    """The text of the page with its tables made anew, which stand after the line that begins with ``<!-- measured``."""
    text = file.read_text() if file.exists() else "# How cost grows\n\n<!-- measured by scripts/bench_growth.py -->\n"
    head, mark, _ = text.partition("<!-- measured")
    lines = [mark + " by scripts/bench_growth.py -->", ""]
    for model in models(results):
        for grows in SIZES:
            if not (found := series(results, model, grows)):
                continue
            heads = " | ".join([grows, *PARTS.values(), "peak memory"])
            lines += [f"`{model}`, growing {grows}:", "", f"| {heads} |"]
            lines += ["|---:" * (len(PARTS) + 2) + "|"]
            for size, values in found:
                seconds = " | ".join(f"{values[part]:.2f} s" for part in PARTS)
                lines.append(f"| {size:,} | {seconds} | {values['peak_mb']:,.0f} MB |")
            lines.append("")
    return head + "\n".join(lines).rstrip() + "\n"


def models(results: Mapping[str, Any]) -> list[str]:
    return sorted({key.split()[0] for key in results})


def plot(results: Mapping[str, Any], width: int = 300, height: int = 260) -> str:
    """One panel for each thing that grows, both axes logarithmic, as SVG; the first model alone."""
    model = models(results)[0]
    panels = []
    for place, grows in enumerate(SIZES):
        if found := series(results, model, grows):
            panels.append(f'<g transform="translate({place * width},0)">{panel(grows, found, width, height)}</g>')
    legend = "".join(
        f'<text x="{20 + 170 * place}" y="{height + 22}" fill="{COLOURS[part]}">{name}</text>'
        for place, (part, name) in enumerate([*PARTS.items(), ("peak_mb", "peak memory, GB")])
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {3 * width} {height + 34}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/>{"".join(panels)}{legend}</svg>\n'
    )


def panel(grows: str, found: Sequence[tuple[int, Mapping[str, float]]], width: int, height: int) -> str:
    left, right, top, bottom = 44, 12, 24, 34
    low, high = math.log10(found[0][0]), math.log10(found[-1][0])

    def x(size: float) -> float:
        return left + (math.log10(size) - low) / max(high - low, 1e-9) * (width - left - right)

    def y(value: float) -> float:  # 0.01 to 1,000 s or GB
        return height - bottom - (math.log10(max(value, 0.01)) + 2) / 5 * (height - top - bottom)

    parts = [f'<text x="{width / 2}" y="15" text-anchor="middle" font-weight="bold">{grows}</text>']
    for power in range(-2, 4):
        line = y(10.0**power)
        parts.append(f'<path d="M{left},{line:.1f}H{width - right}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 5}" y="{line + 4:.1f}" text-anchor="end" fill="#555">{10.0**power:g}</text>')
    for size, _ in found:
        label = f"1e{math.log10(size):.0f}" if size >= 10_000 else f"{size:,}"
        parts.append(f'<text x="{x(size):.1f}" y="{height - 16}" text-anchor="middle" fill="#555">{label}</text>')
    for name, colour in COLOURS.items():
        values = [(size, one[name] / (1000 if name == "peak_mb" else 1)) for size, one in found]
        points = " ".join(f"{x(size):.1f},{y(value):.1f}" for size, value in values)
        dash = ' stroke-dasharray="4 3"' if name == "peak_mb" else ""
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
    return "".join(parts)


if __name__ == "__main__":
    main()
