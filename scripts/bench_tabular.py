#!/usr/bin/env python3
"""CTGAN, TVAE, TabDDPM and TabCascade of this package beside the packages people use, in one run on one machine.

    python scripts/bench_tabular.py --peer ctgan=/path/to/python --peer tabddpm=/path/to/python --data ../shared/data

Each peer wants an environment of its own:

    ctgan, tvae    pip install ctgan==0.12.1 torch==2.13.0
    tabddpm        pip install torch==2.13.0 pydantic loguru tqdm pandas scikit-learn opacus optuna redis cloudpickle
                   and then, with --no-deps, synthcity==0.2.12

Both sides learn the same rows with the same seed, epochs, batch and layer sizes, one process at a time and in turn, and
both are judged by the same functions of `eval`. The peers' times are those of their `fit` and `sample` alone.
Non-numeric columns are discrete for `ctgan`, as in its own examples. `pac` is each one's default, 10 there and 1 here,
which is more work and learns more from the rows. synthcity's diffusion model takes encoded columns,
so it is given ours: normal scores and codes, encoding not counted on its side and counted on ours; its T is 100 here as
in the paper (its own default is 1,000), and its rows are not judged. Calibration, which it has not, draws 20,000 rows
after training, so ours is timed without and with it.

Every measurement is written to --results as it is made; a second call goes on from there, and the tables are drawn from
that file. --only takes kinds of work: `equal` (same epochs), `default` (every generator as it comes), `diffusion`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from bench_quality import load
from rich.console import Console
from rich.table import Table

from eval.metrics.detection import detect
from eval.metrics.fidelity import column_fidelity
from eval.metrics.trends import pair_trends
from eval.models.utility import measure_utility
from eval.preparing.tables import load_tables
from tabllm.bench.machine import describe_machine
from tabular import infer_schema, to_arrays
from tabular.neural.encoding.encoder import TableEncoder
from tabular.registry import create

#: Passes over the rows where both sides are given the same.
EQUAL_EPOCHS = {"adult": 20, "shoppers": 100}
DIFFUSION = {"steps": 500, "batch_size": 1024, "d_layers": (256, 256, 256), "num_timesteps": 100}

LABELS = {"ours": "tabllm", "bare": "tabllm uncalibrated", "peer": "peer"}

#: Run in the peer's own environment: argv is a folder with train.csv and task.json.
GAN_PEER = r"""
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import numpy as np, pandas as pd, torch, ctgan
folder = sys.argv[1]
task = json.load(open(f"{folder}/task.json"))
data = pd.read_csv(f"{folder}/train.csv")
discrete = [name for name in data if data[name].dtype.kind not in "if"]
torch.manual_seed(task["seed"]); np.random.seed(task["seed"])
model = getattr(ctgan, task["model"].upper())(enable_gpu=False, **task["options"])
start = time.perf_counter()
model.fit(data, discrete)
fitted = time.perf_counter()
made = model.sample(len(data))
sampled = time.perf_counter()
made.to_csv(f"{folder}/made.csv", index=False)
json.dump({"fit_seconds": fitted - start, "sample_seconds": sampled - fitted}, open(f"{folder}/times.json", "w"))
"""
DIFFUSION_PEER = r"""
import importlib.util, json, sys, time, types, warnings
warnings.filterwarnings("ignore")
# The model alone: the rest of the package asks for releases of numpy and torch that these are not.
root = importlib.util.find_spec("synthcity").submodule_search_locations[0]
for name in ("", ".plugins", ".plugins.core", ".plugins.core.models", ".metrics"):
    package = types.ModuleType("synthcity" + name)
    package.__path__ = [root + name.replace(".", "/")]
    sys.modules[package.__name__] = package
