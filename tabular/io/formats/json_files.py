"""Reads tables from JSON: one object per line, a list of objects, or one object of columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ...columns.names import check_names
from ...errors import TableError
from ...plain_json import FieldError, parse_json, shown
from ..file_form import FileForm, ReadFile
from ..files import FileFormat, open_bytes
from .natural_columns import natural_column
from .text_bytes import encoding_of

__all__ = ["read_json_lines", "read_json_table"]

#: Where programs put the rows in an object that says more.
_ROWS = ("data", "rows", "records", "items", "results", "result", "values")


def read_json_lines(path: Path, kind: FileFormat, rows: int | None) -> ReadFile:
    """The table of a file with one object per line; :func:`tabular.io.reading.read_table` tells what may be raised."""
    records: list[dict[str, Any]] = []
    with open_bytes(path, kind.compression) as handle:
        for number, line in enumerate(handle, 1):
            if not line.strip():
                continue
            if rows is not None and len(records) == rows:
                break
            try:
                record = parse_json(line.decode("utf-8-sig" if number == 1 else "utf-8").strip(), finite=False)
            except UnicodeDecodeError as error:
                raise TableError(f"{path}: line {number:,} is not UTF-8 ({error.reason}); write it as UTF-8.") from None
            except FieldError as error:
                raise TableError(
                    f"{path}: line {number:,} {str(error).removeprefix('it ')}; each line must be one object."
                ) from None
            if not isinstance(record, dict):
                raise TableError(
                    f'{path}: line {number:,} is not an object such as {{"age": 30}}, but a '
                    f"{type(record).__name__}; each line must be one row."
                )
            records.append(record)
    if not records:
        raise TableError(f"{path} is empty.")
    return ReadFile(_of_records(records, path), FileForm("jsonl"))


def read_json_table(path: Path, kind: FileFormat, rows: int | None) -> ReadFile:
    """The table of a JSON file: ``[{"a": 1}, ...]``, ``{"data": [...]}``, ``{"a": [1, ...], ...}`` or one per line."""
    with open_bytes(path, kind.compression) as handle:
        content = handle.read()
    encoding, _ = encoding_of(content[:4096])
    try:
        found = parse_json(content.decode(encoding).removeprefix("\ufeff").strip(), finite=False)
    except UnicodeDecodeError as error:
        raise TableError(f"{path} is not UTF-8 ({error.reason}); write it as UTF-8.") from None
    except FieldError as error:
        if content.lstrip()[:1] == b"{" and b"\n" in content.strip():
            return read_json_lines(path, kind, rows)
        raise TableError(f"{path}: {error!s}; it must be a list of objects.") from None
    notes: tuple[str, ...] = ()
    if isinstance(found, dict):
        if (key := _rows_of(found)) is not None:
            others = sorted(set(found) - {key})
            notes = (f"The rows are those of {key!r}" + (f"; left out: {', '.join(others[:5])}." if others else "."),)
            found = found[key]
        elif columns := _columns_of(found):
            table = pd.DataFrame({name: natural_column(cells[:rows]) for name, cells in columns.items()})
            check_names(list(table.columns), str(path))
            return ReadFile(table, FileForm("json"))
        else:
            labelled = len(found) > 1 and _is_rows(list(found.values()))
            found = list(found.values()) if labelled else [found]
    if isinstance(found, list) and len(found) > 1 and all(isinstance(row, list) for row in found):
        header, *body = found
        found = [dict(zip(map(str, header), row, strict=False)) for row in body]
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise TableError(f'{path} is not a list of objects such as [{{"age": 30}}], but {shown(found)}.')
    if not found:
        raise TableError(f"{path} is empty.")
    return ReadFile(_of_records(found[:rows], path), FileForm("json"), notes)


def _rows_of(found: dict[str, Any]) -> str | None:
    """The key under which the rows stand, if one is plain to see."""
    lists = [key for key, value in found.items() if isinstance(value, list) and value and _is_rows(value)]
    named = [key for key in lists if key.lower() in _ROWS]
    return named[0] if named else lists[0] if len(lists) == 1 else None


def _is_rows(values: list[Any]) -> bool:
    return all(isinstance(value, dict) for value in values)


def _columns_of(found: dict[str, Any]) -> dict[str, list[Any]]:
    """Name -> cells, if ``found`` holds columns: lists of one length, or objects by row label as pandas writes."""
    values = list(found.values())
    if {"columns", "data"} <= set(found) and isinstance(found["columns"], list):  # pandas, orient="split"
        return {str(name): [row[i] for row in found["data"]] for i, name in enumerate(found["columns"])}
    if values and all(isinstance(value, list) for value in values) and len(set(map(len, values))) == 1:
        return found
    if values and all(isinstance(value, dict) and value for value in values):
        labels = list(values[0])
        # Row labels are numbers as pandas writes them; other keys are names of columns, and the objects are rows.
        if all(label.isdigit() for label in labels) and all(list(value) == labels for value in values):
            return {name: list(value.values()) for name, value in found.items()}
    return {}


def _of_records(records: list[dict[str, Any]], path: Path) -> pd.DataFrame:
    names = list(dict.fromkeys(name for record in records for name in record))
    check_names(names, str(path))
    return pd.DataFrame(
        {name: natural_column([record.get(name) for record in records]) for name in names},
        index=pd.RangeIndex(len(records)),
    )
