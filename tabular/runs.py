"""The files of a run directory, the same for every generator that keeps its weights there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import RunError, SchemaError
from .rundir import atomic_directory, write_json
from .schema import Column, Schema
from .synthesizer import RUN_VERSION, read_config

__all__ = ["RunFiles", "damaged", "read_run_files", "write_run_files"]


@dataclass(frozen=True)
class RunFiles:
    """What a run directory holds.

    Attributes:
        config: ``config.json`` without its version; ``model`` names the generator, ``fit`` holds its facts.
        schema: ``schema.json``.
        codec: ``codec.json``, how the generator sees the columns.
        weights: ``model.safetensors``.
        history: ``history.jsonl``, one entry per look at the loss.
    """

    config: Mapping[str, Any]
    schema: Schema
    codec: Mapping[str, Any]
    weights: dict[str, np.ndarray]
    history: Sequence[Mapping[str, float]]


def write_run_files(directory: str | Path, files: RunFiles, held: Callable[[Column], str]) -> None:
    """Write a run; it appears whole or not at all.

    Args:
        held: what else than its kind and bounds the run keeps of a column, in words for its README.

    Raises:
        OutputError: where it cannot be written.
    """
    from safetensors.numpy import save_file

    with atomic_directory(directory) as folder:
        files.schema.to_json(folder / "schema.json")
        write_json(folder / "config.json", {"version": RUN_VERSION, **files.config})
        write_json(folder / "codec.json", files.codec)
        save_file(files.weights, folder / "model.safetensors")
        lines = [json.dumps(look) + "\n" for look in files.history]
        (folder / "history.jsonl").write_text("".join(lines), encoding="utf-8")
        (folder / "README.md").write_text(_readme(files, held), encoding="utf-8")


def read_run_files(directory: str | Path) -> RunFiles:
    """Read what :func:`write_run_files` wrote; no code from the files is run.

    Raises:
        RunError: if a file is missing or cut short.
    """
    from safetensors.numpy import load_file

    config = read_config(directory)
    folder = Path(directory)
    try:
        schema = Schema.from_json(folder / "schema.json")
        codec = json.loads((folder / "codec.json").read_text(encoding="utf-8"))
        weights = load_file(folder / "model.safetensors")
        history = folder / "history.jsonl"
        looks = [json.loads(line) for line in history.read_text("utf-8").splitlines()] if history.exists() else []
    except FileNotFoundError as error:
        raise RunError(f"The run {directory} lacks its file {Path(str(error.filename)).name}; fit again.") from None
    except SchemaError as error:
        raise RunError(f"The run {directory} has no usable schema.json ({error}) Fit again.") from None
    except Exception as error:  # safetensors and json each have their own errors for a file cut short
        raise damaged(directory, f"{type(error).__name__}: {error}") from None
    return RunFiles(config, schema, codec, weights, looks)


def damaged(directory: str | Path, why: str) -> RunError:
    """The error for a run whose files are there but cannot be used."""
    return RunError(f"The run {directory} is damaged ({why}); fit again.")


def _readme(files: RunFiles, held: Callable[[Column], str]) -> str:
    lines = [
        "# A tabllm run",
        "",
        f"Model `{files.config['model']}`, fitted to a table of {files.schema.rows:,} rows. Make rows of it with "
        "`tabllm sample RUN -n 1000 -o synthetic.csv`.",
        "",
        "It holds no rows of the table. It does hold, in `schema.json` and `codec.json`, facts about single columns:",
        "",
    ]
    for column in files.schema:
        kept = [f"its kind ({column.kind}) and share of missing cells"]
        if column.categories:
            kept.append(f"its {len(column.categories):,} categories")
        if column.gives_persons_away:
            kept.append(f"REAL VALUES OF PERSONS ({column.personal}) among them")
        if column.is_numeric:
            kept.append("its smallest and largest value")
        if more := held(column):
            kept.append(more)
        if column.pattern:
            kept.append("the pattern of its identifiers")
        lines.append(f"- `{column.name}`: {', '.join(kept)}")
    lines += [
        "",
        *_people(files.config.get("fit", {})),
        _guarantee(files.config.get("fit", {}).get("privacy")),
        "",
    ]
    return "\n".join(lines)


def _people(facts: Mapping[str, Any]) -> list[str]:
    if not facts.get("people"):
        return []
    return [
        f"The rows were found to belong to {facts['people']:,} people (or other groups) with several rows each: "
        f"combinations of {', '.join(f'`{name}`' for name in facts['people_columns'])} repeat. Whole people were held "
        "out, so that the training stopped before it learned people by heart; how many it knows all the same, "
        "`tabllm eval` tells (\"combinations that only one person has\").",
        "",
    ]


def _guarantee(privacy: Mapping[str, Any] | None) -> str:
    if privacy is None:
        return (
            "The weights were fitted to the rows without differential privacy: there is no formal guarantee that "
            "nothing about a person can be inferred from them. Fold rare categories with `tabllm fit --rare-below K`."
        )
    return (
        f"It was fitted with differential privacy: epsilon {privacy['epsilon']:.3f} at delta {privacy['delta']:.2g} "
        f"for {privacy['neighbours']}, by {privacy['accountant']}. Taken for public, by the word of who fitted it: "
        f"{'; '.join(privacy['public'])}. Everything else above comes of noisy histograms and noisy updates; "
        "`config.json` says what was spent on each."
    )
