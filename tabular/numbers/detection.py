"""Finds how a column of texts writes numbers: the marks, the unit, the minus, then the template that gives them back.

Templates are decided by round trip: of all that fit, the one by which most of the texts come back as they were.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from .shape import Shape, alike, decimal_mark, take_apart
from .template import NumberTemplate, number_template
from .text import MAX_DIGITS, as_arrow, parse_numbers, plain_digits, to_floats
from .units import SCALES

__all__ = ["NumberText", "detect_number_text", "sample_places"]

#: Texts examined to find the template; a column keeps to one way of writing, so a few hundred tell it.
_SAMPLE = 500
_FREQUENT = 100
#: A decimal template is trimmed and not the shortest text up to so many digits, which float64 holds exactly.
_EXACT_DIGITS = 15
#: Indian groups.
_LAKH = re.compile(r"\d{1,2}(?:\D\d\d)+\D\d{3}(?:\D\d*)?")
#: Whole numbers that all begin with + and have so many digits are telephone numbers.
_PHONE_DIGITS = 8


@dataclass(frozen=True)
class NumberText:
    """How a column of texts writes its numbers.

    Attributes:
        template: writes a number as the column does.
        values: ``float64[texts]``, NaN where a text is not a number.
        decimals: most digits after the point of any text; ``None`` where an exponent is used.
        point: the decimal mark that the texts show beyond doubt; ``None`` where they show none.
    """

    template: str
    values: np.ndarray
    decimals: int | None
    point: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing stands about the digits: neither a unit nor a currency, nor marks between thousands."""
        return number_template(self.template).is_plain

    @property
    def groups(self) -> bool:
        """Whether thousands are parted, which nobody does in a code."""
        return bool(number_template(self.template).group)


def detect_number_text(
    texts: pd.Series, counts: np.ndarray, *, bad_share: float, point: str | None = None
) -> NumberText | None:
    """How ``texts`` (distinct, each occurring ``counts`` times) write numbers, or ``None`` if they do not.

    Codes with leading zeros (``"00123"``) are not numbers. At most ``bad_share`` of the cells may be none.

    Args:
        point: the decimal mark of the file, for texts that leave it open (``1,234``).
    """
    texts = texts.reset_index(drop=True).astype(object)
    sample = texts.iloc[sample_places(counts)]
    shapes = alike([shape for text in sample if (shape := take_apart(text)) is not None])
    # A small column may hold a few stray texts among few distinct ones, so the sample alone does not decide.
    if len(shapes) < max(1, len(sample) / 2) or _are_phones(shapes):
        return None
    shown = decimal_mark(shapes)
    base = _base(shapes, shown or point or ".")
    digits, signs = plain_digits(as_arrow(texts), base)
    values = to_floats(digits, signs)
    good = np.isfinite(values)
    if counts[~good].sum() > bad_share * counts.sum() or not good.any():
        return None
    padded = _padding(shapes)
    leading_zeros = pc.any(pc.match_substring_regex(digits, r"^[+-]?0\d"), min_count=0).as_py()
    if base.is_plain and leading_zeros and not padded:
        return None
    template = _best(shapes, base, padded)
    if any(shape.power for shape in shapes):
        return NumberText(template.text, values, None, shown)
    decimals = _scaled_decimals(shapes, base.point) if base.scale else _most_decimals(digits)
    return NumberText(template.text, values, min(decimals, MAX_DIGITS), shown)


def sample_places(counts: np.ndarray) -> np.ndarray:
    """Positions of texts to look at: the most frequent ones, which fill most cells, and others from all over."""
    if len(counts) <= _SAMPLE:
        return np.arange(len(counts))
    frequent = np.argpartition(-counts, _FREQUENT)[:_FREQUENT]
    others = np.linspace(0, len(counts) - 1, _SAMPLE - _FREQUENT).astype(np.int64)
    return np.unique(np.concatenate([frequent, others]))


def _are_phones(shapes: Sequence[Shape]) -> bool:
    return all(
        shape.plus
        and shape.minus is None
        and not shape.power
        and shape.body.isdigit()
        and len(shape.body) >= _PHONE_DIGITS
        for shape in shapes
    )


def _base(shapes: Sequence[Shape], point: str) -> NumberTemplate:
    """What all candidates have in common: the unit, the marks and the minus."""
    first = shapes[0]
    marks = Counter(mark for shape in shapes for mark in set(shape.body) if not mark.isdigit() and mark != point)
    group = marks.most_common(1)[0][0] if marks else ""
    minus = Counter((shape.minus, shape.sign) for shape in shapes if shape.minus is not None).most_common(1)
    where, sign = minus[0][0] if minus else ("before", "-")
    scale = {shape.scale: SCALES[shape.scale.strip()] for shape in shapes if shape.scale}
    blanks = {shape.blanks for shape in shapes}
    before, after = blanks.pop() if len(blanks) == 1 else ("", "")
    return NumberTemplate(
        prefix=before + first.prefix,
        suffix=first.suffix + after,
        group=group,
        point=point,
        lakh=bool(group) and any(_LAKH.fullmatch(shape.body) for shape in shapes),
        minus=str(where),
        sign=sign,
        scale=tuple(sorted(scale.items(), key=lambda entry: -entry[1])),
    )


