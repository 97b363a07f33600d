"""Cells that are Python objects other than text and numbers: times of day, UUIDs, bytes, lists and dicts.

Each such column is held as text, which is turned back into objects when rows are given back. What :attr:`Column.dtype`
calls them: ``"time"``, ``"uuid"``, ``"bytes"`` (text as UTF-8), ``"bytes[hex]"`` and ``"json"`` (lists and dicts).
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import decimal
import json
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["OBJECT_DTYPES", "as_texts", "back_to_objects", "object_dtype", "to_json"]

#: Bytes longer than this are no key but a picture or a document.
MAX_BYTES = 64

_CONTAINERS = (list, tuple, dict, set, frozenset, np.ndarray)


def object_dtype(cells: pd.Series) -> str | None:
    """What the filled ``cells`` of an object column are, if all are of one sort that is held as text."""
    kinds = set(map(type, cells.dropna()))
    if not kinds:
        return None
    if kinds == {datetime.time}:
        return "time"
    if kinds == {uuid.UUID}:
        return "uuid"
    if kinds <= {bytes, bytearray, memoryview}:
        return _sort_of_bytes(cells.dropna())
    if all(issubclass(kind, _CONTAINERS) for kind in kinds):
        return "json"
    return None


def _sort_of_bytes(cells: pd.Series) -> str | None:
    parts = [bytes(cell) for cell in cells]
    with contextlib.suppress(UnicodeDecodeError):
        if all(part.decode().isprintable() for part in parts):
            return "bytes"
    return "bytes[hex]" if max(map(len, parts)) <= MAX_BYTES else None


def as_texts(cells: pd.Series) -> pd.Series:
    """Filled object ``cells`` as text."""
    sort = object_dtype(cells)
    change = _TO_TEXT.get(sort or "", str)
    return cells.map(lambda cell: cell if isinstance(cell, str) else change(cell))


def back_to_objects(texts: np.ndarray, dtype: str) -> np.ndarray:
    """``texts`` (missing ones None or NaN) as objects of ``dtype``; a text that is none of them stays text."""
    change = _FROM_TEXT[dtype]
    made = np.empty(len(texts), dtype=object)
    known: dict[str, Any] = {}
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            made[row] = None
            continue
        if text not in known:
            known[text] = text
            with contextlib.suppress(ValueError, TypeError):
                known[text] = change(text)
        made[row] = known[text]
    return made


def to_json(cell: Any) -> str:
    """A list or dict as compact JSON; what JSON has no form for is written as text."""
    return json.dumps(cell, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


_TO_TEXT: dict[str, Callable[[Any], str]] = {
    "time": datetime.time.isoformat,
    "uuid": str,
    "bytes": lambda cell: bytes(cell).decode(),
    "bytes[hex]": lambda cell: bytes(cell).hex(),
    "json": to_json,
}
_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "time": datetime.time.fromisoformat,
    "uuid": uuid.UUID,
    "bytes": str.encode,
    "bytes[hex]": bytes.fromhex,
    "json": json.loads,
}
#: The dtypes of object columns that are held as text.
OBJECT_DTYPES = frozenset(_FROM_TEXT)
