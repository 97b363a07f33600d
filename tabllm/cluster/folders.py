"""Where parts go: a folder on a local or shared disk, or one of an object store through pyarrow.

On a disk a part is written under a hidden name, put on the disk and renamed. An object store has no renaming, and shows
a file only when all of it is there; of any other file system the manifest says which parts are whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tabular.errors import OutputError, UsageError
from tabular.storage.placing import as_output_error, hidden_beside, place_file
from tabular.storage.rundir import work_folder

__all__ = ["MANIFEST", "Folder", "LocalFolder", "RemoteFolder", "is_remote", "open_folder"]

#: Readers of Parquet folders (pyarrow, Spark, DuckDB) leave out names that begin with an underscore or a dot.
MANIFEST = "_manifest.json"
_PART = re.compile(r"part-\d{6,}\.parquet")


def is_remote(out: str) -> bool:
    """Whether ``out`` names a place of another file system, as ``s3://bucket/rows`` does."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", out) is not None


class Folder(ABC):
    """A folder of parts and their manifest.

    Attributes:
        name: what the user calls it.
    """

    name: str

    @abstractmethod
    def put(self, name: str, content: Any) -> None:
        """Write a file; it appears whole or not at all, where the file system lets it.

        Args:
            content: bytes, or a buffer.

        Raises:
            OutputError: if it cannot be written.
        """

    @abstractmethod
    def get(self, name: str) -> bytes | None:
        """A file's content; ``None`` if there is none. Raises :class:`OutputError` if it cannot be read."""

    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """The parts that are there: name -> bytes."""

    @abstractmethod
    def size(self, name: str) -> int | None:
        """The bytes of one file; ``None`` if it is not there."""

    @abstractmethod
    def remove(self, names: Iterable[str]) -> None:
        """Remove files; those that are not there are no matter."""

    @abstractmethod
    def claimed(self) -> contextlib.AbstractContextManager[list[str]]:
        """Inside, no other command works in the folder, where the file system can tell; yields notes."""

    def sha256(self, name: str) -> str | None:
        """The checksum of a file where reading it again costs little; else ``None``."""
        return None

    def manifest(self) -> dict[str, Any] | None:
        """The manifest that is there. Raises :class:`OutputError` if it is none."""
        text = self.get(MANIFEST)
        if text is None:
            return None
        with contextlib.suppress(ValueError, RecursionError):
            found = json.loads(text)
            if isinstance(found, dict) and isinstance(found.get("job"), dict) and isinstance(found.get("parts"), list):
                return found
        raise OutputError(
            f"{self.name}{MANIFEST} is damaged, so nothing says which parts are whole; add --force to begin anew, or "
            "name another folder with -o."
        )

    def clear(self) -> None:
        """Remove all parts and the manifest."""
        self.remove([MANIFEST, *self.sizes()])


class LocalFolder(Folder):
    """A folder on a disk of this machine, or one that several machines share."""

    def __init__(self, out: str) -> None:
        self.path = Path(out).resolve()
        self.name = out if out.endswith("/") else out + "/"

    def put(self, name: str, content: Any) -> None:
        target = self.path / name
        hidden = hidden_beside(target)
        try:
            with as_output_error(target):
                hidden.write_bytes(content)
                place_file(hidden, target)
        finally:
            with contextlib.suppress(OSError):
                hidden.unlink()

    def get(self, name: str) -> bytes | None:
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutputError(f"{self.path / name} cannot be read ({error.strerror or error}).") from None

    def sizes(self) -> dict[str, int]:
        found = {}
        for path in self.path.iterdir() if self.path.is_dir() else ():
            if _PART.fullmatch(path.name):
                with contextlib.suppress(FileNotFoundError):
                    found[path.name] = path.stat().st_size
        return found

    def size(self, name: str) -> int | None:
        try:
            return (self.path / name).stat().st_size
        except FileNotFoundError:
            return None

    def remove(self, names: Iterable[str]) -> None:
        with as_output_error(self.path):
            for name in names:
                (self.path / name).unlink(missing_ok=True)

    def sha256(self, name: str) -> str | None:
        digest = hashlib.sha256()
        try:
            with (self.path / name).open("rb") as handle:
                while block := handle.read(1 << 20):
                    digest.update(block)
        except OSError:
            return None
        return digest.hexdigest()

    @contextlib.contextmanager
    def claimed(self) -> Iterator[list[str]]:
        if self.path.exists() and not self.path.is_dir():
            raise OutputError(f"{self.name.rstrip('/')} is a file, and parts go to a folder; name another with -o.")
        with work_folder(self.path) as notes:
            try:
                yield notes
            finally:  # what a worker that was killed had begun
                for left in self.path.glob(".part-*.part"):
                    left.unlink(missing_ok=True)


class RemoteFolder(Folder):
    """A folder of a pyarrow file system.

    Args:
        system: a ``pyarrow.fs.FileSystem``.
        path: of the folder in it.
    """

    def __init__(self, name: str, system: Any, path: str) -> None:
        self.name, self.system, self.path = name.rstrip("/") + "/", system, path.rstrip("/")

    def put(self, name: str, content: Any) -> None:
        with self._as_output_error(name):
            self.system.create_dir(self.path, recursive=True)
            with self.system.open_output_stream(f"{self.path}/{name}") as stream:
                stream.write(content)

    def get(self, name: str) -> bytes | None:
        try:
            with self._as_output_error(name), self.system.open_input_stream(f"{self.path}/{name}") as stream:
                found: bytes = stream.read()
                return found
        except FileNotFoundError:
            return None

    def sizes(self) -> dict[str, int]:
        from pyarrow import fs

        with self._as_output_error(""):
            entries = self.system.get_file_info(fs.FileSelector(self.path, allow_not_found=True))
        return {entry.base_name: entry.size for entry in entries if entry.is_file and _PART.fullmatch(entry.base_name)}

    def size(self, name: str) -> int | None:
        with self._as_output_error(name):
            entry = self.system.get_file_info(f"{self.path}/{name}")
        return entry.size if entry.is_file else None

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            with contextlib.suppress(FileNotFoundError), self._as_output_error(name):
                self.system.delete_file(f"{self.path}/{name}")

    @contextlib.contextmanager
    def claimed(self) -> Iterator[list[str]]:
        yield [f"{self.name} has no locks: do not let two commands write it at once."]

    @contextlib.contextmanager
    def _as_output_error(self, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:  # each file system has errors of its own
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise OutputError(f"{self.name}{name} could not be read or written ({reason}).") from None


def open_folder(out: str) -> Folder:
    """The folder that ``out`` names: a path, or a URI that pyarrow or fsspec knows.

    Raises:
        UsageError: for a URI that neither knows.
    """
    if not is_remote(out):
        return LocalFolder(out)
    import pyarrow as pa
    from pyarrow import fs

    try:
        return RemoteFolder(out, *fs.FileSystem.from_uri(out))
    except (pa.ArrowException, ValueError, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
    try:
        import fsspec

        system, path = fsspec.core.url_to_fs(out)
    except (ImportError, ValueError, OSError) as error:
        raise UsageError(
            f"There is no file system for {out} ({reason}; fsspec: {error}); name a folder, or s3://BUCKET/FOLDER."
        ) from None
    return RemoteFolder(out, fs.PyFileSystem(fs.FSSpecHandler(system)), path)
