"""The run directory of a fine-tuned language model: what is written, and what is refused when it is read.

config.json  schema.json  codec.json  history.jsonl  README.md
model/                 the tokenizer and config; after full tuning the weights too, as transformers reads them
trained.safetensors    adapters and, with the table codec, the table's own vocabulary, by neutral names
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tabular.errors import RunError
from tabular.plain_json import TEXT, FieldError, Kind, check_fields, maybe, object_of, one_of, read_json, real, whole
from tabular.refining import Margins
from tabular.registry import RUN_VERSION
from tabular.runs import read_margins, read_plain_files, read_weights, reading, told_margins, write_margins
from tabular.schema import Schema
from tabular.storage.learning_curve import curve_text
from tabular.storage.rundir import HISTORY, atomic_directory, write_json

from ..decoding.precisions import PRECISIONS
from ..hub.model_files.config import check_no_code
from .serialization.base import LmCodec
from .serialization.names import SERIALIZATIONS, TEXT_SERIALIZATIONS, codec_class
from .serialization.table import TokenCodec

__all__ = ["MODEL_FILES", "LmRun", "copy_model_files", "read_lm_run", "write_lm_run"]

#: What of a model's folder is kept beside the weights.
MODEL_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
)


@dataclass(frozen=True)
class LmRun:
    """What a run directory holds.

    Attributes:
        base: of the pretrained model, as :func:`.bases.describe_base` has it.
        settings: of the generator but for its base, plain JSON data.
        fit: facts of the fit, plain JSON data.
        margins: counts to choose rows by, if there are any.
        trained: float32 arrays by neutral names; empty after full tuning with a text codec.
        model: the folder ``model/``.
    """

    schema: Schema
    codec: LmCodec
    base: dict[str, Any]
    settings: dict[str, Any]
    fit: dict[str, Any]
    history: list[dict[str, float]]
    trained: dict[str, np.ndarray]
    model: Path
    margins: Margins | None = None


def write_lm_run(directory: str | Path, run: LmRun, name: str, export: Callable[[Path], None] | None) -> None:
    """Write the run; it appears whole or not at all. Raises :class:`OutputError` where it cannot be written.

    Args:
        name: the generator's, in the registry.
        export: writes the weights into a folder, after full tuning.
    """
    from safetensors.numpy import save_file

    with atomic_directory(directory) as folder:
        run.schema.to_json(folder / "schema.json")
        config = {"model": name, "version": RUN_VERSION, "base": run.base, "options": run.settings, "fit": run.fit}
        write_json(folder / "config.json", config)
        write_json(folder / "codec.json", run.codec.to_dict())
        write_margins(folder, run.margins)
        (folder / "model").mkdir()
        if export is not None:
            export(folder / "model")
        copy_model_files(run.model, folder / "model")
        if run.trained:
            save_file(run.trained, folder / "trained.safetensors")
        (folder / HISTORY).write_text(curve_text(run.history), encoding="utf-8")
        (folder / "README.md").write_text(_readme(run), encoding="utf-8")


def copy_model_files(source: Path, target: Path) -> None:
    """Copy a model's config and tokenizer; files that are there already stay."""
    for name in MODEL_FILES:
        if (source / name).is_file() and not (target / name).exists():
            shutil.copyfile(source / name, target / name)


