"""Do two versions of the code make the same rows? A digest of the rows of every generator, plain and private.

    python scripts/same_rows.py > before.json        # with the version before
    python scripts/same_rows.py --compare before.json  # with the version after: names what differs, exit code 1

Fits are tiny: a digest says whether a change kept every number as it was, and nothing of quality. Digests of two
machines, or of two releases of torch, are not comparable.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "tabllm")]

import tabllm  # noqa: E402, F401 (registers its generators)
from tabular import Privacy  # noqa: E402
from tabular.registry import create, load_run, model_names  # noqa: E402

#: Of every fit: few updates on one kind of processor.
TINY: dict[str, Any] = {"steps": 3, "device": "cpu", "seed": 3}
LANGUAGE = {**TINY, "batch_size": 8, "engine": "torch"}
#: Name of a generator -> option sets that take other ways through its code, beside none at all.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "ctgan": [{"pac": 2, "generator_dim": [8], "numbers": "quantiles", "learning_rate": 1e-3}],
    "tvae": [{"compress_dims": [9], "numbers": "quantiles", "rare_below": 5}],
    "tabddpm": [{"target": "device", "sampling_steps": 3, "calibrate": False, "dropout": 0.1}],
    "tabcascade": [{"depth": 1, "dropout": 0.1}, {"steps": None, "epochs": 2}],
    "nano": [{"width": 16, "heads": 2, "engine": "torch"}, {"steps": None, "epochs": 1}],
    "lm": [{"serialization": "table"}, {"serialization": "great", "tuning": "lora", "lora_dropout": 0.1}],
}


def small_table() -> pd.DataFrame:
    """120 rows of every kind of column."""
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 90, 120), unit="D")
    spend = np.where(rng.random(120) < 0.1, np.nan, rng.gamma(2, 20, 120).round(1))
    device = rng.choice(["ios", "web", "tv"], 120, p=[0.5, 0.4, 0.1])
    clicks, vip = rng.poisson(2, 120), rng.random(120) < 0.3
    ids = [f"u-{number:04d}" for number in range(120)]
    return pd.DataFrame({"id": ids, "device": device, "spend": spend, "clicks": clicks, "day": days, "vip": vip})


def cases(folder: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(what it is called, generator, options)."""
    from tiny_models import make_model

    base = {"base": str(make_model(folder / "base"))}
    for name in model_names():
        if name in ("gpt2", "distilgpt2", "deepseek-coder-1.3b"):
            continue  # names of downloads, of the class of 'lm'
        common = {**LANGUAGE, **base} if name == "lm" else TINY
        for number, given in enumerate([{}, *VARIANTS.get(name, [])]):
            options = {key: value for key, value in {**common, **given}.items() if value is not None}
            yield f"{name} {number}", name, options
    yield "sequences 0", "sequences", {**TINY, "by": "user", "time": "day"}
    for name in ("nano", "tvae", "tabddpm"):
        privacy = Privacy(3.0, public_schema=True, noise_seed=1)
        yield f"{name} private", name, {**TINY, "privacy": privacy, "batch_size": 40}


def digests(folder: Path) -> Iterator[tuple[str, str]]:
    """(case, digest of its rows: as fitted, under a condition, by another seed, completed, and loaded)."""
    for title, name, options in cases(folder):
        table = small_table()
        if name == "sequences":
            table["user"] = [f"c{number // 4:02d}" for number in range(len(table))]
        model = create(name, **options).fit(table)
        model.save(folder / title)
        loaded = load_run(folder / title, device="cpu")
        rows = [model.sample(50), model.sample(20, seed=9), loaded.sample(50)]
        if name != "sequences":
            rows.append(model.sample(20, where="device=ios"))
        if name in ("nano", "lm"):
            holes = table.assign(device=table["device"].where(np.arange(len(table)) % 2 == 0), spend=table["spend"])
            rows.append(model.complete(holes))
        text = "".join(part.to_csv(index=False) for part in rows)
        yield title, hashlib.sha256(text.encode()).hexdigest()[:16]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compare", metavar="FILE", help="digests of another version")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = dict(digests(Path(folder)))
    if not asked.compare:
        print(json.dumps(found, indent=2))
        return
    before = json.loads(Path(asked.compare).read_text())
    others = [title for title in {**before, **found} if before.get(title) != found.get(title)]
    print("the same rows" if not others else f"other rows: {', '.join(others)}")
    sys.exit(bool(others))


if __name__ == "__main__":
    main()
