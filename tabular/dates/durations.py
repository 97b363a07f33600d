"""Durations whose units are written out: ``PT1H30M``, ``1h 30m``, ``3 days 04:05:06``; read and written by a template.

A template is the text with ``<H>`` for the number of hours (``W D H M S``: weeks to seconds), each unit what the larger
ones leave:

=====================  ===========================================================================================
``<H> <HH>``           as many digits as there are; at least two. ``<MM?>``: two where another unit stands before
``<S.3> <S.->``        so many digits of a second; as many as it needs. ``<S.?6>``: six, or none where they are 0
``[<H>h ]``            left out where all in brackets are 0; a text between two brackets needs one on either side
``hour(s)``            where the number before is not 1
``(+)``                negative durations begin with negative days, and a plus follows (pandas); else with a minus
``=PT0S``              at the end: what a duration of nought is
=====================  ===========================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["UNITS", "Duration", "duration", "read_durations", "write_durations"]

#: Seconds of each unit, the largest first.
UNITS = {"W": 604800, "D": 86400, "H": 3600, "M": 60, "S": 1}
_MOST_DIGITS = 9
_ITEM = re.compile(
    r"<(?P<unit>[WDHMS])(?P<two>(?P=unit)(?P<maybe>\??))?(?:\.(?P<fraction>-|\??[1-9]))?>"
    r"|(?P<open>\[)|(?P<close>\])|\((?P<plural>[^\W\d_]+|\+)\)|(?P<text>[^<>\[\]()]+)"
)


@dataclass(frozen=True)
class _Unit:
    letter: str
    padded: str = ""  # "" no, "!" yes, "?" behind another unit
    fraction: str = ""


@dataclass(frozen=True)
class _Plural:
    letters: str


@dataclass(frozen=True)
class _Group:
    items: tuple[_Item, ...]


_Item = str | _Unit | _Plural | _Group


@dataclass(frozen=True)
class Duration:
    """A parsed template.

    Attributes:
        items: what stands in it, in order.
        units: their letters, the largest first.
        digits: digits of a second that are kept; ``fraction`` how they are written.
        zero: what is written for nought, if that is not what the items say.
        floored: whether a negative duration has negative days and a positive rest.
    """

    items: tuple[_Item, ...]
    units: tuple[_Unit, ...]
    zero: str

    @property
    def digits(self) -> int:
        """Digits of a second that can be written."""
        fraction = self.units[-1].fraction
        return 0 if not fraction else _MOST_DIGITS if fraction == "-" else int(fraction[-1])

    @property
    def floored(self) -> bool:
        """Whether a negative duration has negative days and a positive rest."""
        return _Plural("+") in self.items

    @property
    def step(self) -> float:
        """Seconds between two neighbouring durations."""
        return 10.0**-self.digits if self.digits else float(UNITS[self.units[-1].letter])


@lru_cache(maxsize=256)
def duration(text: str) -> Duration | None:
    """The template ``text``; ``None`` if it is none."""
    body, _, zero = text.partition("=")
    stack: list[list[_Item]] = [[]]
    end = 0
    while end < len(body):
        found = _ITEM.match(body, end)
        if found is None:
            return None
        end = found.end()
        if found["open"]:
            stack.append([])
        elif found["close"]:
            if len(stack) < 2:
                return None
            group = _Group(tuple(stack.pop()))
            stack[-1].append(group)
        elif found["unit"]:
            padded = "" if not found["two"] else found["maybe"] or "!"
            stack[-1].append(_Unit(found["unit"], padded, found["fraction"] or ""))
        else:
            stack[-1].append(_Plural(found["plural"]) if found["plural"] else found["text"])
    units = tuple(_units(stack[0]))
    sizes = [UNITS[unit.letter] for unit in units]
    sorted_ = len(units) > 0 and sizes == sorted(set(sizes), reverse=True)
    if len(stack) > 1 or not sorted_ or any(unit.fraction and unit.letter != "S" for unit in units):
        return None
    return Duration(tuple(stack[0]), units, zero)


def _units(items: Sequence[_Item]) -> Iterator[_Unit]:
    for item in items:
        if isinstance(item, _Unit):
            yield item
        elif isinstance(item, _Group):
            yield from _units(item.items)


def read_durations(texts: Sequence[Any] | np.ndarray, form: Duration) -> np.ndarray:
    """``float64[texts]`` seconds; NaN for what is not written so."""
    cells = pa.array(texts, pa.large_string(), from_pandas=True)
    found = np.zeros(len(cells))
    parts = pc.extract_regex(cells, f"^(?P<minus>-?){_pattern(form.items, form.floored)}$")
    filled = parts.is_valid().to_numpy(zero_copy_only=False)
    some = np.zeros(len(cells), bool)
    for index, unit in enumerate(form.units):
        digits = pc.fill_null(pc.struct_field(parts, unit.letter), "")
        given = pc.not_equal(digits, "").to_numpy(zero_copy_only=False)
        number = np.asarray(pc.if_else(pa.array(given), digits, "0").cast(pa.float64()))
        if index:  # 90 minutes behind hours are one hour and a half
            filled &= number < UNITS[form.units[index - 1].letter] / UNITS[unit.letter]
        some |= given
        if index == 0 and form.floored:
            minus = pc.fill_null(pc.equal(pc.struct_field(parts, "minus"), "-"), False)
            number = np.where(minus.to_numpy(zero_copy_only=False), -number, number)
        found += number * UNITS[unit.letter]
    if not form.floored:
        minus = pc.fill_null(pc.equal(pc.struct_field(parts, "minus"), "-"), False)
        found = np.where(minus.to_numpy(zero_copy_only=False), -found, found)
    found = np.round(found, form.digits) + 0.0
    nought = pc.fill_null(pc.equal(cells, form.zero or "\0"), False).to_numpy(zero_copy_only=False)
    return np.where(nought, 0.0, np.where(filled & some, found, np.nan))


def _pattern(items: Sequence[_Item], floored: bool) -> str:
    written = ""
    for index, item in enumerate(items):
        if isinstance(item, _Unit):
            fraction = r"(?:[.][0-9]+)?" if item.fraction else ""
            written += f"(?P<{item.letter}>[0-9]{{{2 if item.padded == '!' else 1},12}}{fraction})"
        elif isinstance(item, _Plural):
            written += r"\+?" if floored and item.letters == "+" else f"(?:{re.escape(item.letters)})?"
        elif isinstance(item, _Group):
            written += f"(?:{_pattern(item.items, floored)})?"
        else:
            written += f"(?:{re.escape(item)})?" if _between(items, index) else re.escape(item)
    return written


def _between(items: Sequence[_Item], position: int) -> bool:
    """Whether a text stands between two groups."""
    return 0 < position < len(items) - 1 and all(isinstance(items[position + side], _Group) for side in (-1, 1))


def write_durations(seconds: np.ndarray, form: Duration) -> np.ndarray:
    """``object[n]``: texts of ``seconds`` (float64[n], none NaN), cut to what ``form`` can say."""
    scale = 10**form.digits
    ticks = np.rint(seconds * scale).astype(np.int64)
    negative = ticks < 0
    rest = ticks if form.floored else np.abs(ticks)
    numbers: dict[str, np.ndarray] = {}
    fraction = np.zeros(len(ticks), np.int64)
    for unit in form.units:
        numbers[unit.letter], rest = np.divmod(rest, UNITS[unit.letter] * scale)
    if form.digits:
        fraction = rest
    written, _ = _Writer(numbers, fraction, form.digits, negative).write(form.items, np.zeros(len(ticks), bool))
    if not form.floored:
        written = pc.binary_join_element_wise(pc.if_else(pa.array(negative), "-", ""), written, "")
    if form.zero:
        written = pc.if_else(pa.array(ticks == 0), form.zero, written)
    found = np.empty(len(ticks), dtype=object)
    found[:] = written.to_pylist()
    return found


@dataclass(frozen=True)
class _Writer:
    numbers: dict[str, np.ndarray]
    fraction: np.ndarray
    digits: int
    negative: np.ndarray

    def write(self, items: Sequence[_Item], before: np.ndarray) -> tuple[pa.Array, np.ndarray]:
        """``string[n]`` and where one of its units is not 0; ``before`` says where a unit stands before them."""
        rows = len(self.fraction)
        parts: list[pa.Array] = []
        shown = np.zeros(rows, bool)
        plural = np.ones(rows, bool)
        groups = [
            self.write(item.items, before) if isinstance(item, _Group) and not _padded_behind(item.items) else None
            for item in items
        ]
        for index, item in enumerate(items):
            if isinstance(item, _Unit):
                number = self.numbers[item.letter]
                parts.append(self._number(item, before))
                shown |= (number != 0) | ((self.fraction != 0) if item.fraction else False)
                before = np.ones(rows, bool)
                plural = number != 1
            elif isinstance(item, _Plural):
                parts.append(pc.if_else(pa.array(self.negative if item.letters == "+" else plural), item.letters, ""))
            elif isinstance(item, _Group):
                text, some = groups[index] or self.write(item.items, before)
                parts.append(pc.if_else(pa.array(some), text, ""))
                shown |= some
                before = before | some
            elif _between(items, index):
                following = groups[index + 1]
                assert following is not None
                parts.append(pc.if_else(pa.array(before & following[1]), item, ""))
            else:
                parts.append(pa.array(np.full(rows, item, dtype=object), pa.string()))
        return pc.binary_join_element_wise(*parts, ""), shown

    def _number(self, unit: _Unit, before: np.ndarray) -> pa.Array:
        text = pa.array(self.numbers[unit.letter]).cast(pa.string())
        if unit.padded:
            two = pc.utf8_lpad(text, 2, "0")
            text = two if unit.padded == "!" else pc.if_else(pa.array(before), two, text)
        if not unit.fraction:
            return text
        digits = pc.utf8_lpad(pa.array(self.fraction).cast(pa.string()), self.digits, "0")
        if unit.fraction == "-":
            digits = pc.utf8_rtrim(digits, "0")
        none = pa.array((self.fraction == 0) & (not unit.fraction.isdecimal()))
        return pc.binary_join_element_wise(text, pc.if_else(none, "", "."), pc.if_else(none, "", digits), "")


def _padded_behind(items: Sequence[_Item]) -> bool:
    return any(unit.padded == "?" for unit in _units(items))
