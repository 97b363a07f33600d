"""JSON from files that anybody may have written: bounded when it is read, and checked field by field."""

from __future__ import annotations

import json
import math
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

__all__ = [
    "FLAG",
    "NUMBER",
    "PLAIN",
    "POSITIVE",
    "TEXT",
    "FieldError",
    "Kind",
    "at_field",
    "check_fields",
    "each_of",
    "list_of",
    "maybe",
    "object_of",
    "one_of",
    "parse_json",
    "read_json",
    "read_json_lines",
    "real",
    "shown",
    "whole",
]

#: Files above this are refused: the longest that is written here is the schema of 100,000 categories a column.
LIMIT_BYTES = 256 << 20
#: Half of a pair that stands for one character; alone it can be read, but not be written as UTF-8.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60
_SHORT.maxlist = _SHORT.maxdict = 4


class FieldError(ValueError):
    """What is wrong with JSON data, in words that can stand behind the name of its file."""


@dataclass(frozen=True)
class Kind:
    """What a value must be.

    Attributes:
        words: the same for a person, such as "a whole number from 0 to 9".
        holds: whether a value is one.
        item: of the items of a list, or the values of an object.
        fields, needed: of an object, by name, and those of them that may not be absent.
    """

    words: str
    holds: Callable[[Any], bool]
    item: Kind | None = None
    fields: Mapping[str, Kind] | None = None
    needed: tuple[str, ...] = ()

    def wrong(self, value: Any) -> str | None:
        """What is wrong with ``value``: the item that breaks the rule, and what it must be; ``None`` if nothing is."""
        if self.holds(value):
            return None
        if isinstance(value, dict) and self.fields is not None:
            if lacking := [name for name in self.needed if name not in value]:
                return f"without {lacking[0]!r}"
            for name, kind in self.fields.items():
                if name in value and (found := kind.wrong(value[name])) is not None:
                    return f"with {name} {found}"
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        for item in items if self.item is not None else ():
            if self.item is not None and (found := self.item.wrong(item)) is not None:
                return found
        return f"{shown(value)}, but must be {self.words}"


TEXT = Kind("text", lambda value: isinstance(value, str))
#: A loss may be infinite, or none, where training diverged.
NUMBER = Kind("a number or null", lambda value: value is None or isinstance(value, float) or _is_finite(value))
POSITIVE = Kind("a finite number above 0", lambda value: _is_finite(value) and value > 0)
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
#: Whatever JSON can hold.
PLAIN = Kind("JSON data", lambda value: True)


def whole(low: int, high: int = 2**63 - 1) -> Kind:
    """A whole number from ``low`` to ``high``."""
    to = f" from {low:,} to {high:,}" if high < 2**53 else f" of {low:,} or more" if low > -(2**53) else ""
    return Kind(
        f"a whole number{to}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
    )


def real(low: float = -math.inf, high: float = math.inf) -> Kind:
    """A finite number from ``low`` to ``high``."""
    bounds = [f" of {low:g} or more"] if math.isinf(high) and math.isfinite(low) else []
    bounds = [f" from {low:g} to {high:g}"] if math.isfinite(low) and math.isfinite(high) else bounds
    return Kind(f"a finite number{''.join(bounds)}", lambda value: _is_finite(value) and low <= value <= high)


def one_of(*values: str) -> Kind:
    """One of some texts."""
    return Kind(f"one of {', '.join(values)}", lambda value: isinstance(value, str) and value in values)


def list_of(item: Kind, least: int = 0) -> Kind:
    """A list of at least ``least`` items."""
    return Kind(
        f"a list of {item.words}" if not least else f"a list of {least} or more, each {item.words}",
        lambda value: isinstance(value, list | tuple) and len(value) >= least and all(map(item.holds, value)),
        item,
    )


def each_of(item: Kind) -> Kind:
    """An object whose values all are ``item``."""
    return Kind(
        f"an object, each value {item.words}",
        lambda value: isinstance(value, dict) and all(map(item.holds, value.values())),
        item,
    )


