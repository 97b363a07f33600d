"""A job: what all its parts depend on, as plain JSON, and which rows each part holds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabular.errors import RunError
from tabular.storage.rundir import MARKER

from .folders import is_remote

__all__ = ["Job", "PartFacts", "Work", "file_sha256", "run_files", "run_fingerprint"]

#: The version of the manifest's form.
VERSION = 1


@dataclass(frozen=True)
class PartFacts:
    """One finished part.

    Attributes:
        part: its number, from 0.
        rows, bytes: of its file.
        sha256: of its file.
    """

    part: int
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Job:
    """Work on ``rows`` rows, cut into parts of ``part_rows``; each part is a function of the job and its number alone.

    Attributes:
        task: ``"sample"``, or another name in :data:`.tasks.TASKS`.
        run: :func:`run_fingerprint` of the run.
        seed: of the whole job.
        settings: whatever else a part depends on, plain JSON data: conditions, temperature, the input ...
    """

    task: str
    run: str
    rows: int
    part_rows: int
    seed: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return -(-self.rows // self.part_rows)

    def span(self, part: int) -> tuple[int, int]:
        """The first row of a part, and the one after its last."""
        return part * self.part_rows, min(self.rows, (part + 1) * self.part_rows)

    def file(self, part: int) -> str:
        """The name of a part's file; names sort as the parts do."""
        return f"part-{part:06d}.parquet"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, by which the manifest knows the job."""
        return {
            "version": VERSION,
            "task": self.task,
            "run": self.run,
            "rows": self.rows,
            "part_rows": self.part_rows,
            "seed": self.seed,
            "settings": dict(self.settings),
        }

    def difference(self, other: Mapping[str, Any]) -> str | None:
        """In what a job of a manifest is another one, in words; ``None`` if it is the same."""
        mine = self.to_dict()
        for name in ("version", "task", "run", "rows", "seed", "part_rows"):
            if other.get(name) != mine[name]:
                words = {"run": "another run", "version": "another version of tabllm"}
                return words.get(name, f"{_WORDS.get(name, name)} {_short(other.get(name))}, not {_short(mine[name])}")
        theirs = other.get("settings")
        settings, theirs = dict(self.settings), theirs if isinstance(theirs, dict) else {}
        for name in sorted(settings.keys() | theirs.keys()):
            if settings.get(name) != theirs.get(name):
                return f"{name} {_short(theirs.get(name))}, not {_short(settings.get(name))}"
        return None


@dataclass(frozen=True)
class Work:
    """A job and where its files are.

    Attributes:
        run: the folder of the run, absolute.
        out: the folder of parts, absolute or a URI.
        table: the file whose rows are worked on, absolute; ``None`` where rows are sampled.
        device: where to compute.
        options: of :func:`tabular.registry.load_run`.
    """

    job: Job
    run: str
    out: str
    table: str | None = None
    device: str = "cpu"
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, job: Job, run: str | Path, out: str, *, table: str | None = None, **options: Any) -> Work:
        """The same, of paths as the user wrote them."""
        out = out if is_remote(out) else str(Path(out).resolve())
        return cls(job, str(Path(run).resolve()), out, table and str(Path(table).resolve()), **options)


_WORDS = {"rows": "-n", "seed": "--seed"}


def _short(value: Any) -> str:
    text = f"{value:,}" if type(value) is int else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def file_sha256(path: str | Path) -> str:
    """The checksum of a file's content."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def run_fingerprint(folder: str | Path) -> str:
    """A checksum of all files of a run, the same for a copy of it. Raises :class:`RunError` if one cannot be read."""
    root, digest = Path(folder), hashlib.sha256()
    try:
        for path in sorted(run_files(root), key=lambda path: path.relative_to(root).as_posix()):
            digest.update(f"{path.relative_to(root).as_posix()} {file_sha256(path)}\n".encode())
    except OSError as error:
        raise RunError(f"The run {folder} cannot be read ({error.strerror or error}).") from None
    return digest.hexdigest()


def run_files(root: Path) -> list[Path]:
    """The files of a run, without the marker and hidden files of a program that is writing."""
    return [path for path in root.rglob("*") if path.is_file() and (path.name == MARKER or path.name[0] != ".")]
