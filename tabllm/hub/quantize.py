"""Writes a copy of a model with weights of 4 or 8 bits, as mlx-lm reads them."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tabular.errors import EngineError, OutputError, UsageError
from tabular.progress import Reporter
from tabular.storage.rundir import atomic_directory, write_json

from .errors import ModelError
from .facts import read_facts
from .failures import free_bytes
from .model_files.check import check_folder
from .model_files.config import read_config
from .model_files.packing import packing
from .model_files.spelling import spelled_for_mlx
from .model_files.weights import INDEX

__all__ = ["BITS", "GROUP_SIZES", "check_mlx", "quantize_folder"]

BITS = (4, 8)
GROUP_SIZES = (32, 64, 128)


def quantize_folder(
    source: Path,
    out: Path,
    *,
    bits: int,
    group_size: int | None = 64,
    progress: Reporter | None = None,
    shown: str | None = None,
) -> None:
    """Write the model in ``source`` with quantized weights to ``out``, which appears whole or not at all.

    A model that stands at ``out`` is replaced.

    Args:
        group_size: weights that share a scale and a bias; ``None``: 64, or 32 where 64 divide not every layer's width.

        shown: what an error calls the source; its folder if absent.

    Raises:
        UsageError: for other bits than 4 and 8, a group size that does not divide a layer's width, a source that is
            quantized already, or an ``out`` that is the source.
        ModelError: if the source is no model, or none that mlx-lm knows.
        EngineError: if mlx or mlx-lm is not installed.
        OutputError: if it cannot be written.
    """
    if bits not in BITS:
        raise UsageError(f"Weights can have 4 or 8 bits, not {bits}.")
    if group_size not in (None, *GROUP_SIZES):
        raise UsageError(f"A group can have 32, 64 or 128 weights, not {group_size}.")
    source, out = Path(source).absolute(), Path(out).absolute()
    shown = shown or str(source)
    check_folder(source, shown)
    if out.resolve() in (source.resolve(), *source.resolve().parents) or source.resolve() in out.resolve().parents:
        raise UsageError(f"{out} is the model itself, or in or around its folder; name another folder.")
    facts = read_facts(source)
    if facts.bits is not None:
        raise UsageError(f"{shown} has weights of {facts.bits} bits already; quantize the original model.")
    needed, free = facts.memory(f"{bits}bit"), free_bytes(out)
    if needed > free:  # mlx would end in an error that does not say so
        raise OutputError(
            f"Weights of {bits} bits need {needed / 1e9:,.2f} GB, and {free / 1e9:,.2f} GB are free there; make room."
        )
    with _mlx_quiet():
        model = _load(source, shown)
        group_size = _checked_groups(model, group_size)
        with (progress or Reporter()).task("Quantizing", facts.parameters / 1e6, "M weights") as task:
            with atomic_directory(out) as folder:
                written = _quantize(model, folder, facts.parameters, bits, group_size)
                config = {**spelled_for_mlx(read_config(source)), **written}
                for dtype in {"dtype", "torch_dtype"} & config.keys():
                    config[dtype] = "float16" if facts.dtype == "fp16" else "bfloat16"
                write_json(folder / "config.json", config)
                _copy_others(source, folder)
            task.advance(facts.parameters / 1e6)


def check_mlx() -> None:
    """Raise :class:`EngineError` if mlx or mlx-lm is missing."""
    try:
        import mlx_lm.utils  # noqa: F401
    except ImportError:  # of mlx as well, which it stands on
        from ..decoding.backend import install_mlx

        raise EngineError(f"Quantizing needs mlx and mlx-lm: {install_mlx()}.") from None


@contextlib.contextmanager
def _mlx_quiet() -> Iterator[None]:
    """Tell that mlx is missing, and keep what mlx-lm prints from standard output."""
    check_mlx()
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def _load(source: Path, shown: str) -> Any:
    """The model, its weights not read yet."""
    from mlx_lm.utils import _get_classes, load_model

    def classes(config: dict[str, Any]) -> tuple[type, type]:
        known: Any
        known, arguments = _get_classes(config)
        if config["model_type"] != "gpt2":
            return known, arguments

        class Gpt2(known):
            """Also reads checkpoints of newer transformers, whose names begin with ``transformer.``."""

            def sanitize(self, weights: dict[str, Any]) -> dict[str, Any]:
                return super().sanitize(
                    {
                        name.removeprefix("transformer."): weight
                        for name, weight in weights.items()
                        if not name.endswith((".attn.masked_bias", ".attn.bias", "lm_head.weight"))
                    }
                )

        return Gpt2, arguments

    try:
        config = spelled_for_mlx(read_config(source))
        model, _ = load_model(source, lazy=True, model_config=config, get_model_classes=classes)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        first = (str(error).splitlines() or [""])[0].rstrip(".:")
        raise ModelError(f"{shown} is none of the models that mlx-lm can quantize ({first}); give another.") from None
    return model


def _checked_groups(model: Any, group_size: int | None) -> int:
    """A group size that divides every layer's width; ``group_size`` if that was requested.

    mlx-lm would leave the layers out that groups do not divide; nobody would notice.
    """
    widths = {
        name: module.weight.shape[-1] for name, module in model.named_modules() if hasattr(module, "to_quantized")
    }
    if group_size is None:
        group_size = next((size for size in (64, 32) if not any(width % size for width in widths.values())), 32)
    for name, width in widths.items():
        if width % group_size:
            fitting = [str(size) for size in GROUP_SIZES if not width % size]
            hint = f"take --group-size {fitting[-1]}" if fitting else "this model cannot be quantized"
            raise UsageError(f"Groups of {group_size} do not divide the width {width} of {name}; {hint}.")
    return group_size


def _quantize(model: Any, folder: Path, parameters: int, bits: int, group_size: int) -> dict[str, Any]:
    """Quantize and write the weights; what the config must say of it."""
    import mlx.core as mx
    from mlx.utils import tree_map
    from mlx_lm.utils import quantize_model, save_model

    # Scales and biases take the weights' dtype: of 32 bits they would be a quarter of a 4-bit model.
    model.update(
        tree_map(lambda array: array.astype(mx.bfloat16) if array.dtype == mx.float32 else array, model.parameters())
    )
    model, config = quantize_model(
        model,
        {},
        group_size,
        bits,
        quant_predicate=lambda path, _: packing(path, parameters=parameters, bits=bits, group_size=group_size),
    )
    save_model(folder, model, donate_model=True)
    return {"quantization": config["quantization"], "quantization_config": config["quantization"]}


def _copy_others(source: Path, folder: Path) -> None:
    """The tokenizer, the licence and whatever else is small text."""
    for path in source.iterdir():
        kept = path.suffix in (".json", ".txt", ".md", ".model", ".jinja", "")
        if path.is_file() and kept and path.name != INDEX and not (folder / path.name).exists():
            shutil.copyfile(path, folder / path.name)
