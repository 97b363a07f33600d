"""The folder of a study: a run, its synthetic rows and facts, each with the fingerprint of what it was made from.

A fingerprint lies in the very file that it speaks of (of a run: in its folder), and both appear in one step. So neither
a kill at any moment nor a call with other settings leaves a fingerprint beside the results of something else.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from tabular.errors import RunError, TabllmError
from tabular.plain_json import read_json
from tabular.preparing.source import Source, write_source
from tabular.progress import Reporter
from tabular.registry import create, load_run
from tabular.schema import Schema
from tabular.storage.locking import claimed
from tabular.storage.placing import as_output_error, hidden_beside, place_file
from tabular.storage.rundir import atomic_directory, drop_partial, make_folder, take_partial, write_json
from tabular.synthesizer import Synthesizer

__all__ = [
    "Synthetic",
    "Workspace",
    "fingerprint",
    "fingerprint_of_fit",
    "fitted_run",
    "folder_of",
    "has_fingerprint",
    "learn_run",
    "save_with",
]

T = TypeVar("T")

#: The file of a run, and the entry of a Parquet file's metadata, that holds the fingerprint.
RUN_MARK, TABLE_MARK = "fingerprint.json", b"tabllm"


def fingerprint(facts: Any, *tables: pd.DataFrame) -> str:
    """A digest of plain data and of the rows of some tables, their order included."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    for part in tables:
        digest.update(pd.util.hash_pandas_object(part.astype("object").astype(str), index=False).to_numpy().tobytes())
    return digest.hexdigest()


def fingerprint_of_fit(model: str, options: Mapping[str, Any], schema: Schema, table: pd.DataFrame) -> str:
    """A digest of everything that a fit depends on."""
    return fingerprint([model, dict(options), schema.to_dict()], table)


def folder_of(folder: str | Path, model: str) -> Path:
    """Where a model that is compared with others has its own files."""
    return Path(folder) / model.strip("./").replace("/", "--")


def save_with(synthesizer: Synthesizer, run: Path, facts: Mapping[str, Any], source: Source | None = None) -> None:
    """Save a run together with the facts of its fit, ``fingerprint`` among them; both appear in one step."""
    with atomic_directory(run) as hidden:
        synthesizer.save(hidden)
        if source is not None:
            write_source(hidden, source)
        write_json(hidden / RUN_MARK, facts)


def learn_run(
    synthesizer: Synthesizer,
    table: pd.DataFrame,
    schema: Schema | None,
    run: Path,
    *,
    progress: Reporter,
    save: Callable[[Path], None],
) -> None:
    """Fit ``synthesizer`` and write ``run`` with ``save``; an interrupted fit leaves a checkpoint, and is gone on with.

    Raises:
        TabllmError: what the generator raises.
        OutputError: if the folder cannot be written.
    """
    partial = take_partial(run)
    try:
        synthesizer.fit(table, schema=schema, progress=progress, checkpoint=partial)
        save(run)
    finally:
        drop_partial(run, if_empty=True)
    drop_partial(run)


def fitted_run(
    run: Path,
    wanted: str,
    model: str,
    table: pd.DataFrame,
    schema: Schema,
    options: Mapping[str, Any],
    *,
    progress: Reporter,
    source: Source | None = None,
    anew: bool = False,
    around: AbstractContextManager[Any] | None = None,
) -> tuple[Synthesizer, float, bool]:
    """(``model`` fitted to ``table``, the seconds that took, whether an earlier call did it): the run is loaded, gone
    on with or fitted.

    Args:
        wanted: the fingerprint of the fit.
        source: what the run keeps of the file of ``table``.
        anew: fit even if an earlier call did.
        around: entered for a fit, and not where the run is loaded.

    Raises:
        TabllmError: what the generator raises.
        OutputError: if the folder cannot be written.
    """
    device = options.get("device", "auto")
    facts = None if anew else _facts(run / RUN_MARK, wanted)
    if facts is not None:
        try:
            return load_run(run, device=device), float(facts.get("fit_seconds", 0.0)), True
        except (RunError, TypeError, ValueError) as error:
            reason = error if isinstance(error, RunError) else f"{run / RUN_MARK} is damaged; fit again."
            progress.note(f"{reason} That is done now.")
    progress.note(f"Learning {len(table):,} rows of {table.shape[1]} columns with {model}.")
    started = time.perf_counter()
    learned = create(model, **options)
    kept: dict[str, Any] = {"fingerprint": wanted}

    def save(folder: Path) -> None:
        kept["fit_seconds"] = time.perf_counter() - started
        save_with(learned, folder, kept, source)

    with around or nullcontext():
        learn_run(learned, table, schema, run, progress=progress, save=save)
    # A run that cannot be read again is none.
    return load_run(run, device=device), kept["fit_seconds"], False


