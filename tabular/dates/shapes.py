"""Texts sorted by shape: which of their characters are digits and which letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["MAX_LENGTH", "Shaped", "column_groups", "digits_of", "shaped", "words_of"]

#: No date is longer; a longer text is none.
MAX_LENGTH = 80
#: Texts examined together, so that their characters stay in a processor's cache.
CHUNK = 1 << 14
_DIGIT, _LETTER, _STOP = ord("0"), ord("a"), ord(".")


@dataclass(frozen=True)
class Shaped:
    """Texts of one shape.

    Attributes:
        shape: the text with ``0`` for each digit and ``a`` for each letter, and for a full stop after a letter.
        rows: int64[n], where the texts stand.
        characters: uint32[length, n].
    """

    shape: str
    rows: np.ndarray
    characters: np.ndarray


def shaped(texts: Sequence[Any] | np.ndarray) -> Iterator[Shaped]:
    """``texts`` (strings) by shape; those longer than :data:`MAX_LENGTH`, and empty ones, are left out.

    A shape comes once per :data:`CHUNK` texts.
    """
    for start in range(0, len(texts), CHUNK):
        part = texts[start : start + CHUNK]
        lengths = np.fromiter(map(len, part), np.int64, len(part))
        usable = np.flatnonzero((lengths > 0) & (lengths <= MAX_LENGTH))
        if len(usable):
            plain = np.asarray(part, dtype=object)[usable].astype(f"U{lengths[usable].max()}")
            for group in _by_shape(plain):
                yield Shaped(group.shape, usable[group.rows] + start, group.characters)


def _by_shape(plain: np.ndarray) -> Iterator[Shaped]:
    characters = np.ascontiguousarray(plain.view(np.uint32).reshape(len(plain), -1).T)  # [length, n]
    classes = _classes()[np.minimum(characters, 0xFFFF)]
    for index in range(1, len(classes)):
        stop = characters[index] == _STOP
        if stop.any():
            classes[index][stop & (classes[index - 1] == _LETTER)] = _LETTER
    for rows in column_groups(classes):
        found = classes[:, rows[0]]
        length = int((found > 0).sum())
        shape = "".join(map(chr, found[:length].tolist()))
        yield Shaped(shape, rows, characters[:length] if len(rows) == len(plain) else characters[:length, rows])


def column_groups(table: np.ndarray) -> Iterator[np.ndarray]:
    """The indices of equal columns of ``table`` (uint[length, n]), group by group, each ascending."""
    if not table.shape[1]:
        return
    mixed = np.zeros(table.shape[1], np.uint64)
    for row in table:
        mixed = (mixed + row) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    codes, distinct = pd.factorize(mixed)
    if len(distinct) == 1:
        yield np.arange(len(codes))
        return
    order = np.argsort(codes, kind="stable")
    yield from np.split(order, np.cumsum(np.bincount(codes))[:-1])


@cache
def _classes() -> np.ndarray:
    """uint32[65536]: what each character is in a shape."""
    found = np.arange(0x10000, dtype=np.uint32)
    letters = [code for code in range(0x10000) if chr(code).isalpha()]
    found[letters] = _LETTER
    found[ord("0") : ord("9") + 1] = _DIGIT
    return found


def digits_of(characters: np.ndarray) -> np.ndarray:
    """int64[n]: the whole numbers that digits (uint32[length, n]) write; blanks count as 0."""
    found = np.zeros(characters.shape[1], np.int64)
    for row in characters:
        found = found * 10 + np.where(row == ord(" "), 0, row.astype(np.int64) - _DIGIT)
    return found


def words_of(characters: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """int64[n] codes and the distinct words that ``characters`` (uint32[length, n]) write."""
    words = np.ascontiguousarray(characters.T).view(f"U{len(characters)}").ravel()
    first: list[str] = []
    codes = np.empty(len(words), np.int64)
    for rows in column_groups(characters):
        codes[rows] = len(first)
        first.append(str(words[rows[0]]))
    return codes, first
