"""Datetimes as calendar digits, on the days and at the times of their column's grain alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tabular.grain import lattice_of
from tabular.plain_json import FLAG, TEXT, FieldError, check_fields, maybe, real, whole
from tabular.where.conditions import Allowed

from .automaton import Automaton, explore, joined, restricted, trie
from .columns import CellCodec, TrieLeaves, kept_trie
from .tokenizer import TextTokenizer

__all__ = ["DateCodec"]

#: A calendar of more days than this is too long to list; such dates are written as plain numbers.
MAX_DAYS = 150_000
DAY = 86_400
#: Steps of dates in seconds, and the days that a calendar has.
UNITS = (DAY, 3600, 60, 1)
EARLIEST, LATEST = -DAY * 719_162, DAY * 2_932_896
#: Digits of a fraction of a second at most.
MAX_DECIMALS = 9
#: Seconds that a digit of the time of day counts; the others are marks and digits of the fraction.
WEIGHTS = {"H": 36000, "h": 3600, "M": 600, "m": 60, "S": 10, "s": 1}
MARK = 10


class DateCodec(CellCodec):
    """A datetime column as calendar digits: year, month, day and, where the column has it, the time of day.

    Args:
        low, high: bounds in seconds since 1970.
        unit: seconds that the values are multiples of: 86,400 for days, 3,600, 60 or 1.
        marks: whether ``-`` and ``:`` are written, and the year in full.
        missing: whether cells may be missing.
        decimals: digits of a second's fraction.
        grain: which days and times of day there are (:mod:`tabular.grain.text`).
    """

    closed = False

    def __init__(
        self,
        tokenizer: TextTokenizer,
        low: float,
        high: float,
        *,
        unit: int,
        marks: bool,
        missing: bool,
        decimals: int = 0,
        grain: str | None = None,
    ) -> None:
        self.tokenizer, self.low, self.high, self.unit, self.marks, self.missing = (
            tokenizer,
            low,
            high,
            unit,
            marks,
            missing,
        )
        self.decimals, self.grain = decimals, grain
        self.lattice = None if grain is None else lattice_of(grain, decimals, True)
        days = np.arange(math.floor(low / DAY), math.floor(high / DAY) + 1)
        if self.lattice is not None:
            held = self.lattice.ceil(days * float(DAY)) < (days + 1) * float(DAY)
            days = days[held] if held.any() else days
        #: int64[days], ascending, since 1970: those that can be written.
        self.days = days
        texts = np.datetime_as_string(days.astype("datetime64[D]")).tolist()
        if not marks:
            texts = [text.replace("-", "") for text in texts]
            # "missing" must be shorter than a day that a time follows.
            same, most = 0, len(texts[0]) - (2 if missing and unit < DAY else 1)
            while len(texts) > 1 and same < most and all(text[same] == texts[0][same] for text in texts):
                same += 1
            texts = [text[same:] for text in texts]
        self.texts = [*texts, "missing"] if missing else texts
        self.paths = self._paths(self.texts)
        calendar, self.rows = trie(self.paths)
        self.calendar = TrieLeaves(calendar, self.rows)
        self.clock = None if unit >= DAY else self._clock()
        self.automaton = joined(calendar, self.clock) if self.clock else calendar

    def _paths(self, texts: Sequence[str]) -> list[list[int]]:
        ids = {mark: self.tokenizer.ids(mark)[-1] for mark in "0123456789-"}
        spaced = {digit: self.tokenizer.single(f" {digit}") for digit in "0123456789"} if self.marks else {}
        first = {digit: token for digit, token in spaced.items() if token is not None}
        first = first if len(first) == 10 else ids
        taken = {*ids.values(), *first.values()}
        gone = next(i for text in (" missing", " none", "?") for i in self.tokenizer.ids(text) if i not in taken)
        return [[gone] if text == "missing" else [first[text[0]], *(ids[mark] for mark in text[1:])] for text in texts]

    def _times(self) -> np.ndarray:
        """bool[units of a day]: at which of them there is an instant, whatever the day."""
        starts = np.arange(0, DAY, self.unit, dtype=np.float64)
        found = np.ones(len(starts), bool)
        if self.lattice is not None:
            instants = self.days[0] * float(DAY) + starts
            found = self.lattice.ceil(instants) < instants + self.unit
        if len(self.days) == 1:
            found &= (starts + self.unit > self.low % DAY) & (starts <= self.high % DAY)
        return found if found.any() else np.ones(len(starts), bool)

    def _clock(self) -> Automaton:
        """Hours, minutes, seconds and their fraction, as fine as the column has them."""
        pattern = "HhMmSs" if self.unit < 60 else "HhMm" if self.unit < 3600 else "Hh"
        fraction = "f" * self.decimals
        if self.marks:
            pattern = " " + pattern.replace("hM", "h:M").replace("mS", "m:S")
            fraction = fraction and f".{fraction}"
        self.pattern = pattern = pattern + fraction

        def successors(state: Any) -> dict[int, Any]:
            position, times = state  # what is left of _times, as bytes
            mark = pattern[position]
            last = position + 1 == len(pattern)
            if mark not in WEIGHTS:
                after = None if last else (position + 1, times)
                return dict.fromkeys(range(10), after) if mark == "f" else {MARK: after}
            width = WEIGHTS[mark] // self.unit
            parts = {digit: times[digit * width : (digit + 1) * width] for digit in range(-(-len(times) // width))}
            return {digit: None if last else (position + 1, part) for digit, part in parts.items() if 1 in part}

        marks = {mark: self.tokenizer.ids(mark)[-1] for mark in " :."}
        digits = [self.tokenizer.ids(str(digit))[-1] for digit in range(10)]
        made, self.symbols = explore(
            (0, self._times().tobytes()),
            successors,
            lambda level, symbol: marks[pattern[level]] if symbol == MARK else digits[symbol],
        )
        return made

    @classmethod
    def fit(
        cls, tokenizer: TextTokenizer, values: np.ndarray, *, unit: float, marks: bool, grain: str | None = None
    ) -> DateCodec | None:
        """For ``values`` (float64[n], seconds, NaN = missing); ``None`` if they span too many days, or years
        that a calendar does not have."""
        decimals = min(round(-math.log10(unit)), MAX_DECIMALS) if unit < 1 else 0
        present = values[~np.isnan(values)]
        if grain is not None:
            present = lattice_of(grain, decimals, True).nearest(present)
        low, high = float(present.min()), float(present.max())
        if (high - low) / DAY > MAX_DAYS or low < EARLIEST or high > LATEST:
            return None
        coarsest = next(size for size in UNITS if unit >= size or size == 1)
        missing = len(present) < len(values)
        return cls(tokenizer, low, high, unit=coarsest, marks=marks, missing=missing, decimals=decimals, grain=grain)

    def encode(self, values: np.ndarray) -> np.ndarray:
        gone = np.isnan(values)
        known = np.clip(np.where(gone, self.low, values), self.low, self.high)
        if self.lattice is not None:
            known = np.clip(self.lattice.nearest(known), self.low, self.high)
        scale = 10**self.decimals
        ticks = np.rint(known * scale).astype(np.int64)
        ticks = np.minimum(ticks, math.floor(self.high * scale))  # no day after the last
        number, clock = np.divmod(ticks, DAY * scale)
        day = np.minimum(np.searchsorted(self.days, number), len(self.days) - 1)
        choices = self.rows[np.where(gone, len(self.texts) - 1, day)]
        if self.clock is None:
            return choices
        seconds, fraction = np.divmod(clock, scale)
        columns, behind = [], 0
        for mark, symbols in zip(self.pattern, self.symbols, strict=True):
            if mark == "f":
                behind += 1
                digit = fraction // 10 ** (self.decimals - behind) % 10
            elif mark in WEIGHTS:
                digit = seconds // WEIGHTS[mark] % (6 if mark in "MS" else 10)
            else:
                digit = np.full(len(values), MARK)
            columns.append(np.minimum(np.searchsorted(symbols, digit), len(symbols) - 1))
        made = np.stack(columns, axis=1)
        made[gone] = -1
        return np.concatenate([choices, made], axis=1).astype(np.int32)

    def decode(self, choices: np.ndarray) -> np.ndarray:
        depth = self.rows.shape[1]
        day = self.calendar.find(choices[:, :depth])
        gone = day == len(self.texts) - 1 if self.missing else np.zeros(len(day), bool)
        seconds = self.days[np.where(gone, 0, day)] * float(DAY)
        fraction = np.zeros(len(day), np.int64)
        if self.clock is not None:
            for index, (mark, symbols) in enumerate(zip(self.pattern, self.symbols, strict=True)):
                digit = symbols[np.maximum(choices[:, depth + index], 0)]
                if mark == "f":
                    fraction = fraction * 10 + digit
                seconds += WEIGHTS.get(mark, 0) * digit
        scale = 10**self.decimals
        seconds = (seconds * scale + fraction) / scale
        return np.where(gone, np.nan, np.clip(seconds, self.low, self.high))

    def narrowed(self, allowed: Allowed | None, *, present: bool = False) -> Automaton | None:
        keep = np.ones(len(self.texts), bool)
        if allowed is not None:
            inside = np.zeros(len(self.days), bool)
            for low, high in allowed.intervals or ():
                inside |= (self.days >= math.floor(low / DAY)) & (self.days <= math.floor(high / DAY))
            keep[: len(self.days)] = inside
        part = kept_trie(self.paths, keep, allowed, missing=self.missing, present=present)
        if part is None:
            return None
        if self.clock is not None and keep[: len(self.days)].any():
            part = joined(part, self.clock)
        return restricted(self.automaton, part)

    def to_dict(self) -> dict[str, Any]:
        made = {
            "type": "date",
            "low": self.low,
            "high": self.high,
            "unit": self.unit,
            "marks": self.marks,
            "missing": self.missing,
        }
        finer = {"decimals": self.decimals} if self.decimals else {}
        return made | finer | ({} if self.grain is None else {"grain": self.grain})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], tokenizer: TextTokenizer) -> DateCodec:
        """Read what :meth:`to_dict` wrote, or an older release, which knew neither fractions nor a grain.

        Raises:
            FieldError: if it is not.
        """
        date = real(EARLIEST, LATEST)
        check_fields(data, {"low": date, "high": date, "unit": whole(1), "marks": FLAG, "missing": FLAG}, "it")
        check_fields(data, {"decimals": whole(0, MAX_DECIMALS), "grain": maybe(TEXT)}, "it", needed=())
        if not 0 <= data["high"] - data["low"] <= MAX_DAYS * DAY or data["unit"] not in UNITS:
            raise FieldError(f"it has dates from {data['low']} to {data['high']} in steps of {data['unit']}")
        options = {name: data[name] for name in ("decimals", "grain") if name in data}
        try:
            return cls(
                tokenizer,
                float(data["low"]),
                float(data["high"]),
                unit=data["unit"],
                marks=data["marks"],
                missing=data["missing"],
                **options,
            )
        except ValueError as error:
            raise FieldError(f"it has grain {data.get('grain')!r}, of which {error}") from None