def has_fingerprint(run: Path, wanted: str) -> bool:
    """Whether a run was fitted to what ``wanted`` is the fingerprint of."""
    return _facts(run / RUN_MARK, wanted) is not None


def _facts(path: Path, wanted: str) -> dict[str, Any] | None:
    try:
        facts: dict[str, Any] = read_json(path)
        return facts if facts["fingerprint"] == wanted else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True)
class Synthetic:
    """Rows of a generator, and what they cost; ``resumed`` if an earlier call made them."""

    table: pd.DataFrame = field(repr=False)
    fit_seconds: float
    sample_seconds: float
    resumed: bool


class Workspace:
    """What is done in ``folder`` is not done again; what was made from anything else is made anew."""

    def __init__(self, folder: str | Path, progress: Reporter) -> None:
        self.folder, self.progress = Path(folder), progress

    def facts(self, name: str, wanted: str, read: Callable[[dict[str, Any]], T]) -> T | None:
        """What ``read`` makes of the JSON file ``name``; ``None`` where it has another fingerprint or is damaged."""
        found = _facts(self.folder / name, wanted)
        try:
            return None if found is None else read(found)
        except (LookupError, TypeError, ValueError, AttributeError, TabllmError):
            self.progress.note(f"{self.folder / name} is damaged; it is made anew.")
            return None

    def keep(self, name: str, made_from: str, facts: Mapping[str, Any]) -> None:
        """Write the JSON file ``name`` with its fingerprint. Raises :class:`OutputError` where that cannot be done."""
        write_json(self.folder / name, {"fingerprint": made_from, **facts})

    def synthetic(
        self,
        model: str,
        table: pd.DataFrame,
        schema: Schema,
        options: Mapping[str, Any],
        *,
        asked: Any,
        sample: Callable[[Synthesizer], pd.DataFrame],
    ) -> Synthetic:
        """Rows that ``sample`` draws from ``model``, fitted to ``table``; an interrupted fit goes on.

        Args:
            options: of the generator.
            asked: what ``sample`` depends on beside the run, as plain JSON data.

        Raises:
            TabllmError: what the generator raises.
            OutputError: if the folder cannot be written.
        """
        fit = fingerprint_of_fit(model, options, schema, table)
        wanted = fingerprint([fit, asked])
        path = self.folder / "synthetic.parquet"
        found = self._read_table(path, wanted)
        if found is not None:
            return found
        make_folder(self.folder)
        run = self.folder / "run"
        learned, fit_seconds, _ = fitted_run(run, fit, model, table, schema, options, progress=self.progress)
        started = time.perf_counter()
        made = sample(learned)
        facts = {"fit_seconds": fit_seconds, "sample_seconds": time.perf_counter() - started}
        _write_table(path, made, {"fingerprint": wanted, **facts})
        # Read again, so that a call that goes on from here has the same rows.
        written = self._read_table(path, wanted)
        return Synthetic(made if written is None else written.table, **facts, resumed=False)

    def _read_table(self, path: Path, wanted: str) -> Synthetic | None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(path) as file:
                facts = json.loads((file.schema_arrow.metadata or {}).get(TABLE_MARK, b"{}"))
                if facts.pop("fingerprint", None) != wanted:
                    return None
                return Synthetic(file.read().to_pandas(), **facts, resumed=True)
        except FileNotFoundError:
            return None
        except (OSError, pa.ArrowException, ValueError, TypeError, AttributeError):
            self.progress.note(f"{path} is damaged; its rows are made anew.")
            return None


def _write_table(path: Path, table: pd.DataFrame, facts: Mapping[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = pa.Table.from_pandas(table, preserve_index=False)
    metadata = {**(content.schema.metadata or {}), TABLE_MARK: json.dumps(facts).encode()}
    hidden = hidden_beside(path)
    with claimed(path), as_output_error(path):
        try:
            pq.write_table(content.replace_schema_metadata(metadata), hidden)
            place_file(hidden, path)
        finally:
            hidden.unlink(missing_ok=True)
