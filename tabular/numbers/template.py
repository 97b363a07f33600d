"""The template by which a column writes its numbers as text: a Python format, and options of ours after a bar.

``"${:,.2f}"`` writes $1,234.50; ``"{:,.2f|,}"`` 1.234,50; ``"CHF {:,.2f|group='}"`` CHF 1'234.50. The options, parted
by blanks:

===================  =============================================================================================
``,``                the decimal mark is a comma, and thousands are parted by points
``group=X``          what parts groups of digits: a character, or ``space``, ``nbsp``, ``nnbsp``, ``thin``
``lakh``             groups as in India: 12,34,567
``minus=X``          where the minus stands: ``inside`` ($-5), ``after`` (5-), ``parentheses`` (``(5)``), ``both``
                     for parentheses inside the prefix: ``$(5)``
``sign=X``           the character of the minus, if it is not the hyphen
``trim=N``           zeros at the end of the decimals are left out, down to N decimals
``bare``             no zero before the decimal mark: .5
``short``            as many digits as the number needs
``exponent=2E+00``   written with an exponent of this form, its mantissa with two decimals (no digit: as it needs)
``below=N above=N``  ... only numbers below or from the N-th power of ten
``scale=K/M``        thousands and millions written with these letters (``~`` stands for a blank)
``alone=N``          ... and numbers without a letter with N decimals
===================  =============================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from .units import SCALES

__all__ = ["GROUPS", "NumberTemplate", "is_template", "number_template"]

#: Name -> character that parts groups of digits and cannot be seen.
GROUPS = {"space": " ", "nbsp": "\u00a0", "nnbsp": "\u202f", "thin": "\u2009"}
_NAMES = {character: name for name, character in GROUPS.items()}
_SPEC = (
    r"(?P<align><)?(?P<sign>[+ ])?(?P<zero>0)?(?P<width>\d{1,2})?(?P<grouped>,)?(?:\.(?P<digits>\d{1,3}))?"
    r"(?P<type>[eEfFgG])?"
)
_FORM = re.compile(rf"(?P<prefix>[^{{}}]*)\{{(?::{_SPEC}(?:\|(?P<options>[^{{}}]*))?)?\}}(?P<suffix>[^{{}}]*)")
_EXPONENT = re.compile(r"(\d{0,2})([eE])(\+?)(0{1,3})")
_MINUS = ("before", "inside", "after", "parentheses", "both")
_SWAP = str.maketrans(",.", ".,")
#: Indian groups: two digits each, but three at the end.
_LAKH = re.compile(r"(?<=\d)(?=(?:\d{2})*\d{3}$)")


@dataclass(frozen=True)
class NumberTemplate:
    """A template, read. The attributes are the options above; those without a word there:

    Attributes:
        prefix, suffix: what stands before and after the number.
        spec: the Python format of the digits, without groups.
        plus: whether numbers from 0 have a plus.
        width, align: the least number of characters, and ``<`` (blanks after), ``0`` (zeros before) or blanks before.
        group: the character between groups of digits; empty if there are none.
        point: the decimal mark.
        scale: pairs of letters and what they multiply with, from the largest.
    """

    prefix: str = ""
    suffix: str = ""
    spec: str = ""
    plus: str = ""
    width: int = 0
    align: str = ""
    group: str = ""
    point: str = "."
    lakh: bool = False
    minus: str = "before"
    sign: str = "-"
    trim: int | None = None
    bare: bool = False
    short: bool = False
    exponent: str = ""
    below: int | None = None
    above: int | None = None
    scale: tuple[tuple[str, float], ...] = ()
    alone: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the text is digits alone, with no unit, currency or groups, as native numbers are written."""
        return not (self.prefix.strip() or self.suffix.strip() or self.group or self.scale)

    @property
    def text(self) -> str:
        """The template as text."""
        comma = self.point == ","
        usual = "." if comma else ","
        options = [
            "," if comma else "",
            f"group={_NAMES.get(self.group, self.group)}" if self.group not in ("", usual) else "",
            "lakh" if self.lakh else "",
            f"minus={self.minus}" if self.minus != "before" else "",
            f"sign={self.sign}" if self.sign != "-" else "",
            "" if self.trim is None else f"trim={self.trim}",
            "bare" if self.bare else "",
            "short" if self.short else "",
            f"exponent={self.exponent}" if self.exponent else "",
            "" if self.below is None else f"below={self.below}",
            "" if self.above is None else f"above={self.above}",
            "scale=" + "/".join(name.replace(" ", "~") for name, _ in reversed(self.scale)) if self.scale else "",
            "" if self.alone is None else f"alone={self.alone}",
        ]
        zero, align = ("0", "") if self.align == "0" else ("", self.align)
        spec = f"{align}{self.plus}{zero}{self.width or ''}{',' * bool(self.group)}{self.spec}"
        bar = "|" + " ".join(filter(None, options)) if any(options) else ""
        return f"{self.prefix}{{:{spec}{bar}}}{self.suffix}"

    def write(self, values: np.ndarray) -> list[str | None]:
        """``values`` (``float64[rows]``) as texts; NaN gives None."""
        write = self._writer()
        return [None if value != value else write(value) for value in (values + 0.0).tolist()]

    def _writer(self) -> Callable[[float], str]:
        bare = NumberTemplate(spec=self.spec, group="," if self.group == "," else "")
        if replace(bare, plus=self.plus, width=self.width, align=self.align) == self:
            return self.text.format  # Python writes it in one call
        # The digits alone are often Python's: prices are money and a suffix or two.
        digits = bare.text.format if replace(bare, prefix=self.prefix, suffix=self.suffix) == self else self._digits
        scaled, before, after, width = bool(self.scale), self.prefix + self.plus, self.suffix, self.width
        alone = digits if self.alone is None else replace(self, spec=f".{self.alone}f", trim=None)._digits

        def write(value: float) -> str:
            size, letters = self._scaled(abs(value)) if scaled else (abs(value), "")
            number = digits(size) + letters if letters else alone(size)
            text = self._negative(number) if value < 0 else before + number + after
            return self._padded(text) if width else text

        return write

    def _digits(self, size: float) -> str:
        """A number from 0 without its sign."""
        if self.exponent and self._has_exponent(size):
            return self._with_exponent(size)
        text = _shortest(size) if self.short else format(size, self.spec)
        if self.trim is not None:
            text = _trimmed(text, self.trim)
        if self.bare and text.startswith("0."):
            text = text[1:]
        if self.group:
            whole, point, fraction = text.partition(".")
            whole = _LAKH.sub(",", whole) if self.lakh else format(int(whole), ",") if whole.isdigit() else whole
            return whole.replace(",", self.group) + (self.point if point else "") + fraction
        return text.translate(_SWAP) if self.point == "," else text

    def _has_exponent(self, size: float) -> bool:
        if self.below is None and self.above is None:
            return True
        small = self.below is not None and 0 < size < 10.0**self.below
        return small or (self.above is not None and size >= 10.0**self.above)

    def _with_exponent(self, size: float) -> str:
        found = _EXPONENT.fullmatch(self.exponent)
        assert found is not None
        fixed, letter, plus, zeros = found.groups()
        text = f"{size:.{int(fixed)}e}" if fixed else np.format_float_scientific(size, trim="-")
        mantissa, _, power = text.partition("e")
        sign = "-" if power[0] == "-" else plus
        mantissa = mantissa.replace(".", self.point)
        return f"{mantissa}{letter}{sign}{abs(int(power)):0{len(zeros)}d}"

    def _scaled(self, size: float) -> tuple[float, str]:
        """``size`` in its unit, and the letters of that: the largest unit that, as written, is not below 1."""
        letters, unit = "", 1.0
        for name, factor in reversed(self.scale):
            # 999,960 is 1M where one decimal is kept, and not 1000K.
            if float(format(size / unit, self.spec)) * unit >= factor:
                letters, unit = name, factor
        return size / unit, letters

    def _negative(self, number: str) -> str:
        prefix, suffix, sign = self.prefix, self.suffix, self.sign
        if self.minus == "before":
            blank = prefix[: len(prefix) - len(prefix.lstrip())]
            return blank + sign + prefix[len(blank) :] + number + suffix
        return {
            "inside": f"{prefix}{sign}{number}{suffix}",
            "after": f"{prefix}{number}{sign}{suffix}",
            "parentheses": f"({prefix}{number}{suffix})",
            "both": f"{prefix}({number}){suffix}",
        }[self.minus]

    def _padded(self, text: str) -> str:
        if len(text) >= self.width:
            return text
        if self.align == "0":
            return text.zfill(self.width)
        return text.ljust(self.width) if self.align == "<" else text.rjust(self.width)


