"""The run directory of ``nano``: what is written, and what is refused when it is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tabular.runs import RunFiles, damaged, read_run_files, write_run_files
from tabular.schema import Column, Schema

from ..codec.number import NumberCodec
from ..codec.rows import RowCodec
from .config import NanoConfig

__all__ = ["Run", "read_run", "write_run"]


@dataclass(frozen=True)
class Run:
    """Everything that a run directory holds.

    Attributes:
        weights: float32 arrays by name.
        settings: of the generator, plain JSON data.
        facts: of the fit, plain JSON data.
        history: one entry per look at the held-out rows.
    """

    model: str
    schema: Schema
    codec: RowCodec
    config: NanoConfig
    weights: dict[str, np.ndarray]
    settings: dict[str, Any]
    facts: dict[str, Any]
    history: list[dict[str, float]]


def write_run(directory: str | Path, run: Run) -> None:
    """Write the run; it appears whole or not at all. Raises :class:`OutputError` where it cannot be written."""
    config = {"model": run.model, "architecture": run.config.to_dict(), "options": run.settings, "fit": run.facts}
    files = RunFiles(config, run.schema, run.codec.to_dict(), run.weights, run.history)
    write_run_files(directory, files, lambda column: _held(run.codec, column))


def read_run(directory: str | Path) -> Run:
    """Read what :func:`write_run` wrote; no code from the files is run.

    Raises:
        RunError: if a file is missing, cut short or does not fit the others.
    """
    files = read_run_files(directory)
    try:
        architecture = NanoConfig.from_dict(files.config["architecture"])
        codec = RowCodec.from_dict(files.codec, files.schema)
        facts, history = dict(files.config.get("fit", {})), [dict(look) for look in files.history]
        # Runs of older versions say no more of their settings than this.
        known = {"seed": int(facts.get("seed", 0)), "layers": architecture.layers, "width": architecture.width,
                 "heads": architecture.heads}  # fmt: skip
        settings = {**known, **files.config.get("options", {})}
    except Exception as error:  # whatever a file edited by hand leads to
        raise damaged(directory, f"{type(error).__name__}: {error}") from None
    if tuple(codec.table.sizes) != architecture.sizes or files.weights.get("wte", np.empty(0)).shape != (
        architecture.vocabulary + 1,
        architecture.width,
    ):
        raise damaged(directory, "its codec.json and model.safetensors differ")
    name = str(files.config["model"])
    return Run(name, files.schema, codec, architecture, files.weights, settings, facts, history)


def _held(codec: RowCodec, column: Column) -> str:
    number = codec.table.codecs.get(column.name)
    if isinstance(number, NumberCodec):
        atoms = f"{len(number.atoms):,}"
        if not len(number.knots):
            return f"{atoms} single values"
        return f"{atoms} frequent values and {number.knots.size:,} quantiles"
    return f"{len(codec.words[column.name].words):,} frequent words" if column.name in codec.words else ""