sys.modules["synthcity.metrics.weighted_metrics"] = types.SimpleNamespace(WeightedMetrics=object)
import pandas as pd, torch
from synthcity.plugins.core.models.tabular_ddpm import TabDDPM
folder = sys.argv[1]
task = json.load(open(f"{folder}/task.json"))
data = pd.read_csv(f"{folder}/train.csv")
options = task["options"]
torch.manual_seed(task["seed"])
per_epoch = -(-len(data) // options["batch_size"])
layers = options["d_layers"]
model = TabDDPM(
    n_iter=-(-options["steps"] // per_epoch), batch_size=options["batch_size"],
    num_timesteps=options["num_timesteps"], device=torch.device("cpu"),
    model_params={"n_layers_hidden": len(layers), "n_units_hidden": layers[0], "dropout": 0.0},
)
start = time.perf_counter()
model.fit(data)
fitted = time.perf_counter()
made = model.generate(len(data))
sampled = time.perf_counter()
steps = per_epoch * model.n_iter
json.dump({"fit_seconds": (fitted - start) * options["steps"] / steps, "sample_seconds": sampled - fitted},
          open(f"{folder}/times.json", "w"))
"""


class Work(NamedTuple):
    """One measurement: who fits which table how."""

    kind: str
    side: str
    model: str
    table: str
    seed: int
    options: dict[str, Any]

    @property
    def key(self) -> str:
        """What tells it from others in the file of results."""
        return json.dumps([self.kind, self.side, self.model, self.table, self.seed, self.options], default=list)


def planned(arguments: argparse.Namespace) -> Iterator[Work]:
    """Everything that is asked for, both sides of a comparison one after the other."""
    for table in arguments.tables:
        for model in ("tvae", "ctgan"):
            if "equal" in arguments.only and model in arguments.models:
                for seed in arguments.seeds:
                    options = {"epochs": EQUAL_EPOCHS.get(table, 50), "batch_size": 500}
                    yield from (Work("equal", side, model, table, seed, options) for side in ("peer", "ours"))
        if "diffusion" in arguments.only and "tabddpm" in arguments.models:
            yield Work("diffusion", "peer", "tabddpm", table, 0, DIFFUSION)
            for calibrate in (False, True):
                yield Work(
                    "diffusion",
                    "ours" if calibrate else "bare",
                    "tabddpm",
                    table,
                    0,
                    {**DIFFUSION, "calibrate": calibrate},
                )
        if "default" in arguments.only:
            for model in arguments.models:
                for seed in arguments.default_seeds:
                    yield Work("default", "ours", model, table, seed, {})
                    if model in ("ctgan", "tvae") and seed == arguments.default_seeds[0]:
                        yield Work("default", "peer", model, table, seed, {})


def run_ours(work: Work, train: pd.DataFrame) -> tuple[dict[str, Any], pd.DataFrame]:
    start = time.perf_counter()
    model = create(work.model, seed=work.seed, **work.options).fit(train)
    fitted = time.perf_counter()
    made = model.sample(len(train))
    sampled = time.perf_counter()
    facts = {"steps": model.describe().get("steps"), "restarts": model.describe().get("restarts")}
    return {"fit_seconds": fitted - start, "sample_seconds": sampled - fitted, **facts}, made


def run_peer(work: Work, train: pd.DataFrame, python: str) -> tuple[dict[str, Any], pd.DataFrame | None]:
    diffusion = work.kind == "diffusion"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (encoded(train) if diffusion else train).to_csv(folder / "train.csv", index=False)
        (folder / "task.json").write_text(json.dumps(work._asdict(), default=list))
        code = DIFFUSION_PEER if diffusion else GAN_PEER
        done = subprocess.run([python, "-c", code, place], capture_output=True, text=True, check=False, cwd=place)
        if done.returncode:
            sys.exit(f"The peer did not finish {work}:\n{done.stderr[-3000:]}")
        times = json.loads((folder / "times.json").read_text())
        return times, None if diffusion else pd.read_csv(folder / "made.csv").astype(train.dtypes.to_dict())


def encoded(train: pd.DataFrame) -> pd.DataFrame:
    """Normal scores and codes, as this package's own TabDDPM is shown them, scalars first."""
    schema = infer_schema(train)
    arrays = to_arrays(train, schema)
    encoder = TableEncoder.fit(arrays, schema, "quantiles")
    codes, scalars = encoder.encode(arrays, np.random.default_rng(0))
    noise = np.random.default_rng(1).standard_normal(scalars.shape)
    frame = pd.DataFrame(np.where(np.isnan(scalars), noise, scalars)).add_prefix("s")
    return pd.concat([frame, pd.DataFrame(codes).add_prefix("c")], axis=1)


def judged(train: pd.DataFrame, made: pd.DataFrame, holdout: pd.DataFrame, target: str | None) -> dict[str, Any]:
    tables = load_tables(train, made, holdout, infer_schema(train))
    detection, _ = detect(tables)
    utility, _ = measure_utility(tables, target) if target else (None, [])
    return {
        "shape": column_fidelity(tables).shape_error_percent,
        "trend": pair_trends(tables)[0].error_percent,
        "detection": detection.score if detection else None,
        "utility": utility.synthetic.metrics[utility.headline] if utility else None,
        "utility_real": utility.real.metrics[utility.headline] if utility else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", default=["adult", "shoppers"])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the known tables")
    parser.add_argument("--models", nargs="+", default=["tvae", "ctgan", "tabddpm", "tabcascade"])
    parser.add_argument("--only", nargs="+", default=["equal", "diffusion", "default"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the fits with equal epochs")
    parser.add_argument("--default-seeds", type=int, nargs="+", default=[0], help="of the fits with default settings")
    parser.add_argument("--peer", action="append", default=[], metavar="MODEL=PYTHON")
    parser.add_argument("--results", type=Path, default=Path("bench-tabular.jsonl"))
    arguments = parser.parse_args()
    console = Console(width=120)
    pythons = dict(text.split("=", 1) for text in arguments.peer)
    pythons.setdefault("tvae", pythons.get("ctgan", ""))
    lines = arguments.results.read_text().splitlines() if arguments.results.exists() else []
    known = {found["key"]: found for found in map(json.loads, lines)}
    everything = list(planned(arguments))
    for work in everything:
        if work.key in known or (work.side == "peer" and not pythons.get(work.model)):
            continue
        train, holdout, target = load(work.table, arguments.data, None)
        if work.side == "peer":
            facts, made = run_peer(work, train, pythons[work.model])
        else:
            facts, made = run_ours(work, train)
        scores = {} if made is None or work.kind == "diffusion" else judged(train, made, holdout, target)
        found = {"key": work.key, "rows": len(train), **facts, **scores}
        known[work.key] = found
        with arguments.results.open("a") as file:
            file.write(json.dumps(found) + "\n")
        console.print(f"[dim]{work.kind} {work.side} {work.model} {work.table} seed {work.seed}: {facts}[/]")
    draw(console, everything, known)


def draw(console: Console, everything: list[Work], known: dict[str, Any]) -> None:
    """One table per kind: medians over the seeds."""
    machine = describe_machine("torch", "cpu")
    for kind in dict.fromkeys(work.kind for work in everything):
        table = Table(title=f"{kind}: medians over seeds")
        for header in ("table", "model", "seeds", "fit s", "rows/s", "shape %", "trend %", "detection", "utility"):
            table.add_column(header, justify="left" if header in ("table", "model") else "right")
        groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        for work in everything:
            if work.kind == kind and work.key in known:
                groups.setdefault((work.table, work.model, work.side), []).append(known[work.key])
        for (name, model, side), found in groups.items():
            rate = statistics.median(one["rows"] / one["sample_seconds"] for one in found)
            cells = [f"{statistics.median(one['fit_seconds'] for one in found):,.1f}", f"{rate:,.0f}"]
            for key, decimals in (("shape", 2), ("trend", 2), ("detection", 3), ("utility", 4)):
                values = [one[key] for one in found if one.get(key) is not None]
                cells.append(f"{statistics.median(values):.{decimals}f}" if values else "-")
            label = f"{model}, {LABELS[side]}"
            table.add_row(name, label, str(len(found)), *cells)
        console.print(table)
    console.print(f"{machine['device_name']}, {machine['cores']} cores, torch {machine['engine_version']}.")


if __name__ == "__main__":
    main()
