"""Instants: dates stored as text in one ``strftime`` format, and seconds since 1970 (UTC)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

__all__ = ["DateText", "detect_date_text", "format_dates", "format_step", "from_seconds", "parse_dates", "to_seconds"]

_ISO_DAYS = ("%Y-%m-%d", "%Y/%m/%d")
#: Month first where both orders fit, as pandas does; the caller notes it.
_OTHER_DAYS = (
    "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y",
    "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y",
)  # fmt: skip
_TIMES = ("", "%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")
_ZONES = ("", "Z", "+00:00", " UTC")
#: Cheap sight of a date, so that columns of names are not tried against every format.
_LOOKS_DATED = re.compile(
    r"\s*(\d{1,4}[-/. ](\d{1,2}|[A-Za-z]{3,9})[-/. ]\d{2,4}|[A-Za-z]{3,9} \d{1,2}, \d{4}).{0,20}\s*"
)
_SAMPLE = 200


@dataclass(frozen=True)
class DateText:
    """How a column of texts writes its dates.

    Attributes:
        format: the ``strftime`` format; ``%-d`` and the like where days are not padded to two digits.
        values: ``float64[texts]`` seconds since 1970, NaN where a text is no date.
        ambiguous: whether day and month could also be read the other way round.
    """

    format: str
    values: np.ndarray
    ambiguous: bool


def detect_date_text(texts: pd.Series, counts: np.ndarray, *, bad_share: float) -> DateText | None:
    """The one format that at least ``1 - bad_share`` of the cells keep to, or ``None``.

    ``texts`` are distinct and occur ``counts`` times each.
    """
    texts = texts.reset_index(drop=True).astype(object)
    sample = texts.iloc[:: max(1, len(texts) // _SAMPLE)].iloc[:_SAMPLE]
    dated = sample[[_LOOKS_DATED.fullmatch(text) is not None for text in sample]]
    if len(dated) < len(sample) / 2:
        return None
    fitting = []
    for candidate in _candidates(str(dated.iloc[0])):
        parsed = ~np.isnan(parse_dates(dated, candidate))
        if parsed.mean() >= 0.5:
            fitting.append(candidate)
    scored = []
    for candidate in fitting:
        values = parse_dates(texts, candidate)
        good = ~np.isnan(values)
        if counts[~good].sum() <= bad_share * counts.sum():
            for written in (candidate, _unpadded(candidate)):
                few = texts[good].iloc[:_SAMPLE]
                same = (format_dates(parse_dates(few, candidate), written) == few.to_numpy()).mean()
                scored.append((int(good.sum()), same, written, values))
    if not scored:
        return None
    best = max(scored, key=lambda entry: entry[:2])
    swapped = best[2].replace("%-", "%").replace("%d", "\0").replace("%m", "%d").replace("\0", "%m")
    rivals = {entry[2].replace("%-", "%") for entry in scored if entry[0] == best[0]}
    return DateText(best[2], best[3], swapped in rivals)


def _candidates(example: str) -> Iterator[str]:
    """Formats with the separators of ``example``."""
    for day, time, zone in product(_ISO_DAYS + _OTHER_DAYS, _TIMES, _ZONES):
        if zone and (not time or not example.endswith(zone)):
            continue
        if (":" in time) != (":" in example.removesuffix("+00:00")):
            continue
        for joint in ("T", " ") if time else ("",):
            if joint == "T" and "T" not in example:
                continue
            yield day + joint + time + zone


def _unpadded(form: str) -> str:
    return re.sub("%([dmI])", r"%-\1", form)


def parse_dates(texts: pd.Series, form: str) -> np.ndarray:
    """``texts`` written in ``form`` as ``float64`` seconds since 1970; NaN for what is missing or not so written."""
    form = form.replace("%-", "%")
    parsed = pd.to_datetime(texts.astype(object), format=form, errors="coerce")
    return to_seconds(parsed)


def format_dates(seconds: np.ndarray, form: str) -> np.ndarray:
    """Seconds since 1970 as an object array of text in ``form``; NaN gives None."""
    codes, distinct = pd.factorize(seconds)
    texts = np.asarray(from_seconds(distinct).strftime(form), dtype=object)
    # The code -1 of a missing instant takes the last.
    return np.array([*texts, None], dtype=object)[codes]


def format_step(form: str) -> float:
    """The seconds between two neighbouring instants that ``form`` can tell apart."""
    if "%f" in form:
        return 1e-6
    for mark, step in (("%S", 1.0), ("%M", 60.0), ("%H", 3600.0), ("%-I", 3600.0), ("%I", 3600.0)):
        if mark in form:
            return step
    return 86400.0


def to_seconds(instants: pd.Series) -> np.ndarray:
    """Datetimes (naive, taken as UTC, or with a zone) as ``float64`` seconds since 1970; NaN for missing."""
    index = pd.DatetimeIndex(instants)
    ticks = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[index.unit]
    seconds = index.asi8 / ticks
    return np.where(np.asarray(index.isna()), np.nan, seconds)


def from_seconds(seconds: np.ndarray) -> pd.DatetimeIndex:
    """Seconds since 1970 as naive UTC instants of microsecond resolution; NaN gives NaT."""
    missing = np.isnan(seconds)
    ticks = np.rint(np.where(missing, 0.0, seconds) * 1e6).astype(np.int64).view("datetime64[us]").copy()
    ticks[missing] = np.datetime64("NaT")
    return pd.DatetimeIndex(ticks)
