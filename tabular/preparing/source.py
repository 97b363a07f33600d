"""What a run keeps of the file that it learned: its name, its fingerprint, and the rule that held rows back.

None of its rows are kept: who has the file can find the held-out rows again, who has only the run cannot. A fit with
differential privacy keeps nothing of this, since neither a fingerprint nor a split by position is covered by noise.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RunError, TableError, UsageError
from ..io.file_form import FileForm, ReadOptions
from ..io.origins import STDIN, fingerprint, is_database, is_there
from ..passwords import without_password
from ..registry import read_config
from ..storage.rundir import atomic_directory, write_json
from .holdout import held_out, people_columns

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from ..synthesizer import Synthesizer

__all__ = [
    "Source",
    "check_same_file",
    "find_rows",
    "place_of",
    "read_form",
    "read_source",
    "save_run",
    "source_of",
    "write_source",
]


@dataclass(frozen=True)
class Source:
    """The file a run was fitted to, and which of its rows were learned.

    Attributes:
        file: its path, from the folder that the run lies in.
        sha256: of its bytes.
        rows: of the whole file.
        delimiter: as it was given; ``None`` if it was found.
        reading: what else was given of how the file is read (:meth:`tabular.io.file_form.ReadOptions.given`).
        form: how the file is written (:meth:`tabular.io.file_form.FileForm.to_dict`), for ``sample`` to write its rows
            so.
        holdout_rows: how many rows were to be held back; see :func:`tabular.preparing.holdout.held_out`.
        learned_rows: how many of the others were drawn to learn from; ``None``: all.
        seed: of both draws.
        people: the columns by which rows belong to one person, who was held back whole or not at all; none: rows were
            drawn, as older runs drew them of every table.
        dropped: the columns that were left out.
    """

    file: str
    sha256: str
    rows: int
    delimiter: str | None
    holdout_rows: int
    learned_rows: int | None
    seed: int
    people: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    reading: Mapping[str, Any] = field(default_factory=dict)
    form: Mapping[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> ReadOptions:
        """How the file is read."""
        return replace(ReadOptions.of(self.reading), delimiter=self.delimiter)

    def split(self, table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """(the rows that were learned, those that were held back if any) of ``table``, in their old order."""
        held = held_out(table, self.holdout_rows, self.seed, self.people)
        learned = table.iloc[self._learned(held)].reset_index(drop=True)
        return learned, table[held].reset_index(drop=True) if self.holdout_rows else None

    def held(self, table: pd.DataFrame) -> np.ndarray:
        """bool[rows]: which rows of ``table`` were held back."""
        return held_out(table, self.holdout_rows, self.seed, self.people)

    def learned_positions(self, table: pd.DataFrame) -> np.ndarray:
        """int64[learned]: where the rows that :meth:`split` gives to be learned stand in ``table``, from 0."""
        return self._learned(held_out(table, self.holdout_rows, self.seed, self.people))

    def _learned(self, held: np.ndarray) -> np.ndarray:
        import numpy as np
        import pandas as pd

        from ..io.reading import random_rows

        left = np.flatnonzero(~held)
        if self.learned_rows is None or self.learned_rows >= len(left):
            return left
        return random_rows(pd.DataFrame({"position": left}), self.learned_rows, self.seed)["position"].to_numpy()


def source_of(
    data: str | Path,
    table: pd.DataFrame,
    run: str | Path,
    *,
    options: ReadOptions | None = None,
    holdout: float | int = 0,
    learned_rows: int | None = None,
    seed: int = 0,
    dropped: Sequence[str] = (),
    form: FileForm | None = None,
    people: Sequence[str] | None = None,
) -> Source:
    """The source of a fit to the file ``data``, read as ``table``, whose run will be ``run``.

    Args:
        data: as :func:`tabular.io.reading.read_table` takes it.
        options: how it was read.
        holdout: below 1 a fraction of the rows, at least one row; else a number of rows; 0: none.
        dropped: the columns of the file that ``table`` has not.
        form: how the file is written.
        people: the columns by which rows belong to one person, where they are known; found if absent.

    Raises:
        UsageError: if fewer than two rows would be left to learn from.
    """
    count = max(1, round(holdout * len(table))) if 0 < holdout < 1 else int(holdout)
    if people is None:
        people = people_columns(table, seed=seed)
    people = tuple(people) if 0 < count < len(table) else ()
    held = int(held_out(table, count, seed, people).sum())
    if len(table) - held < 2:
        raise UsageError(
            f"A holdout of {held:,} of the {len(table):,} rows of {data} leaves too few to learn from; keep fewer."
        )
    given = {} if options is None else options.given()
    return Source(
        file=_kept_name(data, run),
        sha256=fingerprint(data) or _of_cells(table),
        rows=len(table),
        delimiter=given.pop("delimiter", None),
        holdout_rows=count,
        learned_rows=learned_rows,
        seed=seed,
        people=people,
        dropped=tuple(dropped),
        reading=given,
        form={} if form is None else form.to_dict(),
    )


def _kept_name(data: str | Path, run: str | Path) -> str:
    """``data`` from the folder that the run lies in; standard input and databases as they are called."""
    if str(data) == STDIN or is_database(data):
        return without_password(str(data))
    return Path(os.path.relpath(Path(data).resolve(), Path(run).resolve().parent)).as_posix()


def _of_cells(table: pd.DataFrame) -> str:
    """A checksum of the cells of ``table`` as text."""
    import pandas as pd

    return hashlib.sha256(pd.util.hash_pandas_object(table.astype(str), index=False).to_numpy().tobytes()).hexdigest()


def save_run(synthesizer: Synthesizer, run: str | Path, source: Source | None) -> None:
    """Save ``synthesizer`` with ``source`` in its ``config.json``; the run appears whole or not at all."""
    if source is None:
        synthesizer.save(run)
        return
    with atomic_directory(run) as folder:
        synthesizer.save(folder)
        write_source(folder, source)


def write_source(run: Path, source: Source) -> None:
    """Keep ``source`` in the ``config.json`` of a run, as older versions read it where it has nothing new."""
    new = ("people", "dropped", "reading", "form")
    kept = {name: value for name, value in asdict(source).items() if value or name not in new}
    write_json(run / "config.json", {**read_config(run), "source": kept})


def read_form(run: str | Path) -> FileForm | None:
    """How the file was written that ``run`` learned, if it keeps that. Raises :class:`RunError` if it is damaged."""
    source = read_source(run)
    return FileForm.from_dict(source.form) if source is not None and source.form else None


def read_source(run: str | Path) -> Source | None:
    """The source of a run, if it keeps one. Raises :class:`RunError` if it is damaged."""
    found = read_config(run).get("source")
    if found is None:
        return None
    try:
        return _checked(found)
    except (TypeError, ValueError, LookupError, AttributeError, UsageError):
        text = json.dumps(found)[:80]
        raise RunError(f"The run {run} is damaged (its source is {text}); fit again.") from None


def find_rows(
    run: str | Path, data: str | Path | None = None, *, options: ReadOptions | None = None
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """(the rows that ``run`` learned, those that it held back if any), read from the file that it was fitted to.

    Args:
        data: where the file is now; where it was if absent. A run that keeps no source is taken to have learned all
            rows of it.
        options: of the file of a run that keeps no source.

    Raises:
        UsageError: if the file is not there, or the run does not say which it is.
        TableError: if it is not as it was.
    """
    from ..io.dropping import drop_columns
    from ..io.reading import check_table, read_table

    source = read_source(run)
    if source is None:
        if data is None:
            raise UsageError(f"The run {run} does not say which file it learned; name that file with --data FILE.")
        return check_table(read_table(data, options=options)), None
    path = place_of(run, source, data)
    table = None
    if is_database(path):
        table = check_table(drop_columns(read_table(path, options=source.options), source.dropped))
    _check_same(run, source, path, fingerprint(path) if table is None else _of_cells(table))
    if table is None:
        table = check_table(drop_columns(read_table(path, options=source.options), source.dropped))
    for column in source.people:
        if column not in table:
            raise RunError(f"The run {run} is damaged ({_short(path)} has no column {column!r}); fit again.")
    return source.split(table)


def place_of(run: str | Path, source: Source, data: str | Path | None = None) -> str | Path:
    """Where the file is that ``run`` learned. Raises :class:`UsageError` if it is not there."""
    path = data if data is not None else _kept_place(run, source)
    if path is None or not is_there(path):
        raise UsageError(f"{_named(source)} that {run} learned, is not there; say where it is with --data FILE.")
    return path


def check_same_file(run: str | Path, source: Source, path: str | Path) -> None:
    """Raise :class:`TableError` if the file ``path`` is not as it was when ``run`` learned it."""
    _check_same(run, source, path, fingerprint(path))


def _check_same(run: str | Path, source: Source, path: str | Path, found: str | None) -> None:
    if found != source.sha256:
        raise TableError(
            f"{_short(path)} is not as it was when {run} learned it, so its held-out rows are not known; name a "
            "copy of the old file with --data FILE, or fit again."
        )


def _kept_place(run: str | Path, source: Source) -> str | Path | None:
    """Where the file lies now that was learned, as :func:`source_of` kept it; ``None`` for standard input."""
    if source.file == STDIN:
        return None
    return source.file if is_database(source.file) else Path(run).resolve().parent / source.file


def _named(source: Source) -> str:
    return "Standard input, the table" if source.file == STDIN else f"{source.file}, the file"


def _checked(found: Mapping[str, Any]) -> Source:
    source = Source(**{**found, "people": tuple(found.get("people", ())), "dropped": tuple(found.get("dropped", ()))})
    counts = (source.rows, source.holdout_rows, source.seed, source.learned_rows or 0)
    if not all(isinstance(count, int) and count >= 0 for count in counts) or source.holdout_rows > source.rows:
        raise ValueError
    if not all(isinstance(text, str) for text in (source.file, source.sha256, *source.people, *source.dropped)):
        raise ValueError
    _ = source.options.checked(), source.form and FileForm.from_dict(source.form)
    return source


def _short(path: str | Path) -> str:
    """``path`` from the working directory, where it lies below it."""
    if is_database(path):
        return without_password(str(path))
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return str(path)
