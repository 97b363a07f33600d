"""One text that may be a number, taken apart: what stands before its digits, the digits, and what stands after them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .units import SCALES, is_prefix, is_suffix, split_scale

__all__ = ["Shape", "alike", "decimal_mark", "take_apart"]

_GROUP = r"'\u2019 \u00a0\u202f\u2009_"
_DASH = r"\u2212\u2013-"
_SHAPE = re.compile(
    rf"(?P<head>[^\d]*?)(?P<body>(?:[.,](?=\d))?\d(?:[\d.,{_GROUP}]*\d)?[.,]?)(?P<power>[eE][+-]?\d{{1,3}})?"
    r"(?P<tail>\s?/\s?\d{1,3}|\D*)",
    re.DOTALL,
)
_HEAD = re.compile(
    rf"(?P<blank>\s*)(?P<open>\(?)(?P<sign>[+{_DASH}]?)(?P<prefix>.*?)(?P<open2>\(?)(?P<sign2>[+{_DASH}]?)", re.DOTALL
)
_TAIL = re.compile(rf"(?P<after>[{_DASH}]?)(?P<close2>\)?)(?P<suffix>.*?)(?P<close>\)?)(?P<blank>\s*)", re.DOTALL)
#: Letters that are a unit too (12 m), and scale numbers only beside others that do.
_ALSO_UNITS = frozenset(["m", "t", "g", "b", "l", "L", "T", "G", "B", "kB", "KB", "MB", "GB", "TB"])


@dataclass(frozen=True)
class Shape:
    """A text taken apart.

    Attributes:
        blanks: those before and after all else.
        prefix, suffix: a unit or currency, with the blanks between it and the number.
        body: the digits with the marks among them; ``power`` what an exponent adds.
        scale: the letters that stand for thousands or millions, with the blank before.
        minus: where the minus stands (as in :mod:`tabular.numbers.template`), ``None`` without one; ``sign`` its
            character.
        plus: whether there is a plus.
    """

    text: str
    blanks: tuple[str, str]
    prefix: str
    body: str
    power: str
    suffix: str
    scale: str = ""
    minus: str | None = None
    sign: str = "-"
    plus: bool = False

    @property
    def fraction(self) -> bool:
        """Whether the digits have a mark that may be a decimal mark."""
        return "." in self.body or "," in self.body

    def decimals(self, point: str) -> int:
        """Digits after the decimal mark ``point``."""
        return len(self.body.rpartition(point)[2]) if point in self.body else 0


def take_apart(text: str) -> Shape | None:
    """``text`` as a shape; ``None`` if it is no single number with something before and after it."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        return None
    head, body, tail = found["head"], found["body"], found["tail"]
    if body[0] in ".," and head[-1:].isalpha():  # Rs.500
        head, body = head + body[0], body[1:]
    before, after = _HEAD.fullmatch(head), _TAIL.fullmatch(tail)
    if before is None or after is None:
        return None
    opens, closes = before["open"] or before["open2"], after["close"] or after["close2"]
    signs = before["sign"] + before["sign2"] + after["after"]
    if bool(opens) != bool(closes) or len(signs) + bool(opens) > 1:
        return None
    if after["after"] and after["suffix"][:1].isalpha():  # 10-year
        return None
    minus = None
    if opens:
        minus = "parentheses" if before["open"] else "both"
    elif signs and signs != "+":
        minus = "after" if after["after"] else "inside" if before["sign2"] and before["prefix"].strip() else "before"
    return Shape(
        text,
        (before["blank"], after["blank"]),
        before["prefix"],
        body,
        found["power"] or "",
        after["suffix"],
        minus=minus,
        sign=signs if minus and signs else "-",
        plus=signs == "+",
    )


def alike(shapes: Sequence[Shape]) -> list[Shape]:
    """Those of ``shapes`` with the most frequent prefix and suffix; none if these make codes and not numbers."""
    scaled = _with_scales(shapes)
    marks = Counter((shape.prefix, shape.suffix) for shape in scaled)
    if not marks:
        return []
    prefix, suffix = marks.most_common(1)[0][0]
    kept = [shape for shape in scaled if (shape.prefix, shape.suffix) == (prefix, suffix)]
    fractions = 2 * sum(shape.fraction for shape in kept) > len(kept)
    return kept if is_prefix(prefix) and is_suffix(suffix, fractions=fractions) else []


def _with_scales(shapes: Sequence[Shape]) -> list[Shape]:
    """``shapes`` with the letters that scale numbers parted from units: letters that change from text to text."""
    split = [split_scale(shape.suffix) for shape in shapes]
    used = Counter(letters.strip() for letters, _ in split if letters)
    several = len(used) > 1 or (len(used) == 1 and not set(used) & _ALSO_UNITS and _often_without(split))
    if not several or len({SCALES[letters] for letters in used}) < len(used):
        return list(shapes)
    return [replace(shape, scale=letters, suffix=rest) for shape, (letters, rest) in zip(shapes, split, strict=True)]


def _often_without(split: Sequence[tuple[str, str]]) -> bool:
    return sum(not letters for letters, _ in split) > len(split) / 20


def decimal_mark(shapes: Sequence[Shape]) -> str | None:
    """The decimal mark that most of the texts show beyond doubt: ``1.234,50`` does, ``1,234`` does not."""
    votes = Counter(mark for shape in shapes if (mark := _shown(shape.body)) is not None)
    return max(votes, key=lambda mark: votes[mark]) if votes else None


def _shown(body: str) -> str | None:
    points, commas = body.count("."), body.count(",")
    if points and commas:
        last = "." if body.rindex(".") > body.rindex(",") else ","
        return last if body.count(last) == 1 else None
    mark, other = (".", ",") if points else (",", ".")
    if points + commas != 1:
        return other if points + commas else None
    whole, _, fraction = body.partition(mark)
    sure = len(fraction) != 3 or len(whole) > 3 or not whole or whole[0] == "0"
    return mark if sure else None
