"""Writes a fine-tuned model as a Hugging Face folder that other engines can serve."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from tabular.errors import UsageError
from tabular.plain_json import read_json
from tabular.progress import Reporter
from tabular.storage.rundir import atomic_directory, write_json
from tabular.synthesizer import Synthesizer

from ..hub.quantize import check_mlx, quantize_folder
from .pretrained import PretrainedLM
from .run_files import copy_model_files
from .serialization.base import LmCodec
from .serialization.columns import ListCodec, TextCells
from .serialization.dates import DateCodec
from .serialization.text import TextCodec

__all__ = ["check_exportable", "check_text", "export_model", "readme", "row_pattern"]


def export_model(
    synthesizer: Synthesizer, folder: str | Path, *, bits: int | None = None, progress: Reporter | None = None
) -> None:
    """Merge a run's adapter; write config, weights, tokenizer and README.md, all of them or nothing.

    Args:
        bits: 4 or 8: weights are quantized, as mlx-lm reads them.

    Raises:
        UsageError: for a run that is no pretrained model's, or whose tokens are the table's own.
        EngineError, ModelError: where it cannot be quantized; see :func:`..hub.quantize.quantize_folder`.
        OutputError: where it cannot be written.
    """
    check_exportable(synthesizer.name)
    assert isinstance(synthesizer, PretrainedLM)
    if bits is not None:
        check_mlx()  # before the work, not after it
    codec, engine, model = synthesizer.parts()
    codec, base = check_text(codec), str(synthesizer.facts["base"])
    with atomic_directory(folder) as target:
        plain = target if bits is None else target / "plain"
        engine.export(plain)
        copy_model_files(model, plain)
        _name_tokenizer(plain)
        (plain / "README.md").write_text(readme(base, codec), encoding="utf-8")
        if bits is not None:
            packed = target / "packed"
            quantize_folder(plain, packed, bits=bits, group_size=None, progress=progress, shown=f"The run's {base}")
            shutil.rmtree(plain)
            for path in packed.iterdir():
                path.replace(target / path.name)
            packed.rmdir()


def check_exportable(name: str) -> None:
    """Raise :class:`UsageError` for a generator ``name`` that is no pretrained language model."""
    if name != PretrainedLM.name:
        raise UsageError(f"A run of the model {name!r} has no pretrained model to export; fit one with '-m gpt2'.")


def check_text(codec: LmCodec) -> TextCodec:
    """The codec, if it writes rows as text. Raises :class:`UsageError` for tokens of the table's own."""
    if isinstance(codec, TextCodec):
        return codec
    raise UsageError(
        "Rows of this run are written in tokens of the table's own (--serialization table), which no other program "
        "knows; fit with --serialization compact, great or csv."
    )


def _name_tokenizer(folder: Path) -> None:
    """Name the class that reads ``tokenizer.json`` as it stands.

    DeepSeek-coder's config names Llama's, and some releases of transformers 5 then split its bytes as Llama's pieces
    (transformers #46489).
    """
    settings, tokenizer = folder / "tokenizer_config.json", folder / "tokenizer.json"
    if not settings.is_file() or not tokenizer.is_file():
        return
    config = read_json(settings)
    splits_bytes = "ByteLevel" in json.dumps(read_json(tokenizer).get("pre_tokenizer"))
    if splits_bytes and str(config.get("tokenizer_class", "")).startswith("Llama"):
        write_json(settings, {**config, "tokenizer_class": "PreTrainedTokenizerFast"})


def row_pattern(codec: TextCodec) -> str:
    """A regular expression that every row keeps to, columns in their own order.

    Numbers are kept to their form, not to their bounds.
    """
    parts = []
    for column, (name, cell) in enumerate(codec.cells.items()):
        lead = codec.tokenizer.texts([codec.lead(column, column - 1 if column else None)])[0]
        parts.append(re.escape(lead) + _value(codec, name, cell))
    return "".join(parts)


def _value(codec: TextCodec, name: str, cell: object) -> str:
    if isinstance(cell, ListCodec):
        return "(?:" + "|".join(re.escape(text) for text in codec.tokenizer.texts(cell.paths)) + ")"
    if isinstance(cell, TextCells):
        return r"[^\n]*\n"
    levels = codec.automata[codec.names.index(name)].levels
    texts = [codec.tokenizer.texts([[int(token)] for token in level.tokens]) for level in levels]
    choices = ["(?:" + "|".join(map(re.escape, sorted(set(some)))) + ")" for some in texts]
    if isinstance(cell, DateCodec) and not cell.missing:
        return "".join(choices)
    # A number may be shorter than the longest one, and "missing" is one token.
    return choices[0] + "".join(choice + "?" for choice in choices[1:])


def readme(base: str, codec: TextCodec, use: str = "") -> str:
    """README.md of what was exported: how rows are written.

    Args:
        base: the name of the pretrained model.
        use: how it is loaded, a paragraph of its own.
    """
    first = codec.tokenizer.texts([codec.lead(0, None)])[0]
    return f"""# {base}, fine-tuned on a table
{use}
Serialization `{codec.serialization}`; columns in this order: {", ".join(f"`{name}`" for name in codec.names)}.

A row begins with the tokenizer's begin token and {first!r}. The model was taught to choose among the values that may
follow, by a softmax over those alone, so another engine must be kept to a row's form too (guided decoding). A regular
expression for it:

    {row_pattern(codec)}

Rows generated so are not bounded and not conditioned as `tabllm sample` does it, and share no beginnings.
"""
