"""Which files belong to a run, and the list of their checksums by which a pulled run is known to be whole."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from tabular.io.origins import file_sha256, is_database, name_of
from tabular.plain_json import TEXT, FieldError, check_fields, each_of, parse_json
from tabular.registry import read_config
from tabular.storage.rundir import HISTORY, MARKER

from ..lm.run_files import MODEL_FILES
from ..studies.workspace import RUN_MARK
from .errors import HubError

__all__ = [
    "CARD",
    "CHECKSUMS",
    "OF_THE_HUB",
    "check_names",
    "checksums_of",
    "files_of",
    "read_checksums",
    "shared_config",
]

#: The model card, in place of the run's own README.
CARD = "README.md"
#: On the hub alone: {"files": {name: SHA-256 in hexadecimal digits}} of all others but the card.
CHECKSUMS = "checksums.json"
#: What a hub keeps in a repository by itself.
OF_THE_HUB = (".gitattributes",)
#: Files of a run, and of its folder ``model/``. No pickle among them: reading one runs code.
_TOP = ("*.json", "*.safetensors", HISTORY, CARD)
_INNER = (*MODEL_FILES, "*.safetensors", "*.safetensors.index.json", "chat_template.jinja")
#: Of this machine alone.
_STAYS = (MARKER, RUN_MARK, CHECKSUMS)


def files_of(run: Path) -> list[str]:
    """The files of a run that are shared, as paths below it, without hidden ones.

    Raises:
        HubError: for a file that belongs to no run.
    """
    names = sorted(
        path.relative_to(run).as_posix()
        for path in run.rglob("*")
        if path.is_file() and not path.name.startswith(".") and path.name not in _STAYS
    )
    check_names(names, str(run))
    return [name for name in names if name != CARD]


def check_names(names: Iterable[str], shown: str) -> None:
    """Raise :class:`HubError` unless all ``names`` can be files of a run; ``shown`` is what the error calls it."""
    for name in names:
        parts = PurePosixPath(name).parts
        patterns = _TOP if len(parts) == 1 else _INNER if len(parts) == 2 and parts[0] == "model" else ()
        if name != "/".join(parts) or not any(fnmatch.fnmatchcase(parts[-1], pattern) for pattern in patterns):
            what = (
                "a pickle can run code"
                if name.endswith((".bin", ".pkl", ".pickle", ".pt", ".pth"))
                else ("a run has JSON files, safetensors and a tokenizer alone")
            )
            raise HubError(f"{shown} holds {name!r}, which belongs to no run that tabllm wrote ({what}).")


def shared_config(run: Path) -> bytes:
    """``config.json`` of a run without the folders of this machine: of its source the file's name is kept."""
    config = read_config(run)
    source = config.get("source")
    if isinstance(source, dict) and isinstance(source.get("file"), str):
        file = source["file"]
        config["source"] = {**source, "file": name_of(file) if is_database(file) else PurePosixPath(file).name}
    return (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode()


def checksums_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Name -> SHA-256 of each of the files ``names``."""
    return {name: file_sha256(folder / name) for name in names}


def read_checksums(text: str, shown: str) -> Mapping[str, str]:
    """The content of :data:`CHECKSUMS`. Raises :class:`HubError` if it is none."""
    try:
        data: Any = parse_json(text)
        check_fields(data, {"files": each_of(TEXT)}, "it")
    except FieldError as error:
        raise HubError(f"{CHECKSUMS} of {shown} cannot be read ({error}); push the run again.") from None
    files: Mapping[str, str] = data["files"]
    return files