def object_of(kinds: Mapping[str, Kind], needed: Iterable[str] | None = None) -> Kind:
    """An object with some fields; see :func:`check_fields`."""
    required = tuple(kinds if needed is None else needed)

    def holds(value: Any) -> bool:
        if not isinstance(value, Mapping) or any(name not in value for name in required):
            return False
        return all(kind.holds(value[name]) for name, kind in kinds.items() if name in value)

    fields = "; ".join(f"{name}: {kind.words}" for name, kind in kinds.items())
    return Kind(f"an object ({fields})", holds, fields=kinds, needed=required)


def maybe(kind: Kind) -> Kind:
    """``kind`` or null."""
    return replace(kind, words=f"{kind.words} or null", holds=lambda value: value is None or kind.holds(value))


def check_fields(data: Any, kinds: Mapping[str, Kind], what: str, *, needed: Iterable[str] | None = None) -> None:
    """Check one JSON object.

    Args:
        kinds: field -> what it must be; fields beside them are let through.
        what: the object, in words.
        needed: fields that may not be absent; all of ``kinds`` if not given.

    Raises:
        FieldError: naming the field, its value and what it must be.
    """
    if not isinstance(data, Mapping):
        raise FieldError(f"{what} is {shown(data)}, but must be an object")
    for name in kinds if needed is None else needed:
        if name not in data:
            raise FieldError(f"{what} lacks the field {name!r}")
    for name, kind in kinds.items():
        if name in data and (wrong := kind.wrong(data[name])) is not None:
            raise FieldError(f"{what} has {name} {wrong}")


@contextmanager
def at_field(name: str) -> Iterator[None]:
    """A :class:`FieldError` raised inside begins with ``name``: where in the file it lies."""
    try:
        yield
    except FieldError as error:
        raise FieldError(f"{name}: {error}") from None


def shown(value: Any) -> str:
    """``value`` for a message: short, however long or deep it is."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**60:
        return "a whole number of more than 60 digits"
    return _SHORT.repr(value)


def parse_json(text: str, *, finite: bool = True) -> Any:
    """The data in ``text``.

    Args:
        finite: refuse ``NaN`` and ``Infinity``, which Python reads though they are no JSON.

    Raises:
        FieldError: saying what is wrong.
    """
    try:
        data = json.loads(text, parse_constant=_refuse if finite else None)
        if _SURROGATE.search(text):
            json.dumps(data, ensure_ascii=False).encode()
    except RecursionError:
        raise FieldError("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise FieldError(r"it holds half a character (a lone surrogate such as \ud800)") from None
    except json.JSONDecodeError as error:
        line = f"line {error.lineno:,}, " if error.lineno > 1 else ""
        raise FieldError(f"it is not JSON: {error.msg} at {line}column {error.colno:,}") from None
    except FieldError:
        raise
    except ValueError:  # Python converts no integer of more than 4,300 digits
        raise FieldError("it holds a whole number of more than 4,300 digits") from None
    return data


def read_json(path: str | Path, *, finite: bool = True) -> Any:
    """The data in a file. Raises :class:`FieldError` saying what is wrong, or ``OSError`` where it cannot be read."""
    return parse_json(_text(path), finite=finite)


def read_json_lines(path: str | Path) -> list[Any]:
    """The data in a file of one JSON value per line, ``NaN`` being let through; raises as :func:`read_json`."""
    return [parse_json(line, finite=False) for line in _text(path).splitlines()]


def _text(path: str | Path) -> str:
    size = Path(path).stat().st_size
    if size > LIMIT_BYTES:
        raise FieldError(f"it has {size / 1e6:,.0f} MB, and at most {LIMIT_BYTES / 1e6:,.0f} MB are read")
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FieldError(f"it is not UTF-8 ({error.reason} at offset {error.start:,})") from None


def _refuse(name: str) -> Any:
    raise FieldError(f"it holds {name}, which is no JSON number")


def _is_finite(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an int beyond float64
        return False
