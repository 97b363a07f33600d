"""The files of a run directory, the same for every generator that keeps its weights there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .errors import RunError, SchemaError, TabllmError
from .plain_json import (
    NUMBER,
    PLAIN,
    TEXT,
    FieldError,
    check_fields,
    each_of,
    maybe,
    object_of,
    read_json,
    read_json_lines,
    real,
    whole,
)
from .refining import MIN_CELL, Margins
from .registry import RUN_VERSION, check_name, read_config
from .schema import Column, Schema
from .storage.learning_curve import curve_text
from .storage.rundir import HISTORY, atomic_directory, write_json

if TYPE_CHECKING:
    from .synthesizer import Synthesizer

    Model = TypeVar("Model", bound=Synthesizer)

__all__ = [
    "RunFiles",
    "check_shapes",
    "damaged",
    "describe_run",
    "guarantee",
    "read_margins",
    "read_plain_files",
    "read_run_files",
    "read_weights",
    "reading",
    "restored",
    "told_margins",
    "write_margins",
    "write_run_files",
]


@dataclass(frozen=True)
class RunFiles:
    """What a run directory holds.

    Attributes:
        config: ``config.json`` without its version; ``model`` names the generator, ``fit`` holds its facts.
        schema: ``schema.json``.
        codec: ``codec.json``, how the generator sees the columns.
        weights: ``model.safetensors``.
        history: ``history.jsonl``, one entry per evaluation on the loss.
        margins: ``margins.json``, if there is one: counts to choose rows by.
    """

    config: Mapping[str, Any]
    schema: Schema
    codec: Mapping[str, Any]
    weights: dict[str, np.ndarray]
    history: Sequence[Mapping[str, float]]
    margins: Margins | None = None


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
        write_margins(folder, files.margins)
        save_file(files.weights, folder / "model.safetensors")
        (folder / HISTORY).write_text(curve_text(files.history), encoding="utf-8")
        (folder / "README.md").write_text(_readme(files, held), encoding="utf-8")


#: What the facts of a fit must be, where a run has them; others are let through.
FIT_FIELDS = {
    "seed": whole(0),
    "steps": whole(0),
    "parameters": whole(0),
    "batch_size": whole(0),
    "epochs": real(0),
    "learning_rate": real(0),
    "fit_seconds": real(0),
    "engine": TEXT,
    "device": TEXT,
    "privacy": maybe(object_of({"epsilon": real(0), "delta": real(0, 1), "neighbours": TEXT})),
}


def read_run_files(directory: str | Path) -> RunFiles:
    """Read what :func:`write_run_files` wrote; no code from the files is run.

    Raises:
        RunError: if a file is missing, cut short or not what it must be.
    """
    config, schema, history = read_plain_files(directory)
    folder = Path(directory)
    with reading(directory, "codec.json"):
        codec = read_json(folder / "codec.json")
        check_fields(codec, {}, "it")
    weights = read_weights(directory, "model.safetensors")
    return RunFiles(config, schema, codec, weights, history, read_margins(directory, schema))


def write_margins(folder: Path, margins: Margins | None) -> None:
    """Write ``margins.json``, if there are any."""
    if margins is not None:
        write_json(folder / "margins.json", margins.to_dict())


def read_margins(directory: str | Path, schema: Schema) -> Margins | None:
    """What :func:`write_margins` wrote; ``None`` where nothing was. Raises as :func:`reading`."""
    path = Path(directory) / "margins.json"
    if not path.exists():
        return None
    with reading(directory, path.name):
        return Margins.from_dict(read_json(path), schema)


def told_margins(margins: Margins | None) -> list[str]:
    """What the file holds, as a line of the run's README; none where there is no file."""
    if margins is None:
        return []
    return [
        f"- `margins.json`: how many rows have which groups of values, of single columns and of {len(margins.pairs):,} "
        f"pairs, where {MIN_CELL} rows or more have them"
    ]


def read_plain_files(directory: str | Path) -> tuple[dict[str, Any], Schema, list[dict[str, float]]]:
    """``config.json``, ``schema.json`` and ``history.jsonl`` of a run of any generator; raises as :func:`reading`."""
    config = read_config(directory)
    folder = Path(directory)
    with reading(directory, "config.json"):
        kinds = {"fit": object_of(FIT_FIELDS, needed=()), "options": each_of(PLAIN)}
        check_fields(config, kinds, "it", needed=())
    with reading(directory, "schema.json"):
        schema = Schema.from_json(folder / "schema.json")
    with reading(directory, "history.jsonl"):
        history = read_json_lines(folder / "history.jsonl") if (folder / "history.jsonl").exists() else []
        for number, entry in enumerate(history, 1):
            check_fields({"entry": entry}, {"entry": each_of(NUMBER)}, f"line {number:,}")
    return config, schema, history


