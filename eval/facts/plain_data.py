"""Frozen dataclasses as plain JSON data, and back: no NaN, no class names, no code."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

__all__ = ["build", "finite", "plain"]

T = TypeVar("T")


def finite(value: Any) -> float | None:
    """``value`` as a float, or ``None`` where it is absent, NaN or infinite."""
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def plain(value: Any) -> Any:
    """``value`` as JSON data; NaN and infinity become ``None``."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return finite(value)
    return value


def build(kind: type[T], data: Mapping[str, Any]) -> T:
    """An instance of the dataclass ``kind``; unknown fields are passed over, so that older readers can go on.

    Raises:
        TypeError: for a field that is missing, or not of its type.
    """
    hints = _hints(kind)  # type: ignore[arg-type]
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    _want(data, Mapping, kind.__name__)
    return kind(**{name: _value(hints[name], item, name) for name, item in data.items() if name in known})


@lru_cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


#: What JSON may hold for a plain type.
_PLAIN = {str: str, bool: bool, int: (int, float), float: (int, float)}


def _want(item: Any, kind: Any, name: str) -> None:
    if not isinstance(item, kind):
        raise TypeError(f"{name} is {type(item).__name__}")


def _value(hint: Any, item: Any, name: str) -> Any:
    """``item`` as the type ``hint`` asks: a dataclass, a tuple or dict of them, or the plain value."""
    if get_origin(hint) in (Union, types.UnionType):
        inner = [part for part in get_args(hint) if part is not type(None)]
        return None if item is None else _value(inner[0], item, name) if len(inner) == 1 else item
    if get_origin(hint) is tuple:
        _want(item, (list, tuple), name)
        return tuple(_value(get_args(hint)[0], part, name) for part in item)
    if get_origin(hint) is dict:
        _want(item, Mapping, name)
        return {key: _value(get_args(hint)[1], part, name) for key, part in item.items()}
    if isinstance(hint, type) and is_dataclass(hint):
        return build(hint, item)
    if hint in _PLAIN:
        _want(item, _PLAIN[hint], name)
    return item
