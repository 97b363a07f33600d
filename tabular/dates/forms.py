"""The grammar of a date format: ``strftime``, and what it lacks.

A directive is ``%``, at most one flag, at most one digit, at most one option in braces, and a letter:

======================  ==========================================================================================
``%Y %m %d %H %M %S``   as in ``strftime``; ``%-d`` is not padded, ``%_d`` padded with a blank
``%y``                  two digits of the year, 1969 to 2068; ``%{1925}y`` counts from 1925
``%-{th}d``             1st, 2nd, 3rd
``%b %B %a %A``         names; ``%^b`` SEP, ``%#b`` sep, ``%!b`` title case, ``%{de}B`` German (:mod:`.names`)
``%I %p``               hours 1 to 12 and their half; ``%#p`` am, ``%{.}p`` A.M., ``%{1}p`` A
``%{24}H``              midnight is the hour 24 of the day before; for times of day 24 is the end of the day
``%{+}H``               hours of a duration, as many as there are
``%3f``                 so many digits of a fraction; ``%-f`` without trailing zeros; ``%f`` is six
``%{.}f``               a point and six digits, or nothing where the fraction is 0
``%9{8}f``              nine digits, of which eight say something: those that no instant holds are made up
``%j %q %G %V %u``      day of the year, quarter, ISO year, week and weekday
``%{+01:00|+02:00}z``   one of these offsets or zones; an instant is the local time, and which zone it is in
                        stands in its fraction (:mod:`.zones`)
``%s``                  seconds since 1970; ``%{ms}s``, ``%{us}s`` and ``%{ns}s``: in those units
``%{<H>h <MM>m}D``      a duration, which stands alone, by its template (:mod:`.durations`)
======================  ==========================================================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from .durations import Duration, duration
from .names import HALVES, VARIANTS

__all__ = ["EPOCH_TICKS", "PIVOT", "ZONE", "Field", "Form", "compiled"]

_DIRECTIVE = re.compile(r"%(?P<flag>[-_^#!]?)(?P<width>[1-9]?)(?:\{(?P<option>[^{}%]*)\})?(?P<letter>[A-Za-z%])")
#: The first year that two digits stand for, where the format names none: that of POSIX.
PIVOT = 1969
#: Ticks per second of ``%s`` by its option.
EPOCH_TICKS = {"": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}
#: A zone's number counts so many seconds: float64 holds it beside any date, and no clock is so fine.
ZONE = 2.0**-20
MOST_ZONES = 256
#: Digits of a second that an instant holds beside so many zones.
_HELD = ((1, 6), (5, 5), (50, 4), (MOST_ZONES, 3))
_FRACTION = re.compile(r"\.?[1-9]?")
_PADDED = frozenset("mdHIMSyVj")
_WIDTHS = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "I": 2, "M": 2, "S": 2, "q": 1, "G": 4, "V": 2, "u": 1, "j": 3}
#: A digit after these stands alone: it begins no other field.
DIGIT_FIELDS = frozenset(_WIDTHS) | {"f", "s"}


@dataclass(frozen=True)
class Field:
    """One directive.

    Attributes:
        letter: what it stands for.
        flag: how it is padded, or the case of a name.
        width: digits, 0 where the letter says.
        option: what stands in braces.
    """

    letter: str
    flag: str = ""
    width: int = 0
    option: str = ""

    def __str__(self) -> str:
        option = f"{{{self.option}}}" if self.option else ""
        return f"%{self.flag}{self.width or ''}{option}{self.letter}"

    @property
    def digits(self) -> int:
        """The digits that are written, if padded."""
        if self.letter == "f":
            return self.width or 6
        return _WIDTHS[self.letter]

    @property
    def has_point(self) -> bool:
        """Whether it is a fraction that comes and goes with its point."""
        return self.letter == "f" and self.option.startswith(".")

    @property
    def telling_digits(self) -> int:
        """Digits of a fraction that say something, 0 where those do that an instant holds."""
        return int(self.option.removeprefix(".") or 0) if self.letter == "f" else 0

    @property
    def zones(self) -> tuple[str, ...]:
        """The offsets or zones of ``%z``."""
        return tuple(self.option.split("|"))

    @property
    def first_year(self) -> int:
        """The first year that two digits stand for."""
        return int(self.option) if self.option else PIVOT

    @property
    def known(self) -> bool:
        """Whether this module can read and write it."""
        letter, option = self.letter, self.option
        if letter in VARIANTS or letter == "p":
            return option in (HALVES if letter == "p" else VARIANTS[letter]) and self.flag in ("", "^", "#", "!")
        if letter == "z":
            zones = self.zones
            return bool(option) and all(zones) and len(set(zones)) == len(zones) <= MOST_ZONES and not self.flag
        if letter == "s":
            return option in EPOCH_TICKS and not self.flag
        if letter == "D":
            return duration(option) is not None and not self.flag
        if letter == "f":
            return _FRACTION.fullmatch(option) is not None and self.flag in ("", "-")
        if letter not in _WIDTHS or self.flag not in ("", "-", "_") or (self.flag and letter not in _PADDED):
            return False
        if letter == "y":
            return not option or (option.isdecimal() and len(option) == 4)
        return not option or (letter, option) in (("H", "24"), ("H", "+"), ("d", "th"))


@dataclass(frozen=True)
class Form:
    """A format as its parts, texts and fields."""

    parts: tuple[str | Field, ...]

    @property
    def fields(self) -> dict[str, Field]:
        """The fields by letter."""
        return {part.letter: part for part in self.parts if isinstance(part, Field)}

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones that an instant can be in; empty where they are all in one."""
        return self.fields["z"].zones if "z" in self.fields else ()

    @property
    def duration(self) -> Duration | None:
        """The template of a duration, if the texts are durations with their units."""
        return duration(self.fields["D"].option) if "D" in self.fields else None

    @property
    def has_date(self) -> bool:
        """Whether it says which day is meant, or which month, quarter or week."""
        return bool(self.fields.keys() & set("YyGs"))

    @property
    def fraction_digits(self) -> int:
        """Digits of a second."""
        if (template := self.duration) is not None:
            return template.digits
        found = self.fields.get("f")
        if found is None:
            return {"ms": 3, "us": 6, "ns": 6}.get(self.fields["s"].option, 0) if "s" in self.fields else 0
        return 9 if found.flag == "-" else found.digits

    @property
    def has_fine_zones(self) -> bool:
        """Whether its two zones are distinguished by the last bit of an instant: :data:`ZONE` would cost a digit."""
        return len(self.zones) == 2 and self.fraction_digits > 4

    @property
    def held_digits(self) -> int:
        """Digits of a second at most that float64 holds of its instants: of dates to the microsecond, fewer beside
        zones."""
        if not self.has_date:
            return 9 if self.fraction_digits > 6 else 6
        return next(digits for zones, digits in _HELD if len(self.zones) <= zones or self.has_fine_zones)

    @property
    def made_up_digits(self) -> int:
        """Digits of a second that say something and that no instant holds."""
        telling = self.fields["f"].telling_digits if "f" in self.fields else 0
        return max(0, telling - self.held_digits)

    def pattern(self) -> re.Pattern[str]:
        """What matches the shape (:mod:`.shapes`) of a text that is so written, a group per part."""
        pieces = []
        for index, part in enumerate(self.parts):
            if isinstance(part, str):
                pieces.append("(" + "".join(map(_shape_of, part)) + ")")
                continue
            alone = not any(
                isinstance(beside, Field) and beside.letter in DIGIT_FIELDS and not beside.has_point
                for beside in (*self.parts[max(index - 1, 0) : index], *self.parts[index + 1 : index + 2])
            )
            pieces.append(f"({_shapes_of(part, alone)})")
        return re.compile("".join(pieces))


