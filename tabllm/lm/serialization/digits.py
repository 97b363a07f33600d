"""Numbers digit by digit, never outside the bounds of their column."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tabular.plain_json import FLAG, FieldError, check_fields, whole
from tabular.where.conditions import Allowed

from .automaton import Automaton, explore, restricted
from .columns import CellCodec
from .tokenizer import TextTokenizer

__all__ = ["DigitCodec"]

POINT, MINUS, END, MISSING = 10, 11, 12, 13
#: Beyond this many digits a number is written in steps of a power of ten: float64 holds no more.
MAX_DIGITS = 15
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
        self, tokenizer: TextTokenizer, low: int, high: int, *, decimals: int, point: bool, missing: bool, end: int
    ) -> None:
        self.low, self.high, self.decimals, self.point, self.missing = low, high, decimals, point, missing
        self.places = decimals if point and decimals > 0 else 0
        spaced = [tokenizer.single(f" {digit}") for digit in range(10)]
        plain = [tokenizer.ids(str(digit))[-1] for digit in range(10)]
        first = [token for token in spaced if token is not None] if None not in spaced else plain
        others = {POINT: tokenizer.ids(".")[-1], MINUS: tokenizer.ids("-")[-1], END: end}
        minus = tokenizer.single(" -") if first is not plain else None
        taken = {*first, *plain, *others.values()}
        others[MISSING] = next(
            i for text in (" missing", " none", " null", "?", "*") for i in tokenizer.ids(text) if i not in taken
        )
        first_others = others if minus is None else {**others, MINUS: minus}
        self._ids = {**others, **dict(enumerate(plain))}, {**first_others, **dict(enumerate(first))}
        self.automaton, self.symbols = self._build([(low, high)], missing)
        self.closed = any(END in symbols for symbols in self.symbols)
        # symbol -> choice, per level
        self._choice = np.full((self.automaton.depth, MISSING + 1), -1, np.int32)
        for index, symbols in enumerate(self.symbols):
            self._choice[index, symbols] = np.arange(len(symbols))

    @classmethod
    def fit(
        cls, tokenizer: TextTokenizer, values: np.ndarray, *, decimals: int | None, point: bool, end: int
    ) -> DigitCodec:
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
        return cls(
            tokenizer, int(steps.min()), int(steps.max()), decimals=decimals, point=point, missing=missing, end=end
        )

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
        position = np.zeros(len(values), np.int64)
        negative = steps < 0
        symbols[rows[negative], 0] = MINUS
        position += negative
        for number in range(int(digits.max(initial=0))):
            left = digits - number  # digits still to write
            writing = left > 0
            if self.places:
                at_point = writing & (left == self.places)
                symbols[rows[at_point], position[at_point]] = POINT
                position += at_point
            power = 10 ** np.clip(left - 1, 0, 18)
            symbols[rows[writing], position[writing]] = (size[writing] // power[writing]) % 10
            position += writing
        if self.closed:
            symbols[rows, position] = END
        symbols[gone] = -1
        symbols[gone, 0] = MISSING
        levels = np.arange(self.automaton.depth)
        return np.where(symbols >= 0, self._choice[levels, np.maximum(symbols, 0)], -1).astype(np.int32)

    def decode(self, choices: np.ndarray) -> np.ndarray:
        size = np.zeros(len(choices), np.int64)
        negative, gone = np.zeros(len(choices), bool), np.zeros(len(choices), bool)
        for index, known in enumerate(self.symbols):
            symbol = np.where(choices[:, index] >= 0, known[np.maximum(choices[:, index], 0)], -1)
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
        return {
            "type": "digits",
            "low": self.low,
            "high": self.high,
            "decimals": self.decimals,
            "point": self.point,
            "missing": self.missing,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], tokenizer: TextTokenizer, *, end: int) -> DigitCodec:
        """Read what :meth:`to_dict` wrote. Raises :class:`tabular.plain_json.FieldError` if it is not."""
        kinds = {"low": _STEPS, "high": _STEPS, "decimals": whole(-400, 400), "point": FLAG, "missing": FLAG}
        check_fields(data, kinds, "it")
        if data["low"] > data["high"]:
            raise FieldError(f"it has low {data['low']:,} above its high {data['high']:,}")
        return cls(
            tokenizer,
            data["low"],
            data["high"],
            decimals=data["decimals"],
            point=data["point"],
            missing=data["missing"],
            end=end,
        )


def _by_length(low: int, high: int, positions: int) -> set[Item]:
    """The whole numbers from ``low`` to ``high`` by their number of digits: (length, lowest, highest)."""
    found: set[Item] = set()
    for length in range(positions + 1, len(str(max(high, 0))) + 1 if high >= 0 else 0):
        least = 0 if length == positions + 1 else 10 ** (length - 1)
        bottom, top = max(low, least), min(high, 10**length - 1)
        if bottom <= top:
            found.add((length, str(bottom).zfill(length), str(top).zfill(length)))
    if high >= low and high >= 0 and not found:  # all shorter than the digits behind the point
        length = positions + 1
        found.add((length, str(low).zfill(length), str(high).zfill(length)))
    return found


def _digits(state: Any, positions: int, open_end: bool) -> dict[int, Any]:
    """What may follow: the state is (whether the point stands, the numbers that are still possible)."""
    behind_point, items = state
    found: dict[int, set[Item]] = {}
    here: dict[int, Any] = {}
    point: set[Item] = set()
    for length, low, high in items:
        if positions and not behind_point and length == positions:
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
