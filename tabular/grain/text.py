"""A grain as text, such as ``step 15 min; weekdays Mon-Fri; hours 09:00-17:45; by weekday, hour``.

Terms, in any order, parted by semicolons. Of numbers: ``step 5``, ``step 5 offset 2``, ``step 1 offset 0.95, 0.99``.
Of instants: a step in ``ms``, ``s``, ``min``, ``h`` or ``day``, with an offset in one of these; ``weekdays Mon-Fri`` or
``weekdays Mon, Thu``; ``hours 09:00-17:45``, both ends included; ``first of month``, ``last of quarter``,
``day 15 of month``. ``by weekday, hour`` says what a generator learns by itself, beside the date.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["DAY", "EXAMPLES", "WEEKDAYS", "Grain", "grain_from_text"]

DAY = 86400.0
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EXAMPLES = {True: "'step 15 min; weekdays Mon-Fri'", False: "'step 5' or 'step 1 offset 0.95, 0.99'"}
_UNITS = {"day": DAY, "h": 3600.0, "min": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}
_NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
_SPAN = re.compile(rf"(?P<number>{_NUMBER})\s*(?P<unit>days?|h|min|s|ms|us)?")
_STEP = re.compile(r"step (?P<step>[^,]+?)(?: offset (?P<offsets>.+))?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?")
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_OF_MONTH = re.compile(r"(?:(?P<end>first|last)|day (?P<day>\d{1,2})) of (?P<unit>month|quarter|year)")
_PARTS = ("weekday", "hour")


@dataclass(frozen=True)
class Grain:
    """Which values a column has; what is empty says nothing.

    Attributes:
        step: the distance of neighbours, in seconds for instants (from midnight, or from 1970 beyond a day).
        offsets: what values leave over a step, ascending.
        weekdays: 0 (Monday) to 6, ascending.
        hours: the first and the last second of a day.
        month_day: the day of the month, -1 for its last.
        months: every so many months, from January: 1, 3 or 12.
        parts: ``"weekday"`` and ``"hour"``, what is learned by itself.
    """

    step: float | None = None
    offsets: tuple[float, ...] = (0.0,)
    weekdays: tuple[int, ...] = ()
    hours: tuple[float, float] | None = None
    month_day: int = 0
    months: int = 1
    parts: tuple[str, ...] = ()

    def to_text(self, *, instants: bool) -> str | None:
        """The text that :func:`grain_from_text` reads; ``None`` where there is nothing to say."""
        terms = []
        if self.step is not None:
            show = _span_text if instants else _number_text
            offset = ", ".join(map(show, self.offsets))
            terms.append(f"step {show(self.step)}" + (f" offset {offset}" if self.offsets != (0.0,) else ""))
        if self.weekdays:
            terms.append(f"weekdays {_weekday_text(self.weekdays)}")
        if self.hours is not None:
            terms.append(f"hours {_clock_text(self.hours[0])}-{_clock_text(self.hours[1])}")
        if self.month_day:
            unit = next(name for name, count in _MONTHS.items() if count == self.months)
            which = {1: "first", -1: "last"}.get(self.month_day, f"day {self.month_day}")
            terms.append(f"{which} of {unit}")
        if self.parts:
            terms.append(f"by {', '.join(self.parts)}")
        return "; ".join(terms) or None


def grain_from_text(text: str, *, instants: bool) -> Grain:
    """Read a grain of a column of ``instants``, or of numbers.

    Raises:
        ValueError: naming the term that cannot be.
    """
    found: dict[str, object] = {}
    for term in filter(None, (" ".join(part.split()) for part in text.split(";"))):
        new = _term(term, instants)
        if new is None or new.keys() & found.keys():
            raise ValueError(f"{term!r} is no term of a grain; write such as {EXAMPLES[instants]}")
        found |= new
    return Grain(**found)  # type: ignore[arg-type]


def _term(term: str, instants: bool) -> dict[str, object] | None:
    if match := _STEP.fullmatch(term):
        step = _span(match["step"], instants)
        offsets = [_span(part, instants) for part in (match["offsets"] or "0").split(",")]
        if step is None or step <= 0 or any(offset is None or not 0 <= offset < step for offset in offsets):
            return None
        return {"step": step, "offsets": tuple(sorted({float(offset or 0.0) for offset in offsets}))}
    if not instants:
        return None
    word, _, rest = term.partition(" ")
    if word == "weekdays" and (days := _weekdays(rest)):
        return {"weekdays": days}
    if word == "hours" and rest.count("-") == 1:
        ends = [_clock(end.strip()) for end in rest.split("-")]
        return {"hours": tuple(ends)} if None not in ends and ends[0] <= ends[1] < DAY else None  # type: ignore[operator]
    if word == "by" and (parts := [part.strip() for part in rest.split(",")]) and set(parts) <= set(_PARTS):
        return {"parts": tuple(part for part in _PARTS if part in parts)}
    if match := _OF_MONTH.fullmatch(term):
        day = {"first": 1, "last": -1}.get(match["end"] or "", int(match["day"] or 0))
        return {"month_day": day, "months": _MONTHS[match["unit"]]} if -1 <= day <= 28 and day else None
    return None


def _span(text: str, instants: bool) -> float | None:
    match = _SPAN.fullmatch(text.strip())
    if match is None or (match["unit"] is not None and not instants):
        return None
    unit = match["unit"] or "s"
    return float(match["number"]) * _UNITS["day" if unit == "days" else unit]


def _span_text(seconds: float) -> str:
    for unit, size in _UNITS.items():
        count = seconds / size
        if seconds and count >= 1 and abs(count - round(count)) < 1e-9 * count:
            return f"{round(count)} {unit}{'s' * (unit == 'day' and round(count) > 1)}"
    return f"{seconds:.15g} s" if seconds else "0"


def _number_text(value: float) -> str:
    return f"{value:.15g}"


def _weekdays(text: str) -> tuple[int, ...]:
    first, dash, last = text.partition("-")
    if dash:
        if first not in WEEKDAYS or last not in WEEKDAYS:
            return ()
        return tuple(range(WEEKDAYS.index(first), WEEKDAYS.index(last) + 1))
    names = [part.strip() for part in text.split(",")]
    return tuple(sorted({WEEKDAYS.index(name) for name in names})) if set(names) <= set(WEEKDAYS) else ()


def _weekday_text(days: Sequence[int]) -> str:
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{WEEKDAYS[days[0]]}-{WEEKDAYS[days[-1]]}"
    return ", ".join(WEEKDAYS[day] for day in days)


def _clock(text: str) -> float | None:
    match = _CLOCK.fullmatch(text)
    return None if match is None else int(match[1]) * 3600.0 + int(match[2]) * 60.0 + float(match[3] or 0)


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60.0)
    text = f"{int(minutes) // 60:02d}:{int(minutes) % 60:02d}"
    if rest < 5e-10:
        return text
    whole = f"{rest:012.9f}".rstrip("0").rstrip(".")
    return f"{text}:{whole}"
