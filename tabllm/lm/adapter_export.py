"""A run's adapter alone, as peft and mlx-lm read one: no weight of the model is loaded."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tabular.errors import EngineError, UsageError
from tabular.registry import read_config
from tabular.storage.rundir import atomic_directory, write_json

from ..hub.model_files.config import read_config as read_model_config
from ..hub.model_files.spelling import spelled_for_mlx
from .engines.tuning import tuning_of
from .engines.weight_names import is_adapter, mlx_name
from .export import check_exportable, check_text, readme
from .run_files import LmRun, read_lm_run

__all__ = ["FORMS", "export_adapter"]

#: Models of transformers whose layers keep [inputs, outputs].
_CONV1D = ("gpt2", "openai-gpt")
#: Our names of an adapter's parts, and what the libraries call them. peft keeps the transposes of A and B.
_PEFT = {"lora_a": "lora_A.weight", "lora_b": "lora_B.weight", "magnitude": "lora_magnitude_vector"}
_MLX = {"lora_a": "lora_a", "lora_b": "lora_b", "magnitude": "m"}
_BLOCK = re.compile(r"\.(\d+)\.")


def export_adapter(directory: str | Path, folder: str | Path, form: str) -> str:
    """Write the adapter of the run in ``directory`` to ``folder``, with a README.md; all of it or nothing.

    Args:
        form: ``"peft"``: adapter_model.safetensors and adapter_config.json, for ``PeftModel.from_pretrained``;
            ``"mlx"``: adapters.safetensors and adapter_config.json, for ``mlx_lm.load(..., adapter_path=folder)``.

    Returns:
        The name of the model that the adapter belongs to.

    Raises:
        UsageError: for a run without an adapter, or with one that ``form`` cannot express.
        RunError: if the run cannot be read.
        OutputError: where it cannot be written.
    """
    from safetensors.numpy import save_file

    check_exportable(str(read_config(directory)["model"]))
    run = read_lm_run(directory)
    codec = check_text(run.codec)
    _check(run, form)
    adapter = {name: value for name, value in run.trained.items() if is_adapter(name)}
    file, config_of, arrays_of = FORMS[form]
    model_type = read_model_config(run.model)["model_type"]
    arrays = arrays_of(model_type, adapter)
    if form == "mlx":
        _check_mlx_modules(run, arrays)
    with atomic_directory(folder) as target:
        save_file(arrays, target / file, metadata={"format": "pt" if form == "peft" else form})
        write_json(target / "adapter_config.json", config_of(run, model_type, adapter))
        (target / "README.md").write_text(readme(run.base["name"], codec, _use(run, form)), encoding="utf-8")
    return str(run.base["name"])


def _check(run: LmRun, form: str) -> None:
    """Raise :class:`UsageError` unless base and adapter together are what ``form`` would read."""
    if run.fit["tuning"] == "full":
        raise UsageError(
            "All weights of this run were trained (--tuning full), so it has no adapter: export it without --adapter."
        )
    if "random" in run.base:
        raise UsageError(
            "The adapter of this run belongs to random weights (--random-weights), which no other program has: export "
            "it without --adapter."
        )
    if form == "peft" and run.fit.get("packed", False):
        raise UsageError(
            f"The adapter of this run belongs to {run.base['name']!r}, whose weights are quantized in MLX's form, "
            "which transformers does not read: take --adapter mlx, or export it without --adapter."
        )


def _check_mlx_modules(run: LmRun, arrays: Mapping[str, np.ndarray]) -> None:
    """Raise :class:`UsageError` if mlx-lm's model has not each layer of an adapter, as far as it can be asked here.

    Old releases of mlx-lm leave out what they do not know, and do not say so.
    """
    if any(importlib.util.find_spec(name) is None for name in ("mlx", "mlx_lm")):
        return
    from .engines.mlx.model import instantiate

    try:
        there = {name for name, _ in instantiate(spelled_for_mlx(read_model_config(run.model))).named_modules()}
    except EngineError:
        there = set()
    if lacking := sorted({_parts(name)[0] for name in arrays} - there):
        raise UsageError(
            f"mlx-lm's model of {run.base['name']!r} has no layer {lacking[0]!r}, so it could not read this adapter: "
            "take --adapter peft, or export it without --adapter."
        )


def _parts(name: str) -> tuple[str, str]:
    """(module, part) of a weight of an adapter."""
    module, _, part = name.rpartition(".")
    return module, part


def _peft_arrays(model_type: str, adapter: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    made = {}
    for name, value in adapter.items():
        module, part = _parts(name)
        made[f"base_model.model.{module}.{_PEFT[part]}"] = np.ascontiguousarray(value.T)
    return made


def _mlx_arrays(model_type: str, adapter: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    split = {name: _parts(name) for name in adapter}
    return {f"{mlx_name(model_type, module)}.{_MLX[part]}": adapter[name] for name, (module, part) in split.items()}


def _blocks(adapter: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Module -> the number of the transformer block that it is in."""
    modules = {_parts(name)[0] for name in adapter}
    return {module: int(found[1]) for module in modules if (found := _BLOCK.search(module))}


def _peft_config(run: LmRun, model_type: str, adapter: Mapping[str, np.ndarray]) -> dict[str, Any]:
    tuning, numbers = tuning_of(run.fit), sorted(set(_blocks(adapter).values()))
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": run.base["repo"] or run.base["name"],
        "revision": run.base["revision"],
        "inference_mode": True,
        "r": tuning.rank,
        "lora_alpha": tuning.rank * tuning.scale,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted({_parts(name)[0].rpartition(".")[2] for name in adapter}),
        # It is the last blocks that have adapters, so the first one has them where all have.
        "layers_to_transform": None if 0 in numbers else numbers,
        "fan_in_fan_out": model_type in _CONV1D,
        "use_dora": tuning.method == "dora",
    }


def _mlx_config(run: LmRun, model_type: str, adapter: Mapping[str, np.ndarray]) -> dict[str, Any]:
    tuning, blocks = tuning_of(run.fit), _blocks(adapter)
    return {
        "model": run.base["repo"] or run.base["name"],
        "revision": run.base["revision"],
        "fine_tune_type": tuning.method,
        "num_layers": len(set(blocks.values())),
        "lora_parameters": {
            "rank": tuning.rank,
            "scale": tuning.scale,
            "dropout": 0.0,
            "keys": sorted({_BLOCK.split(module, maxsplit=1)[2] for module in blocks}),
        },
    }


#: What an adapter can be written as -> (file of its weights, its config, its weights).
FORMS: dict[str, tuple[str, Callable[..., dict[str, Any]], Callable[..., dict[str, np.ndarray]]]] = {
    "peft": ("adapter_model.safetensors", _peft_config, _peft_arrays),
    "mlx": ("adapters.safetensors", _mlx_config, _mlx_arrays),
}

_LOADING = {
    "peft": """    model = AutoModelForCausalLM.from_pretrained({base})
    model = PeftModel.from_pretrained(model, FOLDER)""",
    "mlx": "    model, tokenizer = mlx_lm.load({base}, adapter_path=FOLDER)",
}


def _use(run: LmRun, form: str) -> str:
    base, revision = run.base["repo"] or run.base["name"], run.base["revision"]
    named = repr(base) if revision is None else f"{base!r}, revision={revision!r}"
    beside = f" It was trained beside weights of {run.fit['precision']}: load the model with those."
    return f"""
This folder holds an adapter ({run.fit["tuning"]}) for that model.{"" if run.fit["precision"] == "fp32" else beside}

{_LOADING[form].format(base=named)}
"""
