"""The run directory of ``nano``: what is written, and what is refused when it is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tabular.errors import RunError, SchemaError
from tabular.rundir import atomic_directory, write_json
from tabular.schema import Schema
from tabular.synthesizer import RUN_VERSION, read_config

from ..codec.number import NumberCodec
from ..codec.rows import RowCodec
from .config import NanoConfig

__all__ = ["Run", "read_run", "write_run"]


@dataclass(frozen=True)
class Run:
    """Everything that a run directory holds.

    Attributes:
        weights: float32 arrays by name.
        facts: of the fit, plain JSON data.
        history: one entry per look at the held-out rows.
    """

    model: str
    schema: Schema
    codec: RowCodec
    config: NanoConfig
    weights: dict[str, np.ndarray]
    facts: dict[str, Any]
    history: list[dict[str, float]]


def write_run(directory: str | Path, run: Run) -> None:
    """Write the run; it appears whole or not at all. Raises :class:`OutputError` where it cannot be written."""
    from safetensors.numpy import save_file

    with atomic_directory(directory) as folder:
        run.schema.to_json(folder / "schema.json")
        write_json(
            folder / "config.json",
            {"model": run.model, "version": RUN_VERSION, "architecture": run.config.to_dict(), "fit": run.facts},
        )
        write_json(folder / "codec.json", run.codec.to_dict())
        save_file(run.weights, folder / "model.safetensors")
        lines = [json.dumps(look) + "\n" for look in run.history]
        (folder / "history.jsonl").write_text("".join(lines), encoding="utf-8")
        (folder / "README.md").write_text(_readme(run), encoding="utf-8")


def read_run(directory: str | Path) -> Run:
    """Read what :func:`write_run` wrote; no code from the files is run.

    Raises:
        RunError: if a file is missing, cut short or does not fit the others.
    """
    from safetensors.numpy import load_file

    config = read_config(directory)
    folder = Path(directory)
    try:
        architecture = NanoConfig.from_dict(config["architecture"])
        schema = Schema.from_json(folder / "schema.json")
        codec = RowCodec.from_dict(json.loads((folder / "codec.json").read_text(encoding="utf-8")), schema)
        weights = load_file(folder / "model.safetensors")
        history = folder / "history.jsonl"
        looks = [json.loads(line) for line in history.read_text("utf-8").splitlines()] if history.exists() else []
    except FileNotFoundError as error:
        raise RunError(f"The run {directory} lacks its file {Path(str(error.filename)).name}; fit again.") from None
    except SchemaError as error:
        raise RunError(f"The run {directory} has no usable schema.json ({error}) Fit again.") from None
    except Exception as error:  # safetensors and json each have their own errors for a file cut short
        raise RunError(f"The run {directory} is damaged ({type(error).__name__}: {error}); fit again.") from None
    if tuple(codec.table.sizes) != architecture.sizes or weights.get("wte", np.empty(0)).shape != (
        architecture.vocabulary + 1,
        architecture.width,
    ):
        raise RunError(f"The run {directory} is damaged: its codec.json and model.safetensors differ; fit again.")
    return Run(str(config["model"]), schema, codec, architecture, weights, config.get("fit", {}), looks)


def _readme(run: Run) -> str:
    lines = [
        "# A tabllm run",
        "",
        f"Model `{run.model}`, fitted to a table of {run.schema.rows:,} rows. Make rows of it with "
        "`tabllm sample RUN -n 1000 -o synthetic.csv`.",
        "",
        "It holds no rows of the table. It does hold, in `schema.json` and `codec.json`, facts about single columns:",
        "",
    ]
    for column in run.schema:
        codec = run.codec.table.codecs.get(column.name)
        held = [f"its kind ({column.kind}) and share of missing cells"]
        if column.categories:
            held.append(f"its {len(column.categories):,} categories")
        if column.is_numeric:
            held.append("its smallest and largest value")
        if isinstance(codec, NumberCodec):
            held.append(f"{len(codec.atoms):,} single values" if not len(codec.knots) else (
                f"{len(codec.atoms):,} frequent values and {codec.knots.size:,} quantiles"
            ))  # fmt: skip
        if column.name in run.codec.words:
            held.append(f"{len(run.codec.words[column.name].words):,} frequent words")
        if column.pattern:
            held.append("the pattern of its identifiers")
        lines.append(f"- `{column.name}`: {', '.join(held)}")
    lines += [
        "",
        "The weights were fitted to the rows without differential privacy: there is no formal guarantee that nothing "
        "about a person can be inferred from them. Fold rare categories with `tabllm fit --rare-below K`.",
        "",
    ]
    return "\n".join(lines)
