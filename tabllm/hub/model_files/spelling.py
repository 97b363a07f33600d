"""A model's config as mlx-lm reads it, where transformers 5 spells a setting otherwise.

mlx-lm takes its default for a setting that it does not find: a Llama model would be loaded without an error, and turn
its positions wrongly. transformers reads a config that has both spellings.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tabular.storage.rundir import write_json

from .config import read_config

__all__ = ["spell_for_mlx", "spelled_for_mlx"]


def spelled_for_mlx(config: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a ``config.json``, with the settings that mlx-lm looks for beside those that are there."""
    made = dict(config)
    if made["model_type"] == "gpt2":
        made.setdefault("n_ctx", made.get("n_positions", 1024))
    rope = made.get("rope_parameters")
    if isinstance(rope, dict) and "rope_theta" in rope:
        made.setdefault("rope_theta", rope["rope_theta"])
        if "partial_rotary_factor" in rope:
            made.setdefault("partial_rotary_factor", rope["partial_rotary_factor"])
        if made["model_type"] == "gpt_neox":
            made.setdefault("rotary_emb_base", rope["rope_theta"])
            made.setdefault("rotary_pct", rope.get("partial_rotary_factor", 0.25))
        if rope.get("rope_type", "default") != "default":
            made.setdefault("rope_scaling", {**rope, "type": rope["rope_type"]})
    return made


def spell_for_mlx(folder: str | Path) -> None:
    """Write the ``config.json`` of a folder anew, as both libraries read it."""
    write_json(Path(folder) / "config.json", spelled_for_mlx(read_config(folder)))