def _padding(shapes: Sequence[Shape]) -> tuple[int, str] | None:
    """Width and alignment of texts that are all of one length because blanks or zeros fill them up."""
    lengths = {len(shape.text) for shape in shapes}
    if len(lengths) > 1 or len(shapes) < 2:
        return None
    width = lengths.pop()
    if len({shape.blanks for shape in shapes}) > 1:
        return width, "" if any(shape.blanks[0] for shape in shapes) else "<"
    # Without a decimal mark, leading zeros make codes.
    zeros = any(re.match(r"0\d", shape.body) for shape in shapes)
    return (width, "0") if zeros and all(shape.fraction for shape in shapes) else None


def _most_decimals(digits: pa.Array) -> int:
    point = pc.find_substring(digits, ".")
    after = pc.if_else(pc.less(point, 0), 0, pc.subtract(pc.subtract(pc.utf8_length(digits), point), 1))
    return int(pc.max(after).as_py() or 0)


def _scaled_decimals(shapes: Sequence[Shape], point: str) -> int:
    """Digits after the point that numbers have once their letters are gone: none of 1.2K."""
    return max(
        shape.decimals(point) - (round(np.log10(SCALES[shape.scale.strip()])) if shape.scale else 0)
        for shape in [*shapes, replace(shapes[0], body="0", scale="")]
    )


def _best(shapes: Sequence[Shape], base: NumberTemplate, padded: tuple[int, str] | None) -> NumberTemplate:
    """The template by which most of the texts come back as they were; of equals the first."""
    values = parse_numbers(pd.Series([shape.text for shape in shapes], dtype=object), base.text)
    positions = np.flatnonzero(np.isfinite(values))
    shapes, values = [shapes[int(position)] for position in positions], values[positions]
    texts = np.array([shape.text for shape in shapes], dtype=object)
    candidates = [
        replace(base, **digits, plus=plus, group=group, lakh=base.lakh and bool(group), bare=bare, alone=alone, **width)
        for digits, plus, group, width, bare, alone in product(
            _digit_forms(shapes, values, base.point),
            ["+", ""] if any(shape.plus for shape in shapes) else [""],
            [base.group, ""] if base.group else [""],
            [{"width": padded[0], "align": padded[1]}, {}] if padded else [{}],
            [True, False] if any(shape.body[0] in ".," for shape in shapes) else [False],
            _decimals_alone(shapes, base),
        )
    ]
    scores = [int(np.sum(np.array(candidate.write(values), dtype=object) == texts)) for candidate in candidates]
    return candidates[int(np.argmax(scores))]


def _decimals_alone(shapes: Sequence[Shape], base: NumberTemplate) -> list[int | None]:
    """The decimals that numbers without a letter may have where others have one: 950 beside 1.2K."""
    alone = {shape.decimals(base.point) for shape in shapes if not shape.scale} if base.scale else set()
    return [None, *alone] if len(alone) == 1 else [None]


def _digit_forms(shapes: Sequence[Shape], values: np.ndarray, point: str) -> list[dict[str, Any]]:
    """The fields of templates that write the digits, from the plainest on."""
    powers = [shape for shape in shapes if shape.power]
    plain = [shape for shape in shapes if not shape.power]
    ways: list[dict[str, Any]] = [{}]
    if powers:
        ways = list(_exponents(powers, point))
        if not plain:
            return ways
        sizes = np.abs(values[[bool(shape.power) for shape in shapes]])
        limits: dict[str, int] = {}
        if (small := sizes[sizes < 1]).size:
            limits["below"] = math.floor(math.log10(small.max() or 1e-300)) + 1
        if (large := sizes[sizes >= 1]).size:
            limits["above"] = math.floor(math.log10(large.min()))
        ways = [{**way, "spec": "", **limits} for way in ways if "exponent" in way]
    decimals = [shape.decimals(point) for shape in plain]
    most, least = min(max(decimals), MAX_DIGITS), min(decimals)
    fixed: dict[str, Any] = {"spec": f".{most}f"}
    forms = [fixed]
    if least < most:
        trims = sorted({least, min(number for number in decimals if number)})
        if most <= _EXACT_DIGITS:
            forms += [{**fixed, "trim": trim} for trim in trims]
        forms += [{"spec": "", "short": True}, {"spec": ""}]
    elif most > _EXACT_DIGITS:
        forms += [{"spec": "", "short": True}]
    return [{**way, **form} for way in ways for form in forms]


def _exponents(shapes: Sequence[Shape], point: str) -> Iterator[dict[str, Any]]:
    """Ways to write the exponents of ``shapes``; Python's own first, where it is that."""
    letter = shapes[0].power[0]
    plus = "+" * any("+" in shape.power for shape in shapes)
    zeros = "0" * min(3, min(len(shape.power.lstrip("eE+-")) for shape in shapes))
    decimals = [shape.decimals(point) for shape in shapes]
    fixed = Counter(decimals).most_common(1)[0][0]
    if (plus or all("-" in shape.power for shape in shapes)) and len(zeros) == 2 and point == ".":
        yield {"spec": f".{fixed}{letter}"}
    yield {"exponent": f"{fixed}{letter}{plus}{zeros}"}
    yield {"exponent": f"{letter}{plus}{zeros}"}
