"""Seconds since 1970 (of times of day: since midnight), written as texts in one format."""

from __future__ import annotations

import numpy as np

from .calendar import civil, days_of, iso_weeks, weekdays
from .durations import write_durations
from .forms import EPOCH_TICKS, Field, Form
from .fractions import digits_behind
from .names import ORDINALS, VARIANTS, names_of
from .shapes import CHUNK, column_groups
from .zones import without_zones

__all__ = ["write_dates"]

_DAY = 86400
#: Stands where a text has no character: what is not padded.
_HOLE = 0


def write_dates(seconds: np.ndarray, form: Form) -> np.ndarray:
    """``object[n]``: texts of ``seconds`` (float64[n], none NaN), cut to what ``form`` can say."""
    if form.duration is not None:
        return write_durations(seconds, form.duration)
    parts = [_written(seconds[start : start + CHUNK], form) for start in range(0, len(seconds), CHUNK)]
    return np.concatenate(parts) if parts else np.empty(0, dtype=object)


def _written(seconds: np.ndarray, form: Form) -> np.ndarray:
    moments = _Moments(np.asarray(seconds, np.float64), form)
    rows = []
    for part in form.parts:
        if isinstance(part, str):
            rows += [np.full(len(seconds), ord(character), np.uint32) for character in part]
        else:
            rows += list(moments.written(part))
    characters = np.stack(rows)
    holes = characters == _HOLE
    vary = holes.any(axis=1)
    if not vary.any():
        return _texts(characters)
    found = np.empty(len(seconds), dtype=object)
    for alike in column_groups(holes[vary].astype(np.uint32)):
        found[alike] = _texts(characters[np.ix_(~holes[:, alike[0]], alike)])
    return found


def _texts(characters: np.ndarray) -> np.ndarray:
    """uint32[length, n] -> object[n]."""
    lines = np.ascontiguousarray(characters.T, np.uint32)
    return lines.view(f"U{len(characters)}").ravel().astype(object)


class _Moments:
    """Instants taken apart, each part when it is requested."""

    def __init__(self, seconds: np.ndarray, form: Form) -> None:
        self.fields = form.fields
        if form.zones:
            seconds, self.zone = without_zones(seconds, form)
        self.scale = form.held_digits
        ticks = np.rint(seconds * 10.0**self.scale).astype(np.int64)
        whole, self.fraction = np.divmod(ticks, 10**self.scale)
        self.ticks, self.whole = ticks, whole
        self.days, self.clock = np.divmod(whole, _DAY)
        ends = "H" in self.fields and self.fields["H"].option == "24"
        self.late = np.zeros(len(whole), bool)
        if ends:
            midnight = (self.clock == 0) & (self.fraction == 0)
            self.late = midnight if form.has_date else midnight & (self.days == 1)
            self.days = self.days - self.late
        self.year, self.month, self.day = civil(self.days)

    def written(self, field: Field) -> np.ndarray:
        """uint32[length, n]: the characters of one field, :data:`_HOLE` where a text is shorter."""
        letter = field.letter
        if letter in VARIANTS or letter == "p":
            return _named(names_of(letter, field.option, field.flag), self._index(letter))
        if letter == "z":
            return _named(field.zones, self.zone)
        if letter == "s":
            ticks = EPOCH_TICKS[field.option]
            micro = self.ticks * 10 ** (6 - self.scale) if self.scale <= 6 else self.ticks // 1000
            value = micro * (ticks // 1_000_000) if ticks >= 1_000_000 else micro // (1_000_000 // ticks)
            texts = np.char.mod("%d", value)
            return np.ascontiguousarray(texts).view(np.uint32).reshape(len(value), -1).T
        if letter == "f":
            return self._fraction(field)
        if field.option == "+":
            return _unbounded(self.whole // 3600, field.flag)
        characters = _padded(self._number(letter), field.digits, field.flag)
        if field.option == "th":
            return np.concatenate([characters, _named(ORDINALS, self.day)])
        return characters

    def _index(self, letter: str) -> np.ndarray:
        if letter == "p":
            return self.clock // 3600 // 12
        return weekdays(self.days) if letter in "aA" else self.month - 1

    def _number(self, letter: str) -> np.ndarray:
        hour = np.where(self.late, 24, self.clock // 3600)
        if letter in "GV":
            years, weeks = iso_weeks(self.days)
            return years if letter == "G" else weeks
        simple = {
            "Y": self.year,
            "y": self.year % 100,
            "m": self.month,
            "d": self.day,
            "q": (self.month + 2) // 3,
            "H": hour,
            "I": (hour - 1) % 12 + 1,
            "M": self.clock // 60 % 60,
            "S": self.clock % 60,
            "u": weekdays(self.days) + 1,
        }
        return simple[letter] if letter in simple else self.days - days_of((self.year - 1970) * 12) + 1

    def _fraction(self, field: Field) -> np.ndarray:
        telling = field.telling_digits
        digits = max(self.scale, telling) if field.flag == "-" else field.digits
        kept = min(digits, self.scale)
        value = self.fraction // 10 ** (self.scale - kept) * 10 ** (digits - kept)
        if kept < telling <= digits:
            value = value + digits_behind(self.ticks, telling - kept) * 10 ** (digits - telling)
        characters = _padded(value, digits, "")
        if field.flag == "-":
            last = np.ones(len(value), bool)
            for row in characters[:0:-1]:  # the first digit stays
                last &= row == ord("0")
                row[last] = _HOLE
        if field.has_point:
            point = np.full((1, len(value)), ord("."), np.uint32)
            return np.where(value == 0, np.uint32(_HOLE), np.concatenate([point, characters]))
        return characters


def _padded(values: np.ndarray, digits: int, flag: str) -> np.ndarray:
    """uint32[digits, n]; ``-`` leaves holes in place of leading zeros, ``_`` blanks."""
    rows = np.stack([values // 10 ** (digits - 1 - index) % 10 + ord("0") for index in range(digits)]).astype(np.uint32)
    if flag:
        leading = np.ones(len(values), bool)
        for row in rows[:-1]:
            leading &= row == ord("0")
            row[leading] = _HOLE if flag == "-" else ord(" ")
    return rows


def _unbounded(values: np.ndarray, flag: str) -> np.ndarray:
    """As many digits as a value has, two at least unless the flag is ``-``."""
    rows = _padded(values, max(2, len(str(int(values.max())))), "-")
    if not flag:
        rows[-2][rows[-2] == _HOLE] = ord("0")
    return rows


def _named(names: tuple[str, ...], index: np.ndarray) -> np.ndarray:
    table = np.asarray(names, dtype=str)
    characters = np.ascontiguousarray(table).view(np.uint32).reshape(len(names), -1).T
    return np.ascontiguousarray(characters)[:, index]
