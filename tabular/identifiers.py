"""Identifiers: finding the pattern a column of them follows, and making new ones that keep to it.

A pattern is ``"sequence"`` (1, 2, 3, ...), ``"uuid"``, or a template: ``A`` a capital letter, ``a`` a small
one, ``9`` a digit, ``X`` a capital letter or digit, ``x`` a small letter or digit, ``#`` a running number,
a backslash before a character makes it stand for itself, and anything else stands for itself.
New identifiers are made from the pattern alone, so none is copied from the table on purpose.
"""

from __future__ import annotations

import math
import re
import uuid

import numpy as np
import pandas as pd

__all__ = ["find_pattern", "make_identifiers", "pattern_room"]

_CLASSES = {
    "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "a": "abcdefghijklmnopqrstuvwxyz",
    "9": "0123456789",
    "X": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "x": "0123456789abcdefghijklmnopqrstuvwxyz",
}
_SPECIAL = set(_CLASSES) | {"#", "\\"}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_LONGEST = 64
_SAMPLE = 2000


def find_pattern(texts: pd.Series) -> str | None:
    """The pattern that distinct ``texts`` follow, or ``None`` if they are not regular."""
    sample = [str(text) for text in texts.iloc[:: max(1, len(texts) // _SAMPLE)].iloc[:_SAMPLE]]
    if not sample or max(map(len, sample)) > _LONGEST:
        return None
    if all(_UUID.fullmatch(text) for text in sample):
        return "uuid"
    lengths = {len(text) for text in sample}
    if len(lengths) == 1:
        return _template(sample)
    # Of unequal length: a fixed beginning and a running number, such as user_1 ... user_1200.
    parts = [re.fullmatch(r"(.*?)(\d+)", text, re.DOTALL) for text in sample]
    heads = {part[1] for part in parts if part}
    if all(parts) and len(heads) == 1:
        return _escape(heads.pop()) + "#"
    return None


def _template(sample: list[str]) -> str | None:
    marks = []
    for position in zip(*sample, strict=True):
        seen = set(position)
        if len(seen) == 1:
            marks.append(_escape(seen.pop()))
            continue
        fitting = [mark for mark in "9AaXx" if seen <= set(_CLASSES[mark])]
        if not fitting:
            return None
        marks.append(fitting[0])
    # Words of equal length ("Berlin", "London") are no identifiers: one needs a digit.
    return "".join(marks) if {"9", "X", "x"} & set(marks) else None


def _escape(text: str) -> str:
    return "".join("\\" + char if char in _SPECIAL else char for char in text)


def pattern_room(pattern: str) -> int:
    """How many identifiers a uuid or a template can make; a running number counts as one."""
    if pattern == "uuid":
        return 1 << 122
    return math.prod(len(_CLASSES.get(part, "1")) for part in re.findall(r"\\.|.", pattern, re.DOTALL))


def make_identifiers(pattern: str | None, n: int, *, start: int = 0, seed: int = 0, number: bool = False) -> np.ndarray:
    """``n`` new identifiers as an object array of text.

    Args:
        pattern: as found by :func:`find_pattern`; ``None`` counts as ``"sequence"``.
        n: how many.
        start: how many were made before with the same pattern and seed; the new ones differ from those
            while the pattern has enough room.
        seed: the same seed gives the same identifiers.
        number: whether they must be numbers, so that the first digit may not be 0.
    """
    numbers = range(start + 1, start + 1 + n)
    if pattern in (None, "sequence"):
        made = [str(i) for i in numbers]
    elif pattern == "uuid":
        rng = np.random.default_rng([seed, start])
        made = [str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in range(n)]
    else:
        made = _fill(str(pattern), numbers, seed, number)
    found = np.empty(n, dtype=object)
    found[:] = made
    return found


def _fill(pattern: str, numbers: range, seed: int, number: bool) -> list[str]:
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    choices = []
    for place, part in enumerate(parts):
        if part == "9" and place == 0 and number:
            choices.append("123456789")
        elif part == "#":
            choices.append("#")
        else:
            choices.append(_CLASSES.get(part) or part[-1])
    sizes = [1 if choice == "#" else len(choice) for choice in choices]
    room = math.prod(sizes)
    rng = np.random.default_rng(seed)
    # i -> step * i + offset (mod room) visits every identifier once before it repeats one.
    offset = int.from_bytes(rng.bytes(32), "big") % room
    step = int.from_bytes(rng.bytes(32), "big") % room | 1
    while math.gcd(step, room) != 1:
        step += 2
    made = []
    for i in numbers:
        left = (step * i + offset) % room
        chars = []
        for part, choice, size in zip(reversed(parts), reversed(choices), reversed(sizes), strict=True):
            if part == "#":
                chars.append(str(i))
                continue
            left, digit = divmod(left, size)
            chars.append(choice[digit])
        made.append("".join(reversed(chars)))
    return made