def describe_run(directory: str | Path) -> tuple[dict[str, Any], Schema] | None:
    """What ``describe()`` of the generator and its schema say, from the plain files of a run: no model is loaded.

    ``None`` for a run that has other files, which only its generator can read; raises as :func:`reading`.
    """
    folder = Path(directory)
    name = str(read_config(directory)["model"])
    check_name(name)
    if not (folder / "codec.json").is_file():
        return None
    from safetensors import safe_open

    config, schema, history = read_plain_files(directory)
    facts = dict(config.get("fit", {}))
    if config.get("base", {}).get("repo", "") is None:  # older versions wrote the path of a local folder
        facts["base"] = Path(config["base"]["name"]).name
    for path in folder.glob("*.safetensors"):
        with reading(directory, path.name), safe_open(path, "numpy"):
            pass  # its header and its length are checked
    return {"model": name, "rows": schema.rows, "columns": len(schema), **facts, "history": history}, schema


def read_weights(directory: str | Path, name: str) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file of a run; raises as :func:`reading`."""
    from safetensors.numpy import load_file

    with reading(directory, name):
        weights: dict[str, np.ndarray] = load_file(Path(directory) / name)
        for label, value in weights.items():
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                raise FieldError(f"{label!r} holds numbers that are not finite")
    return weights


def check_shapes(found: Mapping[str, Sequence[int]], wanted: Mapping[str, Sequence[int]]) -> None:
    """Check the weights of a file against what its ``config.json`` and ``codec.json`` declare, by name.

    Raises:
        FieldError: naming a weight that is missing, has another shape, or is one too many.
    """
    for name, shape in wanted.items():
        if name not in found:
            raise FieldError(f"it lacks the weights {name!r}")
        if tuple(found[name]) != tuple(shape):
            raise FieldError(f"it has {name!r} of the shape {tuple(found[name])}, and config.json wants {tuple(shape)}")
    if more := set(found) - set(wanted):
        raise FieldError(f"it holds {min(more)!r}, of which its config.json knows nothing")


@contextlib.contextmanager
def reading(directory: str | Path, name: str) -> Iterator[None]:
    """Whatever goes wrong inside is reported as a fault of the file ``name`` of a run.

    Raises:
        RunError: naming the run, the file and what is wrong with it.
    """
    try:
        yield
    except FileNotFoundError as error:
        # safetensors names the file in its message alone.
        missing = Path(str(error.filename)).name if error.filename else name
        raise RunError(f"The run {directory} lacks its file {missing}; fit again.") from None
    except SchemaError as error:
        raise RunError(f"The run {directory} has no usable schema.json ({error}) Fit again.") from None
    except (TabllmError, MemoryError):
        raise
    except FieldError as error:
        raise damaged(directory, f"{name}: {error}") from None
    except Exception as error:  # numpy, torch and safetensors each have their own for data that does not fit
        raise damaged(directory, f"{name}: {type(error).__name__}: {error}") from None


def damaged(directory: str | Path, why: str) -> RunError:
    """The error for a run whose files are there but cannot be used."""
    return RunError(f"The run {directory} is damaged ({' '.join(why.split())[:400].rstrip('.')}); fit again.")


def restored(kind: type[Model], recorded: Mapping[str, Any], directory: str | Path, **given: Any) -> Model:
    """A generator with the settings that a run recorded; what an older run did not record has its default.

    Args:
        directory: of the run.
        given: settings of the load itself; they win, and are not checked.

    Raises:
        RunError: if there is no generator with the recorded settings.
    """
    from .dp.settings import Privacy

    try:
        # JSON has lists, and no classes.
        found: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in recorded.items()
        }
        if found.get("privacy") is not None:
            found["privacy"] = Privacy(**found["privacy"])
        model = kind(**found)
        model.check_settings()
    except (TabllmError, TypeError) as error:
        raise damaged(directory, f"its config.json has settings that cannot be: {error}") from None
    return model.set_params(**given)


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
        kept = [f"its kind ({column.kind}) and fraction of missing cells"]
        if column.categories:
            kept.append(f"its {len(column.categories):,} categories")
        if column.gives_persons_away:
            kept.append(f"REAL VALUES OF PERSONS ({column.personal}) among them")
        if column.is_numeric:
            kept.append("its smallest and largest value")
        if more := held(column):
            kept.append(more)
        if column.pattern:
            kept.append("the pattern of its identifiers" + " and the words they are made of" * bool(column.words))
        lines.append(f"- `{column.name}`: {', '.join(kept)}")
    lines += [
        *told_margins(files.margins),
        "",
        *_people(files.config.get("fit", {})),
        guarantee(files.config.get("fit", {}).get("privacy")),
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
        '`tabllm eval` tells ("combinations that only one person has").',
        "",
    ]


def guarantee(privacy: Mapping[str, Any] | None) -> str:
    """What can be promised of a run's privacy, for its README."""
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
