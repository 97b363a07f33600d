"""Texts in one format, read as seconds since 1970 (of times of day: since midnight)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .calendar import days_of, iso_days, iso_weeks, months_of, weekdays
from .durations import read_durations
from .forms import EPOCH_TICKS, Field, Form
from .names import ORDINALS, VARIANTS, names_of
from .shapes import Shaped, digits_of, shaped, words_of
from .zones import in_zones

__all__ = ["read_dates"]

_DAY = 86400
#: More digits than this overflow int64.
_MOST_DIGITS = 18


def read_dates(texts: Sequence[Any] | np.ndarray, form: Form) -> np.ndarray:
    """``float64[texts]``; NaN for what is not so written, or is no date."""
    if form.duration is not None:
        return read_durations(texts, form.duration)
    found = np.full(len(texts), np.nan)
    pattern = form.pattern()
    for group in shaped(texts):
        match = pattern.fullmatch(group.shape)
        if match is not None:
            spans = [match.span(index + 1) for index in range(len(form.parts))]
            found[group.rows] = _seconds_of(group, form, spans)
    return found


def _seconds_of(group: Shaped, form: Form, spans: list[tuple[int, int]]) -> np.ndarray:
    good = np.ones(len(group.rows), bool)
    values: dict[str, np.ndarray] = {}
    fraction_digits = 0
    for part, (start, end) in zip(form.parts, spans, strict=True):
        characters = group.characters[start:end]
        if isinstance(part, str):
            for row, wanted in zip(characters, part, strict=True):
                good &= row == ord(wanted)
        elif part.letter in VARIANTS or part.letter == "p":
            codes, words = words_of(characters)
            names = names_of(part.letter, part.option, part.flag)
            known = [names.index(word) if word in names else -1 for word in words]
            values[part.letter] = np.asarray(known, np.int64)[codes]
            good &= values[part.letter] >= 0
        elif part.letter == "z":
            codes, words = words_of(characters)
            zones = part.zones
            known = [zones.index(word) if word in zones else -1 for word in words]
            values["z"] = np.asarray(known, np.int64)[codes]
            good &= values["z"] >= 0
        elif part.letter == "f":
            digits = characters[1:] if part.has_point else characters
            fraction_digits = min(len(digits), _MOST_DIGITS)
            values["f"] = digits_of(digits[:fraction_digits])
        elif part.letter == "s":
            minus = bool(len(characters)) and group.shape[start] == "-"
            if end - start - minus > _MOST_DIGITS:
                return np.full(len(good), np.nan)
            values["s"] = digits_of(characters[minus:]) * (-1 if minus else 1)
        elif part.option == "th":
            values["d"] = digits_of(characters[:-2])
            codes, words = words_of(characters[-2:])
            good &= np.asarray(words)[codes] == np.asarray(ORDINALS)[np.minimum(values["d"], 31)]
        else:
            values[part.letter] = digits_of(characters)
    days, valid = _days(values, form.fields, len(good))
    clock, timely = _clock(values, form.fields, len(good), form.has_date)
    seconds = _joined(days * _DAY + clock, values.get("f"), fraction_digits, form.held_digits)
    if "s" in values:
        ticks = EPOCH_TICKS[form.fields["s"].option]
        seconds = values["s"] / ticks if "f" not in values else _joined(values["s"], values["f"], fraction_digits, 6)
        timely &= np.abs(seconds) < 253402300800  # the year 9999
    if "z" in values:
        seconds = in_zones(seconds, values["z"], form)
    return np.where(good & valid & timely, seconds, np.nan)


def _joined(seconds: np.ndarray, fraction: np.ndarray | None, digits: int, kept: int) -> np.ndarray:
    """Whole seconds with ``fraction``, of ``digits`` digits, as float64, cut to the ``kept`` ones that it holds."""
    if fraction is None:
        return seconds.astype(np.float64)
    ticks = fraction * 10 ** (kept - digits) if digits <= kept else fraction // 10 ** (digits - kept)
    return np.asarray((seconds * 10**kept + ticks) / 10.0**kept)


def _days(values: Mapping[str, np.ndarray], fields: Mapping[str, Field], rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Days since 1970-01-01, and which rows name a day that there is."""
    one = np.ones(rows, np.int64)
    good = np.ones(rows, bool)
    if "G" in values:
        week, day = values.get("V", one), values.get("u", one)
        good &= (values["G"] > 0) & (week > 0) & (week < 54) & (day > 0) & (day < 8)
        days = iso_days(np.where(good, values["G"], 1970), np.where(good, week, 1), np.where(good, day, 1))
        return days, good & (iso_weeks(days)[0] == values["G"])
    if "Y" in values:
        year = values["Y"]
    elif "y" in values:
        first = fields["y"].first_year
        year = first + (values["y"] - first) % 100
    else:
        return np.zeros(rows, np.int64), good
    month = values.get("m", one)
    for letter in ("b", "B"):
        if letter in values:
            month = values[letter] + 1
    if "q" in values:
        good &= (values["q"] > 0) & (values["q"] < 5)
        month = values["q"] * 3 - 2
    good &= (year > 0) & (month > 0) & (month < 13)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0)
    first_day = days_of(months)
    day = values.get("d", values.get("j", one))
    last = days_of(months + 1) - first_day
    if "j" in values:
        last = days_of(months + 12) - first_day
    good &= (day > 0) & (day <= last)
    days = first_day + day - 1
    for letter in ("a", "A"):
        if letter in values:
            good &= weekdays(days) == values[letter]
    if "q" in values and "m" in values:
        good &= months_of(days) % 12 // 3 + 1 == values["q"]
    return days, good


def _clock(
    values: Mapping[str, np.ndarray], fields: Mapping[str, Field], rows: int, dated: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Seconds since midnight, and which rows name a time that there is."""
    nought = np.zeros(rows, np.int64)
    hour, minute, second = (values.get(letter, nought) for letter in "HMS")
    good = (minute < 60) & (second < 60)
    if "I" in values:
        hour = values["I"] % 12 + 12 * values.get("p", nought)
        good &= (values["I"] > 0) & (values["I"] < 13)
    elif "H" in fields and fields["H"].option == "24":
        good &= (hour < 24) | ((hour == 24) & (minute == 0) & (second == 0) & (values.get("f", nought) == 0))
    elif "H" not in fields or fields["H"].option != "+":
        good &= hour < 24
    return hour * 3600 + minute * 60 + second, good
