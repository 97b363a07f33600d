"""Check digits: whether all texts of a column keep one, and giving new texts theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["CHECKS", "find_check", "with_check", "without_check"]

#: Texts that must all be right: one in ten is by accident.
LEAST = 8


@dataclass(frozen=True)
class Check:
    """One kind of check digit.

    Attributes:
        lengths: letters and digits that a text may have, separators left out.
        right: (int[n, length] values of the characters) -> bool[n].
        place: where the check digits stand, and how many they are.
        solve: (int[n, length] with 0 there) -> int[n], what they must be.
        digits_only: whether letters may stand elsewhere.
    """

    lengths: range
    right: Callable[[np.ndarray], np.ndarray]
    place: slice
    solve: Callable[[np.ndarray], np.ndarray]
    digits_only: bool = True


def _luhn_sum(values: np.ndarray) -> np.ndarray:
    backwards = values[:, ::-1]
    doubled = 2 * backwards[:, 1::2]
    return (backwards[:, ::2].sum(1) + (doubled - 9 * (doubled > 9)).sum(1)) % 10


def _ean_sum(values: np.ndarray) -> np.ndarray:
    backwards = values[:, ::-1]
    return (backwards[:, ::2].sum(1) + 3 * backwards[:, 1::2].sum(1)) % 10


def _isbn_sum(values: np.ndarray) -> np.ndarray:
    return (values * np.arange(10, 0, -1)).sum(1) % 11


def _mod97(values: np.ndarray) -> np.ndarray:
    """Of ISO 13616: the country and its check digits at the end, letters as two digits."""
    rest = np.zeros(len(values), np.int64)
    for column in np.concatenate([values[:, 4:], values[:, :4]], axis=1).T:
        rest = np.where(column > 9, rest * 100 + column, rest * 10 + column) % 97
    return rest


#: Name in a pattern -> the check; the first that all texts keep counts.
CHECKS = {
    "mod97": Check(range(15, 35), lambda v: _mod97(v) == 1, slice(2, 4), lambda v: 98 - _mod97(v), digits_only=False),
    "ean": Check(range(12, 15), lambda v: _ean_sum(v) == 0, slice(-1, None), lambda v: -_ean_sum(v) % 10),
    "luhn": Check(range(11, 21), lambda v: _luhn_sum(v) == 0, slice(-1, None), lambda v: -_luhn_sum(v) % 10),
    "isbn": Check(range(10, 11), lambda v: _isbn_sum(v) == 0, slice(-1, None), lambda v: -_isbn_sum(v) % 11),
}


def _characters(texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uint32[n, width] characters of ``texts``, 0 behind the end, and their values: 0-9, 10-35 for letters, else -1."""
    codes = np.ascontiguousarray(np.asarray(texts, dtype=str))
    codes = codes.view(np.uint32).reshape(len(codes), -1).copy()
    values = np.full(codes.shape, -1, np.int64)
    for low, high, base in ((48, 57, 0), (65, 90, 10), (97, 122, 10)):
        inside = (codes >= low) & (codes <= high)
        values[inside] = codes[inside].astype(np.int64) - low + base
    return codes, values


def find_check(texts: np.ndarray) -> str | None:
    """The name of the check digit that all of the distinct ``texts`` keep, ``None`` if there is none."""
    if len(texts) < LEAST:
        return None
    _, values = _characters(texts)
    for name, check in CHECKS.items():
        if all(_right(rows, check, name) for rows in _by_length(values)):
            return name
    return None


def _by_length(values: np.ndarray) -> list[np.ndarray]:
    """The rows of ``values`` without separators, those of one length together."""
    lengths = (values >= 0).sum(1)
    return [
        np.array([row[row >= 0] for row in values[lengths == length]]).reshape(-1, length)
        for length in np.unique(lengths)
    ]


def _right(rows: np.ndarray, check: Check, name: str) -> bool:
    if rows.shape[1] not in check.lengths:
        return False
    if name == "isbn":  # X stands for 10 at the end
        rows = rows.copy()
        rows[:, -1] = np.where(rows[:, -1] == 33, 10, rows[:, -1])
        digits = rows[:, :-1].max() <= 9 and rows[:, -1].max() <= 10
    elif check.digits_only:
        digits = rows.max() <= 9
    else:
        digits = rows[:, :2].min() > 9 and rows[:, 2:4].max() <= 9
    return bool(digits and check.right(rows).all())


def without_check(texts: np.ndarray, name: str) -> np.ndarray:
    """object[n]: ``texts`` that all keep the check called ``name``, with 0 in the position of their check digits."""
    codes, values = _characters(texts)
    for length in np.unique(lengths := (values >= 0).sum(1)):
        rows, positions = _places(values, lengths, length)
        codes[rows[:, None], positions[:, CHECKS[name].place]] = ord("0")
    return _as_texts(codes)


def with_check(texts: np.ndarray, name: str) -> np.ndarray:
    """object[n]: ``texts`` with the check digits that :data:`CHECKS` calls ``name``; those too short stay."""
    check = CHECKS[name]
    if not len(texts):
        return texts
    codes, values = _characters(texts)
    lengths = (values >= 0).sum(1)
    for length in np.unique(lengths):
        if length not in check.lengths:
            continue
        rows, positions = _places(values, lengths, length)
        held = np.take_along_axis(values[rows], positions, axis=1)
        held[:, check.place] = 0
        solved = check.solve(held)
        where = positions[:, check.place]
        for digit, at in enumerate(reversed(where.T)):
            part = solved // 10**digit % 10 if where.shape[1] > 1 else solved
            codes[rows, at] = np.where(part > 9, ord("X"), part + 48)
    return _as_texts(codes)


def _places(values: np.ndarray, lengths: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """(int[n] the rows of ``length`` letters and digits, int[n, length] where these stand in each)."""
    rows = np.flatnonzero(lengths == length)
    return rows, np.nonzero(values[rows] >= 0)[1].reshape(len(rows), length)


def _as_texts(codes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(codes).view(f"U{codes.shape[1]}").ravel().astype(object)
