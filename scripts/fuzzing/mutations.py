"""Mutations of bytes, of text and of JSON trees, each drawn from a ``random.Random``."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

__all__ = ["mutated_bytes", "mutated_json", "mutated_text", "mutated_tree"]

#: Values that code is rarely written for.
ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    -1,
    0,
    1,
    2,
    0.5,
    -3,
    1e9,
    10**9,
    10**12,
    2**31,
    2**63,
    10**400,
    1e308,
    -1e308,
    5e-324,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    " ",
    "0",
    "2",
    "nan",
    "age",
    "%",
    "%Y-%m-%d",
    "%1000000000d",
    "{",
    "{}",
    "{:.1000000000f}",
    "{0.__class__}",
    "int64",
    "int8",
    "category",
    "object",
    "date",
    "decimal",
    "str",
    "datetime64[ns]",
    "datetime64[ns, Mars/Phobos]",
    "1000000000i8",
    "categorical",
    "continuous",
    "integer",
    "datetime",
    "identifier",
    "text",
    "constant",
    "boolean",
    "9A#\\",
    "sequence",
    "uuid",
    "\ud800",
    "\x00",
    "ü" * 50,
    [],
    {},
    [1],
    ["a"],
    [[]],
    [None],
    {"a": 1},
    [0.0, 1.0],
)
#: Pieces of text that mean something to one of the readers.
TOKENS = (
    b",",
    b";",
    b"\t",
    b"|",
    b'"',
    b'""',
    b"'",
    b"\n",
    b"\r",
    b"\r\n",
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"-1e-999",
    b"9" * 30,
    b"9" * 5000,
    b"[" * 50,
    b"[" * 5000,
    b"{",
    b"}",
    b"]",
    b":",
    b"null",
    b"true",
    b"\\ud800",
    b"\\u0000",
    b"1,234.5",
    b"2020-02-30",
    b"31/12/9999",
    b"$5",
    b"12 %",
    b"=",
    b" and ",
    b" in [",
    b" between ",
    b" is missing",
    b"not in",
    b">=",
    b"<",
    b"!=",
    b"`",
    b"(",
    b"0x10",
    b"1_000",
    b"a" * 200,
)


def mutated_bytes(data: bytes, rng: random.Random) -> bytes:
    """``data`` with one to four changes: bits turned, pieces cut out, doubled, moved or put in."""
    new = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        at = rng.randrange(len(new) + 1)
        end = min(len(new), at + rng.choice((1, 1, 2, 4, 8, 64, 512)))
        choice = rng.randrange(7)
        if choice == 0 and at < len(new):
            new[at] ^= 1 << rng.randrange(8)
        elif choice == 1:
            del new[at:end]
        elif choice == 2:
            new[at:at] = new[at:end] * rng.choice((1, 2, 50))
        elif choice == 3:
            del new[at:]
        elif choice == 4 and at < len(new):
            new[at:end] = rng.randbytes(end - at)
        else:
            new[at : rng.choice((at, end))] = rng.choice(TOKENS)
    return bytes(new)


def mutated_text(text: str, rng: random.Random) -> str:
    """``text`` changed as bytes are, whatever is no UTF-8 replaced."""
    return mutated_bytes(text.encode("utf-8", "replace"), rng).decode("utf-8", "replace")


def mutated_tree(tree: Any, rng: random.Random) -> Any:
    """A JSON tree with one to three values changed; what is not changed is shared with ``tree``."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        tree = _changed(tree, rng)
    return tree


def mutated_json(tree: Any, rng: random.Random) -> bytes:
    """A mutated tree as JSON (``NaN`` and half characters included), at times with mutated bytes as well."""
    data = json.dumps(mutated_tree(tree, rng) if rng.random() < 0.7 else tree).encode()
    return mutated_bytes(data, rng) if rng.random() < 0.35 else data


def _changed(node: Any, rng: random.Random) -> Any:
    if not isinstance(node, dict | list) or not node or rng.random() < 0.05:
        return _other(node, rng)
    keys: Sequence[Any] = list(node) if isinstance(node, dict) else range(len(node))
    key = rng.choice(keys)
    new: Any = dict(node) if isinstance(node, dict) else list(node)
    draw = rng.random()
    if draw < 0.7:
        new[key] = _changed(node[key], rng)
    elif draw < 0.8:
        del new[key]
    elif draw < 0.9:
        other = rng.choice(keys)
        new[key], new[other] = new[other], new[key]
    elif isinstance(new, dict):
        new[rng.choice(("", "x", f"{key}s", "name", "kind"))] = new.pop(key)
    else:
        new.insert(key, rng.choice((node[key], rng.choice(ODD))))
    return new


def _other(value: Any, rng: random.Random) -> Any:
    huge = isinstance(value, int) and abs(value) > 2**63
    if isinstance(value, bool) or value is None or huge or rng.random() < 0.6:
        return rng.choice(ODD)
    if isinstance(value, int | float):
        return rng.choice((-value, value + 1, value * 1000, value - 0.25, str(value), [value]))
    if isinstance(value, str):
        return mutated_text(value, rng)
    return rng.choice(([value], {"a": value}, value[:1] if isinstance(value, list) else list(value)))