def _shortest(size: float) -> str:
    """The fewest digits that tell ``size`` from its neighbours, without an exponent and without ``.0``."""
    text = repr(size)
    return np.format_float_positional(size, trim="-") if "e" in text else text.removesuffix(".0")


def _trimmed(text: str, least: int) -> str:
    whole, point, fraction = text.partition(".")
    fraction = fraction.rstrip("0").ljust(least, "0")
    return whole + point + fraction if fraction else whole


def is_template(text: str) -> bool:
    """Whether ``text`` is a template of numbers."""
    try:
        number_template(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def number_template(text: str) -> NumberTemplate:
    """The template that ``text`` stands for. Raises ``ValueError`` if it is none."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no template of numbers")
    digits, kind = found["digits"], found["type"] or ""
    fields: dict[str, object] = {
        "prefix": found["prefix"],
        "suffix": found["suffix"],
        "plus": (found["sign"] or "").strip(),
        "spec": (f".{digits}" if digits else "") + kind,
        "width": int(found["width"] or 0),
        "align": "0" if found["zero"] else found["align"] or "",
        "group": "," if found["grouped"] else "",
    }
    for option in (found["options"] or "").split():
        name, _, value = option.partition("=")
        fields |= _option(name, value)
    if fields.get("point") == "," and fields["group"] == ",":
        fields["group"] = "."
    return NumberTemplate(**fields)  # type: ignore[arg-type]


def _option(name: str, value: str) -> dict[str, object]:
    """The fields that one option sets."""
    if name in (",", "lakh", "bare", "short") and not value:
        return {"point": ","} if name == "," else {name: True}
    if name == "group" and (character := GROUPS.get(value, value)) and len(character) == 1 and not character.isalnum():
        return {"group": character}
    if name == "sign" and len(value) == 1 and not value.isalnum():
        return {"sign": value}
    if name == "minus" and value in _MINUS:
        return {"minus": value}
    if name in ("trim", "alone") and value.isdecimal() and len(value) <= 3:
        return {name: int(value)}
    if name in ("below", "above") and re.fullmatch(r"-?\d{1,3}", value):
        return {name: int(value)}
    if name == "exponent" and _EXPONENT.fullmatch(value):
        return {"exponent": value}
    if name == "scale":
        letters = [part.replace("~", " ") for part in value.split("/")]
        if all(part.strip() in SCALES for part in letters):
            return {"scale": tuple(sorted(((part, SCALES[part.strip()]) for part in letters), key=lambda e: -e[1]))}
    raise ValueError(f"{name!r} is no option of a template of numbers, or cannot be {value!r}")
