"""Writes a table part by part so that a killed run goes on where it stood."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .rundir import write_json
from .writing import TableWriter, check_output, told

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import Self

__all__ = ["ResumableWriter"]


class ResumableWriter:
    """Like :class:`~.writing.TableWriter`, but parts that are done outlive the process.

    They lie in ``<path>.partial/`` until the last one is there; then they become one file, and the folder goes. What
    cannot be written so (standard output, a sheet of Excel) is written as by :class:`TableWriter`.

    Args:
        identity: what the rows depend on (the run, their number, the seed ...), plain JSON data; parts that were
            left by anything else are thrown away.

    Attributes:
        rows: how many are written, those of earlier calls included; ask for the rest.
        resumed: how many of them were there at the start.
    """

    def __init__(self, path: str | Path, identity: Mapping[str, Any]) -> None:
        self.path, self.kind = path, check_output(path)
        text = json.dumps(identity, sort_keys=True, default=str)
        self._mark = hashlib.sha256(text.encode()).hexdigest()
        self._target = Path(path).resolve()
        self._folder = self._target.with_name(self._target.name + ".partial")
        self._plain = str(path) == "-" or self.kind.name == "excel" or _is_device(self._target)
        self._writer: TableWriter | None = None
        self.rows = self.resumed = 0
        self._parts: list[Path] = []
        self._counts: list[int] = []

    @property
    def kept(self) -> bool:
        """Whether an interrupted run left something to go on from."""
        return not self._plain and bool(self._parts) and self._folder.is_dir()

    @property
    def folder(self) -> Path:
        """Where the parts lie."""
        return Path(str(self.path) + ".partial")

    def __enter__(self) -> Self:
        if self._plain:
            self._writer = TableWriter(self.path).__enter__()
            return self
        with told(self.path):
            self._take_up()
        return self

    def _take_up(self) -> None:
        """Count the parts that are there already, or begin anew."""
        state = self._folder / "state.json"
        with contextlib.suppress(OSError, ValueError, KeyError):
            known = json.loads(state.read_text(encoding="utf-8"))
            if known["mark"] == self._mark:
                for number, rows in enumerate(known["rows"]):
                    part = self._part(number)
                    if not part.is_file():
                        break
                    self._parts.append(part)
                    self._counts.append(int(rows))
        self.resumed = self.rows = sum(self._counts)
        if not self._parts:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _part(self, number: int) -> Path:
        packed = self._target.suffix if self.kind.compression else ""
        return self._folder / f"{number:06d}{self.kind.ending}{packed}"

    def write(self, frame: pd.DataFrame) -> None:
        """Append ``frame``; it is safe when this returns. Raises :class:`OutputError` where it cannot be written."""
        if self._writer is not None:
            self._writer.write(frame)
            self.rows += len(frame)
            return
        with told(self.path):
            self._folder.mkdir(exist_ok=True)
        part = self._part(len(self._parts))
        with TableWriter(part, header=not self._parts) as writer:
            writer.write(frame)
        self._parts.append(part)
        self._counts.append(len(frame))
        self.rows += len(frame)
        write_json(self._folder / "state.json", {"mark": self._mark, "rows": self._counts})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.__exit__(kind, error, trace)
            return
        if kind is not None:
            if not self._parts:
                shutil.rmtree(self._folder, ignore_errors=True)
            return
        with told(self.path):
            self._join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _join(self) -> None:
        hidden = self._target.with_name(f".{self._target.name}.{secrets.token_hex(4)}.part")
        try:
            if len(self._parts) == 1:
                os.replace(self._parts[0], hidden)
            elif self.kind.name == "parquet":
                _join_parquet(self._parts, hidden)
            else:
                # Compressed files may follow each other in one file: each is a member of its own.
                with hidden.open("wb") as whole:
                    for part in self._parts:
                        with part.open("rb") as handle:
                            shutil.copyfileobj(handle, whole, 1 << 20)
            if self._target.exists():
                shutil.copymode(self._target, hidden)
            os.replace(hidden, self._target)
        finally:
            with contextlib.suppress(OSError):
                hidden.unlink()


def _join_parquet(parts: list[Path], target: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # A column that is all missing in one part has another type there.
    schema = pa.unify_schemas([pq.read_schema(part) for part in parts], promote_options="permissive")
    with pq.ParquetWriter(target, schema.with_metadata(pq.read_schema(parts[0]).metadata)) as writer:
        for part in parts:
            writer.write_table(pq.read_table(part).cast(writer.schema))


def _is_device(path: Path) -> bool:
    return path.exists() and not path.is_file()