def _shape_of(character: str) -> str:
    if character == ".":
        return "[.a]"  # a full stop after a letter belongs to the word
    return "a" if character.isalpha() else "0" if "0" <= character <= "9" else re.escape(character)


def _shapes_of(field: Field, alone: bool) -> str:
    letter = field.letter
    if letter in VARIANTS or letter == "p":
        return "a+"
    if letter == "z":
        return "|".join(sorted({"".join(map(_shape_of, zone)) for zone in field.zones}))
    if letter == "s":
        return "-?0+"
    if field.option == "+":
        return "0{1,6}"
    if letter == "f":
        if field.has_point:
            return "(?:[.]0+)?"
        return "0+" if alone or field.flag else f"0{{{field.digits}}}"
    if letter not in _PADDED or letter in "yVj":
        return f"0{{{field.digits}}}"
    suffix = "aa" if field.option == "th" else ""
    if field.flag == "_":
        return "(?: 0|00)" + suffix
    return ("00?" if alone else "00") + suffix


@lru_cache(maxsize=512)
def compiled(text: str) -> Form | None:
    """The format ``text``; ``None`` if it has a directive that is not known here, or one field twice."""
    parts: list[str | Field] = []
    literal, end = "", 0
    for found in _DIRECTIVE.finditer(text):
        literal += text[end : found.start()]
        end = found.end()
        if found["letter"] == "%":
            literal += "%"
            continue
        field = Field(found["letter"], found["flag"], int(found["width"] or 0), found["option"] or "")
        if not field.known:
            return None
        if literal:
            parts.append(literal)
            literal = ""
        parts.append(field)
    literal += text[end:]
    if "%" in text[end:]:
        return None
    if literal:
        parts.append(literal)
    letters = [part.letter for part in parts if isinstance(part, Field)]
    if "D" in letters and len(parts) > 1:
        return None
    return Form(tuple(parts)) if letters and len(set(letters)) == len(letters) else None
