"""Where a table comes from: a file, several files of one table, standard input, or a database."""

from __future__ import annotations

import contextlib
import difflib
import glob
import hashlib
import re
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

from ..errors import UsageError
from .file_form import FileForm
from .files import COMPRESSIONS, FORMATS, FileFormat, compression_of, file_format

__all__ = [
    "STDIN",
    "ending_of",
    "existing",
    "file_sha256",
    "fingerprint",
    "format_of",
    "is_database",
    "is_table",
    "is_there",
    "name_of",
    "parts_of",
    "spooled",
]

#: The name of standard input.
STDIN = "-"
_URL = re.compile(r"(duckdb|sqlite|postgres|postgresql|mysql)://", re.IGNORECASE)


def is_database(origin: str | Path) -> bool:
    """Whether ``origin`` names a table in a database, such as ``sqlite:///file.db?table=clicks``."""
    return isinstance(origin, str) and _URL.match(origin) is not None


def name_of(origin: str | Path) -> str:
    """``visits`` for ``folder/visits.csv.gz``, ``folder/visits/`` and a table ``visits`` of a database."""
    text = str(origin)
    if text == STDIN:
        return "table"
    if is_database(text):
        table = re.search(r"[?&]table=([\w.-]+)", text)
        return table[1] if table else Path(text.partition("://")[2].partition("?")[0]).name.split(".")[0] or "table"
    path = Path(text)
    if glob.has_magic(path.name) and not path.exists():
        return path.resolve().parent.name or "table"
    name = (path.resolve() if path.name in ("", "..") else path).name
    return name.split(".")[0] or name.lstrip(".")


@cache
def spooled() -> Path:
    """Standard input as a file, which can be read twice; it is removed when the process ends."""
    if sys.stdin is None:
        raise UsageError("Standard input is closed; name a file.")
    if sys.stdin.isatty():
        raise UsageError("Standard input is the keyboard; pipe a table into it, or name a file.")
    keep = tempfile.NamedTemporaryFile(prefix="tabllm-")  # noqa: SIM115  # as long as the process
    _KEPT.append(keep)
    shutil.copyfileobj(sys.stdin.buffer, keep)
    keep.flush()
    return Path(keep.name)


_KEPT: list[tempfile._TemporaryFileWrapper[bytes]] = []
#: First bytes -> format.
_STARTS = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"FEA1", "arrow"),
    (b"PK\x03\x04", "excel"),
    (b"\xd0\xcf\x11\xe0", "excel"),
)
_PACKED = {"gzip": b"\x1f\x8b", "bz2": b"BZh", "xz": b"\xfd7zXZ\x00", "zstd": b"\x28\xb5\x2f\xfd"}


def format_of(path: Path, given: str | None, *, by_content: bool = False) -> FileFormat:
    """The format of a file: the ``given`` one, what its first bytes say, or what its name says.

    Raises:
        UsageError: if the name says none.
    """
    if given is not None:
        packed = _compression(path) if by_content else compression_of(path)
        return FileFormat(given, _ending(given), packed)
    if not by_content:
        return file_format(path)
    with path.open("rb") as handle:
        start = handle.read(4096)
    packed = _compression(path)
    found = next((name for mark, name in _STARTS if start.startswith(mark)), None)
    if found is None and packed is None:
        text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
        found = "json" if text[:1] in (b"{", b"[") and b'"' in text[:200] else None
    return FileFormat(found or "csv", _ending(found or "csv"), packed)


def ending_of(origin: str | Path, form: FileForm, *, compressed: bool = False) -> str:
    """The ending for another file of the same format: that of a file that has one.

    Args:
        compressed: whether the file is to be compressed where this one is.
    """
    if not is_database(origin) and Path(origin).is_file():
        with contextlib.suppress(UsageError):
            found = file_format(Path(origin))
            return found.ending + (Path(origin).suffix.lower() if compressed and found.compression else "")
    return _ending(form.format)


def _ending(format: str) -> str:
    return next(ending for ending, name in FORMATS.items() if name == format)


def _compression(path: Path) -> str | None:
    with path.open("rb") as handle:
        start = handle.read(8)
    return next((name for name, mark in _PACKED.items() if start.startswith(mark)), None)


def parts_of(origin: str | Path) -> list[Path] | None:
    """The files of one table that a folder or a pattern such as ``logs/*.csv`` names; ``None`` for a single file.

    Raises:
        UsageError: if there are none, or they are of several formats.
    """
    text, path = str(origin), Path(origin)
    if path.is_dir():
        parts = sorted(file for file in path.rglob("*") if file.is_file() and _is_part(file, path))
        if not parts:
            raise UsageError(f"{path} is a folder without a table; name a file or a folder of parts.")
    elif glob.has_magic(text) and not path.exists():
        parts = sorted(Path(name) for name in glob.glob(text, recursive=True) if Path(name).is_file())
        if not parts:
            raise UsageError(f"No file fits {text}; check the path.")
    else:
        return None
    formats = {file_format(part).name: part for part in parts}
    if len(formats) > 1:
        first, second = list(formats.values())[:2]
        raise UsageError(f"{origin} holds files of several formats, such as {first.name} and {second.name}; name one.")
    return parts


def _is_part(file: Path, folder: Path) -> bool:
    """Whether a file of a folder is a part of a table: no hidden file, no ``_SUCCESS`` of Spark."""
    below = file.relative_to(folder).parts
    endings = [ending.lower() for ending in file.suffixes]
    known = bool(endings) and (endings[-1] in FORMATS or (endings[-1] in COMPRESSIONS and set(endings) & set(FORMATS)))
    return bool(known) and not any(part.startswith((".", "_")) for part in below)


def existing(path: Path) -> Path:
    """``path`` if there is such a file. Raises :class:`UsageError` with what may have been meant."""
    if path.exists():
        return path
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, siblings, n=1, cutoff=0.7)
    hint = f" did you mean {path.parent / close[0]}?" if close else " check the path."
    raise UsageError(f"There is no file {path};{hint}")


def is_there(origin: str | Path) -> bool:
    """Whether a file, a folder, or a file that fits a pattern is there; a database is asked when it is read."""
    if str(origin) == STDIN or is_database(origin):
        return True
    text = str(origin)
    return Path(origin).exists() or (glob.has_magic(text) and bool(glob.glob(text, recursive=True)))


def is_table(origin: str | Path) -> bool:
    """Whether ``origin`` names a table or what may have been one, and no folder of something else."""
    path = Path(origin)
    return (
        is_database(origin)
        or not path.is_dir()
        or any(file.is_file() and _is_part(file, path) for file in path.rglob("*"))
    )


def fingerprint(origin: str | Path) -> str | None:
    """A checksum of the bytes of ``origin``; ``None`` for a database."""
    if is_database(origin):
        return None
    if str(origin) == STDIN:
        return file_sha256(spooled())
    parts = parts_of(origin)
    return file_sha256(*([Path(origin)] if parts is None else parts))


def file_sha256(*paths: Path) -> str:
    """Of the bytes of a file, or of several one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