def read_lm_run(directory: str | Path) -> LmRun:
    """Read what :func:`write_lm_run` wrote; no code from the files is run.

    Raises:
        RunError: if a file is missing, cut short or does not fit the others.
        ModelError: if the model's config names code to run.
    """
    config, schema, history = read_plain_files(directory)
    folder = Path(directory)
    check_no_code(folder / "model", f"the run {directory}")
    with reading(directory, "config.json"):
        check_fields(
            config,
            {
                "base": object_of(_BASE, needed=("name", "repo", "revision")),
                "fit": object_of({**_FIT, **_FIT_NEW}, needed=tuple(_FIT)),
            },
            "it",
        )
    with reading(directory, "codec.json"):
        data = read_json(folder / "codec.json")
        check_fields(data, {"type": one_of("text", *SERIALIZATIONS)}, "it")
        if data["type"] == "text":
            check_fields(data, {"serialization": one_of(*TEXT_SERIALIZATIONS)}, "it")
        kind = codec_class(data["serialization"] if data["type"] == "text" else data["type"])
        codec = kind.from_run(data, schema, folder / "model")
    trained = folder / "trained.safetensors"
    arrays = read_weights(directory, trained.name) if trained.exists() else {}
    base, fit = dict(config["base"]), dict(config["fit"])
    if base["repo"] is None:  # older versions wrote the path of a local folder
        base["name"] = fit["base"] = Path(base["name"]).name
    # Runs of older versions say no more of their settings than this.
    known = {
        "precision": fit["precision"],
        "tuning": fit["tuning"],
        "serialization": fit["serialization"],
        "rank": fit["rank"],
        "seed": fit["seed"],
        "random_weights": "random" in base,
    }
    settings = {**known, **config.get("options", {})}
    margins = read_margins(directory, schema)
    run = LmRun(schema, codec, base, settings, fit, history, arrays, folder / "model", margins)
    if run.fit["tuning"] == "full" and not any(run.model.glob("*.safetensors")):
        raise RunError(f"The run {directory} lacks the weights in its folder model/; fit again.")
    if (run.fit["tuning"] != "full" or isinstance(codec, TokenCodec)) and not arrays:
        raise RunError(f"The run {directory} lacks its file trained.safetensors; fit again.")
    if isinstance(codec, TokenCodec):
        with reading(directory, trained.name):
            _check_vocabulary(codec, arrays)
    return run


#: What of the pretrained model is in ``config.json``.
_DIGITS = Kind("a seed in digits", lambda v: isinstance(v, str) and v.isascii() and v.isdigit() and len(v) < 20)
_BASE = {
    "name": TEXT,
    "repo": maybe(TEXT),
    "revision": maybe(TEXT),
    "path": TEXT,
    "random": _DIGITS,
    "fingerprint": TEXT,
    "near": TEXT,
}
#: Facts of the fit that loading rests on.
_FIT = {
    "tuning": one_of("full", "lora", "dora"),
    "precision": one_of(*PRECISIONS),
    "rank": whole(1, 1 << 16),
    "serialization": one_of(*SERIALIZATIONS),
    "seed": whole(0),
    "base": TEXT,
}
#: Those that older releases did not write.
_FIT_NEW = {"lora_scale": real(0), "lora_layers": maybe(whole(1))}


def _check_vocabulary(codec: TokenCodec, arrays: Mapping[str, np.ndarray]) -> None:
    """Check that the table's own vocabulary has a weight for each of its tokens, before it is made anew."""
    longest = max((len(value) for name, value in arrays.items() if name.startswith("vocabulary.")), default=0)
    if longest < codec.vocabulary - 1:
        raise FieldError(f"it has weights of {longest:,} tokens, and its codec.json lists {codec.vocabulary - 1:,}")


def _readme(run: LmRun) -> str:
    lines = [f"- `{column.name}`: its kind ({column.kind}), {_held(column)}" for column in run.schema]
    columns = "\n".join([*lines, *told_margins(run.margins)])
    return f"""# A tabllm run

`{run.base["name"]}`, fine-tuned ({run.fit["tuning"]}, {run.fit["precision"]}, serialization
{run.fit["serialization"]}) on a table of {run.schema.rows:,} rows. Make rows of it with
`tabllm sample RUN -n 1000 -o synthetic.csv`.

It holds no rows of the table. It does hold, in `schema.json` and `codec.json`, facts about single columns:

{columns}

The weights were fitted to the rows without differential privacy: there is no formal guarantee that nothing about a
person can be inferred from them. A model of this size can learn single rows by heart; `tabllm eval` counts copies.
"""


def _held(column: Any) -> str:
    held = ["its fraction of missing cells"]
    if column.categories:
        held.append(f"its {len(column.categories):,} categories")
    if column.is_numeric:
        held.append("its smallest and largest value, and each value where there are few")
    if column.kind == "text":
        held.append("the tokens that its texts are made of")
    if column.pattern:
        held.append("the pattern of its identifiers" + " and the words they are made of" * bool(column.words))
    return ", ".join(held)
