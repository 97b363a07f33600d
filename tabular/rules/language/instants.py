"""Instants beside the local times that a file writes: of columns with offsets from UTC, or with a time zone.

What one instant is before another, and what lies between them, goes by UTC; a day, an hour or the name of a month by
the local time.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from ...dates.forms import Form, compiled
from ...dates.text import from_seconds, to_seconds
from ...dates.zones import in_zones, without_zones
from ...schema import Column

__all__ = ["as_instants", "has_zones", "is_local", "local_times", "placed", "zone_numbers"]

_OFFSET = re.compile(r"\s*(?:([+-])(\d{2}):?(\d{2})?|Z)?(?:\s*\(.*\)|\[.*\])?\s*")
#: Hours east of Greenwich of names that mean one offset.
_HOURS = {
    **dict.fromkeys(("UTC", "GMT", "Z", "WET"), 0.0),
    **dict.fromkeys(("CET", "MEZ", "BST", "WEST"), 1.0),
    **dict.fromkeys(("CEST", "MESZ", "EET", "SAST"), 2.0),
    **dict.fromkeys(("EEST", "MSK"), 3.0),
    "SGT": 8.0,
    "HKT": 8.0,
    "JST": 9.0,
    "KST": 9.0,
    "AEST": 10.0,
    "AEDT": 11.0,
    "NZST": 12.0,
    "NZDT": 13.0,
    "EST": -5.0,
    "EDT": -4.0,
    "CST": -6.0,
    "CDT": -5.0,
    "MST": -7.0,
    "MDT": -6.0,
    "PST": -8.0,
    "PDT": -7.0,
}
_DTYPE_ZONE = re.compile(r"(?:datetime64\[\w+, |tz=)([^\]]+)\]")


def _form(column: Column) -> Form | None:
    return compiled(column.format) if column.kind == "datetime" and column.format else None


def has_zones(column: Column) -> bool:
    """Whether each instant of ``column`` is written with an offset or zone of its own."""
    form = _form(column)
    return form is not None and bool(form.zones)


def is_local(column: Column) -> bool:
    """Whether the canonical values of ``column`` are local times and instants at once."""
    return not has_zones(column) and not (column.kind == "datetime" and _DTYPE_ZONE.search(column.dtype))


def as_instants(values: np.ndarray, column: Column) -> np.ndarray:
    """Canonical ``values`` (float64[rows]) as seconds since 1970 in UTC; local ones where an offset is not known."""
    form = _form(column)
    if form is None or not form.zones:
        return values
    local, zone = without_zones(values, form)
    return np.where(np.isnan(values), np.nan, local - _offsets(form.zones)[zone])


def local_times(values: np.ndarray, column: Column) -> np.ndarray:
    """Canonical ``values`` (float64[rows]) as seconds since 1970 of the clocks that they are written by."""
    form = _form(column)
    if form is not None and form.zones:
        return np.where(np.isnan(values), np.nan, without_zones(values, form)[0])
    if column.kind == "datetime" and (found := _DTYPE_ZONE.search(column.dtype)):
        aware = from_seconds(values).tz_localize("UTC").tz_convert(found[1])
        return to_seconds(pd.Series(aware.tz_localize(None)))
    return values


def zone_numbers(values: np.ndarray, column: Column) -> np.ndarray:
    """int64[rows]: which of the zones of its format each of the canonical ``values`` of ``column`` is in."""
    form = _form(column)
    assert form is not None
    return without_zones(np.nan_to_num(values), form)[1]


def placed(instants: np.ndarray, column: Column, zone: np.ndarray) -> np.ndarray:
    """Canonical values of ``column`` for seconds since 1970 in UTC, in the zones of these numbers if it has any."""
    form = _form(column)
    if form is None or not form.zones:
        return instants
    local = instants + _offsets(form.zones)[zone]
    return np.where(np.isnan(instants), np.nan, in_zones(np.nan_to_num(local), zone, form))


def _offsets(zones: tuple[str, ...]) -> np.ndarray:
    """float64[zones]: seconds east of Greenwich; all 0 if one of them is a name that may mean several."""
    found = []
    for zone in zones:
        text = zone.strip()
        if text.upper() in _HOURS:
            found.append(_HOURS[text.upper()] * 3600)
        elif text and (offset := _OFFSET.fullmatch(text)):
            seconds = int(offset[2] or 0) * 3600 + int(offset[3] or 0) * 60
            found.append(-seconds if offset[1] == "-" else seconds)
        else:
            return np.zeros(len(zones))
    return np.array(found, dtype=np.float64)
