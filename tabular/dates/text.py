"""Instants: dates stored as text in one format (:mod:`tabular.dates.forms`), and seconds since 1970 (UTC)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from .derive import candidates, named_like_a_date
from .duration_forms import duration_form
from .forms import Form, compiled
from .fractions import digits_behind, telling_digits, without_digits_behind
from .reader import read_dates
from .writer import write_dates

__all__ = [
    "DateText",
    "detect_date_text",
    "format_dates",
    "format_step",
    "from_seconds",
    "is_duration",
    "parse_dates",
    "to_seconds",
]

_SAMPLE = 500
_DURATIONS = 20_000
#: Texts by which digits of a second behind the microsecond are judged.
_FRACTIONS = 20_000
#: Of a sample, this share must be dates before all texts are read.
_ENOUGH = 0.5
#: Runs of digits alone are dates by their name, or if so many different ones all are: other numbers would not be.
_DISTINCT_DAYS, _DISTINCT_MONTHS = 5, 12
#: ... and within these years: 1900 to 2099.
FIRST_SECOND, LAST_SECOND = -2208988800.0, 4102444800.0


#: Microseconds since 1970 of which int64 holds the nanoseconds.
_NANOSECONDS = 2**63 // 1000 - 1


@dataclass(frozen=True)
class DateText:
    """How a column of texts writes its dates.

    Attributes:
        format: see :mod:`tabular.dates.forms`.
        values: ``float64[texts]`` seconds since 1970, NaN where a text is no date.
        ambiguous: whether day and month could also be read the other way round.
        exact: whether every text that is read is also written so again.
    """

    format: str
    values: np.ndarray
    ambiguous: bool
    exact: bool = True


def detect_date_text(texts: pd.Series, counts: np.ndarray, *, bad_share: float, name: str = "") -> DateText | None:
    """The one format that at least ``1 - bad_share`` of the cells keep to, or ``None``.

    ``texts`` are distinct and occur ``counts`` times each; ``name`` is the column's.
    """
    cells = texts.to_numpy(dtype=object)
    sample = cells[:: max(1, len(cells) // _SAMPLE)]
    found: list[DateText] = []
    likely = candidates(sample.tolist(), name)
    if len(sample) < len(cells) and any((form := compiled(candidate)) and form.zones for candidate in likely):
        likely = candidates(cells.tolist(), name)  # a zone may be rare
    if (written_out := duration_form(sample.tolist())) is not None:
        # Which units are left out shows in few texts.
        more = cells[:: max(1, len(cells) // _DURATIONS)].tolist()
        likely.append(duration_form(more) or written_out)
    for candidate in likely:
        form = compiled(candidate)
        if form is None or np.isnan(read_dates(sample, form)).mean() > 1 - _ENOUGH:
            continue
        values = read_dates(cells, form)
        good = ~np.isnan(values)
        if counts[~good].sum() > bad_share * counts.sum() or not _enough(form, values[good], name):
            continue
        same = bool((write_dates(values[good], form) == cells[good]).all())
        if not same and form.fraction_digits > form.held_digits:
            candidate, same = _with_digits_behind(candidate, form, cells[good], values[good])
        found.append(DateText(candidate, values, False, same))
    if not found:
        return None
    best = max(found, key=lambda each: (int((~np.isnan(each.values)).sum()), each.exact))
    most = int((~np.isnan(best.values)).sum())
    rivals = {each.format for each in found if int((~np.isnan(each.values)).sum()) == most and each.exact == best.exact}
    return DateText(best.format, best.values, _swapped(best.format) in rivals, best.exact)


def _with_digits_behind(candidate: str, form: Form, cells: np.ndarray, values: np.ndarray) -> tuple[str, bool]:
    """``candidate`` with the digits of a second that say something, and whether all else of ``cells`` is held.

    Args:
        cells: object[n], texts that are dates in ``form``.
        values: float64[n], what they are read as.
    """
    every = max(1, len(cells) // _FRACTIONS)
    telling, field = telling_digits(cells[::every].tolist()), form.fields["f"]
    if telling <= form.held_digits:
        return candidate, False
    written = candidate.replace(str(field), str(replace(field, option=f"{field.option[:1]}{telling}")))
    made_up = compiled(written)
    assert made_up is not None
    before, after = (
        without_digits_behind(texts, form.held_digits)
        for texts in (cells[::every].tolist(), write_dates(values[::every], made_up).tolist())
    )
    return written, before.equals(after)


def is_duration(form: str) -> bool:
    """Whether ``form`` writes durations with their units, such as ``1h 30m``."""
    known = compiled(form)
    return known is not None and known.duration is not None


def _swapped(form: str) -> str:
    """``form`` with day and month changed about; empty where it has not both."""
    fields = (compiled(form) or Form(())).fields
    if not {"d", "m"} <= fields.keys():
        return ""
    return form.replace("d", "\0").replace("m", "d").replace("\0", "m")


def _enough(form: Form, seconds: np.ndarray, name: str) -> bool:
    """Whether runs of digits alone, read as ``seconds``, are dates and no other numbers."""
    if len(form.parts) != len(form.fields) or "s" in form.fields:
        return True
    if form.has_date and not FIRST_SECOND <= seconds.min() <= seconds.max() < LAST_SECOND:
        return False
    return named_like_a_date(name) or len(seconds) >= (_DISTINCT_DAYS if "d" in form.fields else _DISTINCT_MONTHS)


def parse_dates(texts: pd.Series, form: str) -> np.ndarray:
    """``texts`` written in ``form`` as ``float64`` seconds since 1970; NaN for what is missing or not so written."""
    known = compiled(form)
    if known is None:  # a directive of strftime that is not ours, or "ISO8601"
        return to_seconds(pd.to_datetime(texts.astype(object), format=form.replace("%-", "%"), errors="coerce"))
    filled = texts.notna().to_numpy(dtype=bool)
    seconds = np.full(len(texts), np.nan)
    seconds[filled] = read_dates(texts[filled].to_numpy(dtype=object), known)
    return seconds


def format_dates(seconds: np.ndarray, form: str) -> np.ndarray:
    """Seconds since 1970 as an object array of text in ``form``; NaN gives None."""
    codes, distinct = pd.factorize(seconds)
    known = compiled(form)
    texts = write_dates(distinct, known) if known is not None else from_seconds(distinct).strftime(form)
    found = np.empty(len(distinct) + 1, dtype=object)  # the code -1 of a missing instant takes the last
    found[:-1] = texts
    return found[codes]


def format_step(form: str) -> float:
    """The seconds between two neighbouring instants that ``form`` can tell apart."""
    known = compiled(form)
    if known is None:
        steps = (("%f", 1e-6), ("%S", 1.0), ("%M", 60.0), ("%H", 3600.0), ("%-I", 3600.0), ("%I", 3600.0))
        return next((step for mark, step in steps if mark in form), 86400.0)
    fields = known.fields
    if known.duration is not None:
        return known.duration.step
    if digits := known.fraction_digits:
        return 10.0 ** -min(digits, known.held_digits)
    sizes = (("s", 1.0), ("S", 1.0), ("M", 60.0), ("H", 3600.0), ("I", 3600.0))
    return next((step for letter, step in sizes if letter in fields), 86400.0)


def to_seconds(instants: pd.Series) -> np.ndarray:
    """Datetimes (naive, taken as UTC, or with a zone) as ``float64`` seconds since 1970, cut to the microsecond; NaN
    for missing."""
    index = pd.DatetimeIndex(instants)
    if index.unit == "ns":
        seconds = index.asi8 // 1000 / 1e6
    else:
        seconds = index.asi8 / {"s": 1.0, "ms": 1e3, "us": 1e6}[index.unit]
    return np.where(np.asarray(index.isna()), np.nan, seconds)


def from_seconds(seconds: np.ndarray, form: str | None = None) -> pd.DatetimeIndex:
    """Seconds since 1970 as naive UTC instants of microsecond resolution; NaN gives NaT.

    Where ``form`` has more digits of a second that say something, and int64 holds nanoseconds of all of them (the
    years 1678 to 2261), they are instants of nanosecond resolution with made-up digits behind the microsecond.
    """
    missing = np.isnan(seconds)
    ticks, unit = np.rint(np.where(missing, 0.0, seconds) * 1e6).astype(np.int64), "us"
    known = compiled(form or "")
    if known is not None and (digits := known.made_up_digits) and np.abs(ticks).max(initial=0) < _NANOSECONDS:
        ticks, unit = ticks * 1000 + digits_behind(ticks, digits) * 10 ** (3 - digits), "ns"
    instants = ticks.view(f"datetime64[{unit}]").copy()
    instants[missing] = np.datetime64("NaT")
    return pd.DatetimeIndex(instants)
