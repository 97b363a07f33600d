"""Numbers digit by digit, and datetimes as calendar digits, never outside the bounds of their column."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tabular.conditions import Allowed
from tabular.plain_json import FLAG, FieldError, check_fields, real, whole

from .automaton import Automaton, explore, joined, restricted, trie
from .cells import CellCodec, Leaves
from .pieces import Pieces

__all__ = ["DateCodec", "DigitCodec"]

POINT, MINUS, END, MISSING = 10, 11, 12, 13
#: Beyond this many digits a number is written in steps of a power of ten: float64 holds no more.
MAX_DIGITS = 15
#: A calendar of more days than this is too long to list; such dates are written as plain numbers.
MAX_DAYS = 150_000
DAY = 86_400
#: Steps of dates in seconds, and the days that a calendar has.
UNITS = (DAY, 3600, 60, 1)
EARLIEST, LATEST = -DAY * 719_162, DAY * 2_932_896
#: A number in steps of its last digit, of which float64 has 15.
_STEPS = whole(-(10**18), 10**18)

Item = tuple[int, str | None, str | None]


class DigitCodec(CellCodec):
    """A numeric column, written as the digits of a whole number of steps of ``10 ** -decimals``.

    Args:
        low, high: bounds, in steps.
        decimals: may be negative: then the last digits are zeros that are not written.
        point: whether the decimal point is written.
        missing: whether cells may be missing.
        end: the token that closes numbers of unequal length.
    """

    def __init__(
        self, pieces: Pieces, low: int, high: int, *, decimals: int, point: bool, missing: bool, end: int
    ) -> None:
        self.low, self.high, self.decimals, self.point, self.missing = low, high, decimals, point, missing
        self.places = decimals if point and decimals > 0 else 0
        spaced = [pieces.single(f" {digit}") for digit in range(10)]
        plain = [pieces.ids(str(digit))[-1] for digit in range(10)]
        first = [token for token in spaced if token is not None] if None not in spaced else plain
        others = {POINT: pieces.ids(".")[-1], MINUS: pieces.ids("-")[-1], END: end}
        minus = pieces.single(" -") if first is not plain else None
        taken = {*first, *plain, *others.values()}
        others[MISSING] = next(i for text in (" missing", " none", " null", "?", "*") for i in pieces.ids(text)
                               if i not in taken)  # fmt: skip
        first_others = others if minus is None else {**others, MINUS: minus}
        self._ids = {**others, **dict(enumerate(plain))}, {**first_others, **dict(enumerate(first))}
        self.automaton, self.symbols = self._build([(low, high)], missing)
        self.closed = any(END in symbols for symbols in self.symbols)
        # symbol -> choice, per level
        self._choice = np.full((self.automaton.depth, MISSING + 1), -1, np.int32)
        for place, symbols in enumerate(self.symbols):
            self._choice[place, symbols] = np.arange(len(symbols))

    @classmethod
    def fit(cls, pieces: Pieces, values: np.ndarray, *, decimals: int | None, point: bool, end: int) -> DigitCodec:
        """For ``values`` (float64[n], NaN = missing) of a column that keeps ``decimals`` (``None``: unlimited)."""
        present = values[~np.isnan(values)]
        largest = float(np.abs(present).max())
        digits = len(str(int(largest))) if largest >= 1 or not largest else math.floor(math.log10(largest)) + 1
        if decimals is None:
            # As fine as a ten-thousandth of the values' own spread.
            spread = float(np.subtract(*np.quantile(present, [0.9, 0.1]))) or float(present.std()) or 1.0
            decimals = math.ceil(4 - math.log10(spread))
        decimals = min(decimals, MAX_DIGITS - digits, 300)
        steps = np.rint(present * 10.0**decimals)
        missing = len(present) < len(values)
        return cls(pieces, int(steps.min()), int(steps.max()), decimals=decimals, point=point, missing=missing, end=end)

    def _build(
        self, intervals: Sequence[tuple[int, int]], missing: bool, *, ends: bool | None = None
    ) -> tuple[Automaton, list[np.ndarray]]:
        items: dict[bool, set[Item]] = {False: set(), True: set()}
        for low, high in intervals:
            items[False] |= _by_length(max(low, 0), high, self.places)
            items[True] |= _by_length(max(-high, 1), -low, self.places)
        plain, negative = ((False, frozenset(items[sign])) for sign in (False, True))
        # Numbers that all have the same length need no end.
        lengths = {length for length, _, _ in items[False] | items[True]}
        open_end = self.places == 0 and len(lengths) > 1 if ends is None else ends

        def successors(state: Any) -> dict[int, Any]:
            if state == "start":
                found = _digits(plain, self.places, open_end)
                if negative[1]:
                    found[MINUS] = negative
                if missing:
                    found[MISSING] = None
                return found
            return _digits(state, self.places, open_end)

        return explore("start", successors, lambda level, symbol: self._ids[level == 0][symbol])

    def encode(self, values: np.ndarray) -> np.ndarray:
        gone = np.isnan(values)
        steps = np.clip(np.rint(np.where(gone, self.low, values) * 10.0**self.decimals), self.low, self.high)
        size = np.abs(steps).astype(np.int64)
        powers = 10 ** np.arange(1, 18, dtype=np.int64)
        digits = np.maximum(np.searchsorted(powers, size, side="right") + 1, self.places + 1)
        symbols = np.full((len(values), self.automaton.depth), -1, np.int64)
        rows = np.arange(len(values))
        place = np.zeros(len(values), np.int64)
        negative = steps < 0
        symbols[rows[negative], 0] = MINUS
        place += negative
        for number in range(int(digits.max(initial=0))):
            left = digits - number  # digits still to write
            writing = left > 0
            if self.places:
                at_point = writing & (left == self.places)
                symbols[rows[at_point], place[at_point]] = POINT
                place += at_point
            power = 10 ** np.clip(left - 1, 0, 18)
            symbols[rows[writing], place[writing]] = (size[writing] // power[writing]) % 10
            place += writing
        if self.closed:
            symbols[rows, place] = END
        symbols[gone] = -1
        symbols[gone, 0] = MISSING
        levels = np.arange(self.automaton.depth)
        return np.where(symbols >= 0, self._choice[levels, np.maximum(symbols, 0)], -1).astype(np.int32)

    def decode(self, choices: np.ndarray) -> np.ndarray:
        size = np.zeros(len(choices), np.int64)
        negative, gone = np.zeros(len(choices), bool), np.zeros(len(choices), bool)
        for place, known in enumerate(self.symbols):
            symbol = np.where(choices[:, place] >= 0, known[np.maximum(choices[:, place], 0)], -1)
            digit = (symbol >= 0) & (symbol < 10)
            size = np.where(digit, size * 10 + symbol, size)
            negative |= symbol == MINUS
            gone |= symbol == MISSING
        steps = np.where(negative, -size, size).astype(np.float64)
        values = steps / 10.0**self.decimals if self.decimals >= 0 else steps * 10.0**-self.decimals
        return np.where(gone, np.nan, values)

    def narrowed(self, allowed: Allowed | None, *, present: bool = False) -> Automaton | None:
        missing = self.missing and not present
        intervals = [(self.low, self.high)]
        if allowed is not None:
            missing &= allowed.missing
            # The steps that allowed values are written as; a column without a grid has values between two steps.
            scale = 10.0**self.decimals
            ends = [(round(low * scale), round(high * scale)) for low, high in allowed.intervals or ()]
            intervals = [(max(low, self.low), min(high, self.high)) for low, high in ends]
            intervals = [(low, high) for low, high in intervals if low <= high]
        if not intervals and not missing:
            return None
        part, _ = self._build(intervals, missing, ends=self.closed)
        return restricted(self.automaton, part)

    def to_dict(self) -> dict[str, Any]:
        return {"type": "digits", "low": self.low, "high": self.high, "decimals": self.decimals,
                "point": self.point, "missing": self.missing}  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], pieces: Pieces, *, end: int) -> DigitCodec:
        """Read what :meth:`to_dict` wrote. Raises :class:`tabular.plain_json.FieldError` if it is not."""
        kinds = {"low": _STEPS, "high": _STEPS, "decimals": whole(-400, 400), "point": FLAG, "missing": FLAG}
        check_fields(data, kinds, "it")
        if data["low"] > data["high"]:
            raise FieldError(f"it has low {data['low']:,} above its high {data['high']:,}")
        return cls(pieces, data["low"], data["high"], decimals=data["decimals"],
                   point=data["point"], missing=data["missing"], end=end)  # fmt: skip


class DateCodec(CellCodec):
    """A datetime column as calendar digits: year, month, day and, where the column has it, the time of day.

    Args:
        low, high: bounds in seconds since 1970.
        unit: seconds that the values are multiples of: 86,400 for days, 3,600, 60 or 1.
        marks: whether ``-`` and ``:`` are written, and the year in full.
        missing: whether cells may be missing.
    """

    closed = False

    def __init__(self, pieces: Pieces, low: float, high: float, *, unit: int, marks: bool, missing: bool) -> None:
        self.pieces, self.low, self.high, self.unit, self.marks, self.missing = pieces, low, high, unit, marks, missing
        self.first = math.floor(low / DAY)
        count = math.floor(high / DAY) - self.first + 1
        epoch = datetime.date(1970, 1, 1)
        texts = [(epoch + datetime.timedelta(days=self.first + day)).isoformat() for day in range(count)]
        if not marks:
            texts = [text.replace("-", "") for text in texts]
            # "missing" must be shorter than a day that a time follows.
            same, most = 0, len(texts[0]) - (2 if missing and unit < DAY else 1)
            while count > 1 and same < most and all(text[same] == texts[0][same] for text in texts):
                same += 1
            texts = [text[same:] for text in texts]
        self.texts = [*texts, "missing"] if missing else texts
        self.days = self._paths(self.texts)
        calendar, self.rows = trie(self.days)
        self.calendar = Leaves(calendar, self.rows)
        self.clock = None if unit >= DAY else self._clock()
        self.automaton = joined(calendar, self.clock) if self.clock else calendar

    def _paths(self, texts: Sequence[str]) -> list[list[int]]:
        ids = {mark: self.pieces.ids(mark)[-1] for mark in "0123456789-"}
        spaced = {digit: self.pieces.single(f" {digit}") for digit in "0123456789"} if self.marks else {}
        first = {digit: token for digit, token in spaced.items() if token is not None}
        first = first if len(first) == 10 else ids
        taken = {*ids.values(), *first.values()}
        gone = next(i for text in (" missing", " none", "?") for i in self.pieces.ids(text) if i not in taken)
        return [[gone] if text == "missing" else [first[text[0]], *(ids[mark] for mark in text[1:])] for text in texts]

    def _clock(self) -> Automaton:
        """Hours, minutes, seconds, as fine as the column has them."""
        pattern = "HhMmSs" if self.unit < 60 else "HhMm" if self.unit < 3600 else "Hh"
        if self.marks:
            pattern = " " + pattern.replace("hM", "h:M").replace("mS", "m:S")
        top = {"H": 3, "M": 6, "S": 6, "m": 10, "s": 10}
        self.pattern = pattern

        def successors(state: Any) -> dict[int, Any]:
            place, late = state
            mark = pattern[place]
            after = (place + 1, False) if place + 1 < len(pattern) else None
            if mark in " :":
                return {POINT: after}
            if mark == "H":
                return {digit: (place + 1, digit == 2) for digit in range(3)}
            if mark == "h":
                return dict.fromkeys(range(4 if late else 10), after)
            return dict.fromkeys(range(top[mark]), after)

        marks = {" ": self.pieces.ids(" ")[-1], ":": self.pieces.ids(":")[-1]}
        digits = [self.pieces.ids(str(digit))[-1] for digit in range(10)]
        made, self.clock_symbols = explore(
            (0, False),
            successors,
            lambda level, symbol: marks[pattern[level]] if symbol == POINT else digits[symbol],
        )
        return made

    @classmethod
    def fit(cls, pieces: Pieces, values: np.ndarray, *, unit: float, marks: bool) -> DateCodec | None:
        """For ``values`` (float64[n], seconds, NaN = missing); ``None`` if they span too many days, or years
        that a calendar does not have."""
        present = values[~np.isnan(values)]
        low, high = float(present.min()), float(present.max())
        if (high - low) / DAY > MAX_DAYS or low < EARLIEST or high > LATEST:
            return None
        coarsest = next(size for size in UNITS if unit >= size or size == 1)
        return cls(pieces, low, high, unit=coarsest, marks=marks, missing=len(present) < len(values))

    def encode(self, values: np.ndarray) -> np.ndarray:
        gone = np.isnan(values)
        seconds = np.rint(np.clip(np.where(gone, self.low, values), self.low, self.high)).astype(np.int64)
        seconds = np.minimum(seconds, math.floor(self.high))  # no day after the last
        day = np.where(gone, len(self.texts) - 1, seconds // DAY - self.first)
        choices = self.rows[day]
        if self.clock is None:
            return choices
        time = seconds % DAY
        digits = {"H": time // 36000, "h": time // 3600 % 10, "M": time // 600 % 6, "m": time // 60 % 10,
                  "S": time // 10 % 6, "s": time % 10}  # fmt: skip
        # Choices of the clock are the digits themselves, a mark's only choice is 0.
        clock = np.stack([digits.get(mark, np.zeros_like(time)) for mark in self.pattern], axis=1)
        clock[gone] = -1
        return np.concatenate([choices, clock], axis=1).astype(np.int32)

    def decode(self, choices: np.ndarray) -> np.ndarray:
        depth = self.rows.shape[1]
        day = self.calendar.find(choices[:, :depth])
        seconds = (day + self.first) * float(DAY)
        if self.clock is not None:
            weight = {"H": 36000, "h": 3600, "M": 600, "m": 60, "S": 10, "s": 1}
            for place, mark in enumerate(self.pattern):
                seconds += weight.get(mark, 0) * np.maximum(choices[:, depth + place], 0)
        gone = day == len(self.texts) - 1 if self.missing else np.zeros(len(day), bool)
        return np.where(gone, np.nan, np.clip(seconds, self.low, self.high))

    def narrowed(self, allowed: Allowed | None, *, present: bool = False) -> Automaton | None:
        days = np.arange(len(self.texts) - self.missing) + self.first
        keep = np.ones(len(self.texts), bool)
        if allowed is not None:
            inside = np.zeros(len(days), bool)
            for low, high in allowed.intervals or ():
                inside |= (days >= math.floor(low / DAY)) & (days <= math.floor(high / DAY))
            keep[: len(days)] = inside
            if self.missing:
                keep[-1] = allowed.missing
        if present and self.missing:
            keep[-1] = False
        if not keep.any():
            return None
        part = trie([path for path, kept in zip(self.days, keep, strict=True) if kept])[0]
        if self.clock is not None and keep[: len(days)].any():
            part = joined(part, self.clock)
        return restricted(self.automaton, part)

    def to_dict(self) -> dict[str, Any]:
        return {"type": "date", "low": self.low, "high": self.high, "unit": self.unit,
                "marks": self.marks, "missing": self.missing}  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], pieces: Pieces) -> DateCodec:
        """Read what :meth:`to_dict` wrote. Raises :class:`tabular.plain_json.FieldError` if it is not."""
        date = real(EARLIEST, LATEST)
        check_fields(data, {"low": date, "high": date, "unit": whole(1), "marks": FLAG, "missing": FLAG}, "it")
        if not 0 <= data["high"] - data["low"] <= MAX_DAYS * DAY or data["unit"] not in UNITS:
            raise FieldError(f"it has dates from {data['low']} to {data['high']} in steps of {data['unit']}")
        return cls(pieces, float(data["low"]), float(data["high"]), unit=data["unit"],
                   marks=data["marks"], missing=data["missing"])  # fmt: skip


def _by_length(low: int, high: int, places: int) -> set[Item]:
    """The whole numbers from ``low`` to ``high`` by their number of digits: (length, lowest, highest)."""
    found: set[Item] = set()
    for length in range(places + 1, len(str(max(high, 0))) + 1 if high >= 0 else 0):
        least = 0 if length == places + 1 else 10 ** (length - 1)
        bottom, top = max(low, least), min(high, 10**length - 1)
        if bottom <= top:
            found.add((length, str(bottom).zfill(length), str(top).zfill(length)))
    if high >= low and high >= 0 and not found:  # all shorter than the digits behind the point
        length = places + 1
        found.add((length, str(low).zfill(length), str(high).zfill(length)))
    return found


def _digits(state: Any, places: int, open_end: bool) -> dict[int, Any]:
    """What may follow: the state is (whether the point stands, the numbers that are still possible)."""
    behind_point, items = state
    found: dict[int, set[Item]] = {}
    here: dict[int, Any] = {}
    point: set[Item] = set()
    for length, low, high in items:
        if places and not behind_point and length == places:
            point.add((length, low, high))
        elif length == 0:
            here[END] = None
        else:
            bottom, top = int(low[0]) if low else 0, int(high[0]) if high else 9
            for digit in range(bottom, top + 1):
                rest = (
                    length - 1,
                    low[1:] if low and digit == bottom and length > 1 else None,
                    high[1:] if high and digit == top and length > 1 else None,
                )
                found.setdefault(digit, set()).add(rest)
    if point:
        here[POINT] = (True, frozenset(point))
    for digit, following in found.items():
        finished = not open_end and all(length == 0 for length, _, _ in following)
        here[digit] = None if finished else (behind_point, frozenset(following))
    return here
