"""The run directory of ``nano``: what is written, and what is refused when it is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tabular.plain_json import PLAIN, FieldError, check_fields
from tabular.refining import Margins
from tabular.runs import RunFiles, check_shapes, read_run_files, reading, write_run_files
from tabular.schema import Column, Schema

from ..codec.number import NumberCodec
from ..codec.rows import RowCodec
from .column_trees import ColumnTrees
from .config import NanoConfig

__all__ = ["Run", "read_run", "write_run"]


@dataclass(frozen=True)
class Run:
    """Everything that a run directory holds.

    Attributes:
        weights: float32 arrays by name.
        settings: of the generator, plain JSON data.
        facts: of the fit, plain JSON data.
        history: one entry per evaluation on the held-out rows.
        margins: counts to choose rows by, if there are any.
        trees: of the columns that are drawn by them, if there are any.
    """

    model: str
    schema: Schema
    codec: RowCodec
    config: NanoConfig
    weights: dict[str, np.ndarray]
    settings: dict[str, Any]
    facts: dict[str, Any]
    history: list[dict[str, float]]
    margins: Margins | None = None
    trees: ColumnTrees | None = None


def write_run(directory: str | Path, run: Run) -> None:
    """Write the run; it appears whole or not at all. Raises :class:`OutputError` where it cannot be written."""
    config = {"model": run.model, "architecture": run.config.to_dict(), "options": run.settings, "fit": run.facts}
    weights = run.weights if run.trees is None else {**run.weights, **run.trees.to_weights()}
    files = RunFiles(config, run.schema, run.codec.to_dict(), weights, run.history, run.margins)
    write_run_files(directory, files, lambda column: _held(run.codec, column))


def read_run(directory: str | Path) -> Run:
    """Read what :func:`write_run` wrote; no code from the files is run.

    Raises:
        RunError: if a file is missing, cut short or does not fit the others.
    """
    files = read_run_files(directory)
    with reading(directory, "config.json"):
        check_fields(files.config, {"architecture": PLAIN}, "it")
        config = NanoConfig.from_dict(files.config["architecture"])
    with reading(directory, "codec.json"):
        codec = RowCodec.from_dict(files.codec, files.schema)
        if tuple(codec.table.sizes) != config.sizes:
            raise FieldError("its columns have other sizes than the architecture in config.json")
    weights = dict(files.weights)
    with reading(directory, "model.safetensors"):
        trees = ColumnTrees.from_weights(weights, codec.table)
        # Each layer has weights of its own, so there are no more of them than weights.
        if config.layers > len(weights):
            raise FieldError(f"it has no {config.layers:,} layers, of which config.json speaks")
        check_shapes({name: value.shape for name, value in weights.items()}, config.weight_shapes())
    facts, history = dict(files.config.get("fit", {})), [dict(entry) for entry in files.history]
    # Runs of older versions say no more of their settings than this.
    known = {"seed": facts.get("seed", 0), "layers": config.layers, "width": config.width, "heads": config.heads}
    settings = {**known, **files.config.get("options", {})}
    name, margins = files.config["model"], files.margins
    return Run(name, files.schema, codec, config, weights, settings, facts, history, margins, trees)


def _held(codec: RowCodec, column: Column) -> str:
    kept = {name: text for name in codec.parts.of(column.name) if (text := _part_held(codec, name))}
    if list(kept) == [column.name]:
        return kept[column.name]
    return "; ".join(f"{name}: {text}" for name, text in kept.items())


def _part_held(codec: RowCodec, name: str) -> str:
    number = codec.table.codecs.get(name)
    if isinstance(number, NumberCodec):
        atoms = f"{len(number.atoms):,}"
        if not len(number.knots):
            return f"{atoms} single values"
        return f"{atoms} frequent values and {number.knots.size:,} quantiles"
    return codec.words[name].held() if name in codec.words else ""
