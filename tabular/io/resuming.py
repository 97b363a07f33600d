"""Writes a table part by part so that a killed run goes on where it stood."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..errors import OutputError
from ..storage.locking import claimed
from ..storage.placing import as_output_error, hidden_beside, place_file
from ..storage.rundir import drop_partial, partial_of, take_partial, write_json
from .file_form import FileForm
from .writing import TableWriter, check_output

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import Self

__all__ = ["ResumableWriter"]


class ResumableWriter:
    """Like :class:`~.writing.TableWriter`, but parts that are done outlive the process.

    They lie in ``<path>.partial/`` until the last one is there; then they become one file, and the folder goes. Each is
    on the disk before ``state.json`` counts it, with its rows, bytes and checksum. What cannot be written so (standard
    output, a sheet of Excel, a list in JSON) is written as by :class:`TableWriter`.

    Args:
        identity: what the rows depend on (the run, their number, the seed ...), plain JSON data; parts that were
            left by anything else are thrown away.
        rows: how many there must be in the end; absent, as many as are written.
        form: as :class:`~.writing.TableWriter` takes it.

    Attributes:
        rows: how many are written, those of earlier calls included; ask for the rest.
        resumed: how many of them were there at the start.
        notes: sentences about what was there at the start.
    """

    def __init__(
        self, path: str | Path, identity: Mapping[str, Any], *, rows: int | None = None, form: FileForm | None = None
    ) -> None:
        self.path, self.kind, self.wanted, self.form = path, check_output(path), rows, form
        known = identity if form is None else {**identity, "form": form.to_dict()}
        text = json.dumps(known, sort_keys=True, default=str)
        self._mark = hashlib.sha256(text.encode()).hexdigest()
        self._target = Path(path).resolve()
        self._folder = partial_of(self._target)
        self._plain = str(path) == "-" or self.kind.name in ("excel", "json") or _is_device(Path(path))
        self._writer: TableWriter | None = None
        self._open = contextlib.ExitStack()
        self.rows = self.resumed = 0
        self.notes: list[str] = []
        self._parts: list[dict[str, Any]] = []

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
            self._writer = TableWriter(self.path, form=self.form).__enter__()
            return self
        with self._open:
            self.notes += self._open.enter_context(claimed(self.path))
            self._take_up()
            self._open = self._open.pop_all()
        return self

    def _take_up(self) -> None:
        """Count the parts that are there already, or begin anew."""
        take_partial(self._target)
        mark, parts = self._state()
        if mark == self._mark:
            for number, facts in enumerate(parts):
                if _facts(self._part(number)) != {name: facts.get(name) for name in ("bytes", "sha256")}:
                    self.notes.append(
                        f"Part {number + 1} of {len(parts)} in {self.folder}/ is damaged; it and what follows are made "
                        "again."
                    )
                    break
                self._parts.append(facts)
        elif parts:
            self.notes.append(f"{self.folder}/ held the rows of another command, which are thrown away.")
        self.resumed = self.rows = sum(facts["rows"] for facts in self._parts)
        if self.resumed:
            self.notes.append(f"Going on after {self.resumed:,} rows in {self.folder}/.")
        else:
            drop_partial(self._target)

    def _state(self) -> tuple[str | None, list[dict[str, Any]]]:
        """(what the parts are of, facts of each), as far as ``state.json`` can be read."""
        try:
            known = json.loads((self._folder / "state.json").read_text(encoding="utf-8"))
            mark, parts = str(known["mark"]), list(known["parts"])
            if all(type(facts["rows"]) is int and facts["rows"] > 0 for facts in parts):
                return mark, parts
        except FileNotFoundError:
            return None, []
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            pass
        self.notes.append(f"{self.folder}/state.json is damaged; the rows are made again.")
        return None, []

    def _part(self, number: int) -> Path:
        packed = self._target.suffix if self.kind.compression else ""
        return self._folder / f"{number:06d}{self.kind.ending}{packed}"

    def write(self, frame: pd.DataFrame) -> None:
        """Append ``frame``; it is safe when this returns. Raises :class:`OutputError` where it cannot be written."""
        if self._writer is not None:
            self._writer.write(frame)
            self.rows += len(frame)
            return
        if not self._parts:
            take_partial(self._target)
        part = self._part(len(self._parts))
        with TableWriter(part, header=not self._parts, form=self.form) as writer:
            writer.write(frame)
        parts = [*self._parts, {"rows": len(frame), **_facts(part)}]
        write_json(self._folder / "state.json", {"mark": self._mark, "parts": parts})
        self._parts = parts
        self.rows += len(frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            short = self._short() if kind is None else None
            self._writer.__exit__(type(short) if short else kind, short or error, trace)
            if short:
                raise short
            return
        with self._open:
            if kind is None:
                if short := self._short():
                    raise short
                with as_output_error(self.path):
                    self._join()
            if kind is None or not self._parts:
                drop_partial(self._target)

    def _short(self) -> OutputError | None:
        if self.wanted is None or self.rows == self.wanted:
            return None
        return OutputError(f"{self.path} is not whole: {self.rows:,} rows were made, and {self.wanted:,} were wanted.")

    def _join(self) -> None:
        paths = [self._part(number) for number in range(len(self._parts))]
        if len(paths) == 1:
            place_file(paths[0], self._target)
            return
        hidden = hidden_beside(self._target)
        try:
            if self.kind.name in ("parquet", "arrow"):
                from .formats.arrow_files import join_arrow

                rows = join_arrow(paths, hidden, self.kind.name)
            else:
                # Compressed files may follow each other in one file: each is a member of its own.
                with hidden.open("wb") as whole:
                    for part in paths:
                        with part.open("rb") as handle:
                            shutil.copyfileobj(handle, whole, 1 << 20)
                whole_file = hidden.stat().st_size == sum(facts["bytes"] for facts in self._parts)
                rows = self.rows if whole_file else -1
            if rows != self.rows:
                raise OutputError(
                    f"{self.path} is not written: the parts in {self.folder}/ were changed meanwhile; run the same "
                    "command again, which makes them anew."
                )
            place_file(hidden, self._target)
        finally:
            with contextlib.suppress(OSError):
                hidden.unlink()


def _facts(part: Path) -> dict[str, Any]:
    """Bytes and checksum of a file; none where it cannot be read."""
    digest, size = hashlib.sha256(), 0
    try:
        with part.open("rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
                size += len(block)
    except OSError:
        return {}
    return {"bytes": size, "sha256": digest.hexdigest()}


def _is_device(path: Path) -> bool:
    return path.exists() and not path.is_file()
