"""Keys in a file: ``links.toml`` or ``links.json``, which 'tabllm schema' proposes and people edit."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..plain_json import TEXT, FieldError, check_fields, each_of, list_of, read_json

__all__ = ["Links", "read_links", "write_links"]

_FIELDS = {"keys": list_of(TEXT), "keep": list_of(TEXT), "time": each_of(TEXT)}


@dataclass(frozen=True)
class Links:
    """How tables belong together, in text.

    Attributes:
        keys: each as ``--key`` takes it.
        keep: lookup tables, whose rows are kept as they are.
        time: table -> the column by which its rows are in order within their parent.
    """

    keys: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    time: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {"keys": list(self.keys), "keep": list(self.keep), "time": dict(self.time)}


def read_links(path: str | Path) -> Links:
    """The links in a file of TOML, or of JSON if its name ends so.

    Raises:
        UsageError: if there is no such file, or it cannot be read as one.
    """
    file = Path(path)
    try:
        data = read_json(file) if file.suffix == ".json" else _toml(file)
        if not isinstance(data, dict):
            raise FieldError("it must be an object")
        if unknown := [name for name in data if name not in _FIELDS]:
            raise FieldError(f"it has {unknown[0]!r}, and only {', '.join(_FIELDS)} are known")
        data = {"keep": [], "time": {}, **data}
        check_fields(data, _FIELDS, "it")
    except FileNotFoundError:
        raise UsageError(
            f"There is no file {path}; write one with 'tabllm schema PARENT.csv CHILD.csv -o {path}'."
        ) from None
    except UsageError:
        raise
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as links ({' '.join(str(error).split())}).") from None
    return Links(tuple(data["keys"]), tuple(data["keep"]), dict(data["time"]))


def _toml(file: Path) -> Any:
    try:
        import tomllib
    except ModuleNotFoundError:
        raise UsageError(f"TOML needs Python 3.11 or newer: write the same fields to a .json file ({file}).") from None
    return tomllib.loads(file.read_text(encoding="utf-8"))


def write_links(links: Links, path: str | Path) -> None:
    """Write ``links`` as TOML, or as JSON where ``path`` ends so. Raises :class:`OSError` if it cannot be written."""
    file = Path(path)
    if file.suffix == ".json":
        text = json.dumps(links.to_dict(), indent=2, ensure_ascii=False) + "\n"
    else:
        # A string of JSON without bare surrogates is one of TOML.
        lists = {"keys": links.keys, "keep": links.keep}
        lines = [
            line
            for name, values in lists.items()
            for line in (f"{name} = [", *(f"  {_quoted(value)}," for value in values), "]")
        ]
        if links.time:
            lines += ["", "[time]", *(f"{_quoted(table)} = {_quoted(column)}" for table, column in links.time.items())]
        text = "\n".join(lines) + "\n"
    file.write_text(text, encoding="utf-8")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
