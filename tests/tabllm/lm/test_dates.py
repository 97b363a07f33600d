"""Dates as calendar digits: exact, never out of bounds, on the days and at the times of their grain alone."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabllm.lm.serialization.dates import DateCodec
from tabllm.lm.serialization.text import SERIALIZATIONS, TextCodec
from tabular import create, infer_schema, to_arrays
from tabular.plain_json import FieldError
from tabular.where.conditions import Allowed, parse_where

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_models import folder_of
    from lm_text import ids_of, instant, paths, probabilities, trained, weights

BYTES = trained()


def calendar(first: str, last: str, unit: int, *, marks: bool = True, missing: bool = False) -> DateCodec:
    return DateCodec(BYTES, instant(first), instant(last), unit=unit, marks=marks, missing=missing)


SPANS = [
    ("1968-12-30", "2001-03-01T23:59:59"),
    ("2024-02-27", "2024-03-01"),
    ("2023-12-31", "2023-12-31T23:59:59"),
    ("2024-01-01", "2024-01-09T18:00:00"),
    ("0001-01-01", "0003-01-01"),
    ("9998-01-01", "9999-12-31"),
]


@pytest.mark.parametrize("marks", [False, True])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("unit", [86_400, 3600, 60, 1])
@pytest.mark.parametrize(("first", "last"), SPANS)
def test_every_instant_is_accepted_and_comes_back(first, last, unit, missing, marks):
    codec = calendar(first, last, unit, marks=marks, missing=missing)
    low, high = instant(first), instant(last)
    drawn = np.random.default_rng(0).integers(0, int(high - low) // unit + 1, 500) * float(unit) + low
    leap = [day for day in map(instant, ("1972-02-29", "2000-02-29", "2024-02-29")) if low <= day <= high]
    values = np.array([low, (high - low) // unit * unit + low, *drawn, *leap, *[math.nan] * missing])
    choices = codec.encode(values)
    assert codec.automaton.accepts(choices).all()
    np.testing.assert_array_equal(codec.decode(choices), values)


@pytest.mark.parametrize("marks", [False, True])
@pytest.mark.parametrize("missing", [False, True])
def test_exactly_the_days_between_the_bounds_are_possible(missing, marks):
    codec = calendar("1999-12-25", "2000-03-02", 86_400, marks=marks, missing=missing)
    found = codec.decode(paths(codec.automaton))
    expected = np.arange(instant("1999-12-25"), instant("2000-03-03"), 86_400)
    np.testing.assert_array_equal(np.sort(found[~np.isnan(found)]), expected)
    assert len(found) == len(expected) + missing


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("marks", [False, True])
def test_exactly_the_hours_of_a_day_are_possible_and_none_lies_outside_the_bounds(marks, missing):
    codec = calendar("2023-12-29T05:00", "2023-12-31T20:00", 3600, marks=marks, missing=missing)
    choices = paths(codec.automaton)
    assert len(choices) == 3 * 24 + missing
    found = codec.decode(choices)
    hours = np.arange(instant("2023-12-29T05:00"), instant("2023-12-31T21:00"), 3600)
    np.testing.assert_array_equal(np.unique(found[~np.isnan(found)]), hours)
    given_ = weights(codec.automaton)
    assert probabilities(codec.automaton, choices, given_).sum() == pytest.approx(1)


def test_dates_are_written_as_a_person_writes_them_and_without_marks_no_more_than_varies():
    value = np.array([instant("2024-02-29T07:05:09")])
    for unit, text in ((86_400, "2024-02-29"), (3600, "2024-02-29 07"), (60, "2024-02-29 07:05")):
        codec = calendar("2019-05-05", "2024-03-01", unit)
        assert BYTES.texts(ids_of(codec.automaton, codec.encode(value)))[0].strip() == text
    short = calendar("2020-01-01", "2024-03-01", 1, marks=False)
    assert BYTES.texts(ids_of(short.automaton, short.encode(value)))[0].strip() == "40229070509"


@pytest.mark.parametrize("unit", [86_400, 3600])
def test_a_condition_keeps_the_days_that_it_touches(unit):
    codec = calendar("2024-01-01", "2024-04-30T23:00", unit, missing=True)
    spans = ((instant("2024-02-28"), instant("2024-03-01T12:00")), (instant("2024-04-30"), instant("2024-04-30T23:00")))
    every = np.append(np.arange(instant("2024-01-01"), instant("2024-05-01"), unit), math.nan)
    choices = codec.encode(every)
    for missing in (False, True):
        narrowed = codec.narrowed(Allowed("x", None, spans, missing))
        kept = every[narrowed.accepts(choices[:, : narrowed.depth])]
        days = {str(np.datetime64(int(value), "s"))[:10] for value in kept[~np.isnan(kept)]}
        assert days == {"2024-02-28", "2024-02-29", "2024-03-01", "2024-04-30"}
        assert len(kept) == 4 * 86_400 // unit + missing == len(paths(narrowed))
    assert np.isnan(every[codec.narrowed(Allowed("x", None, (), True)).accepts(choices[:, :1])]).all()
    present = codec.narrowed(None, present=True)
    assert np.isnan(every[~present.accepts(choices)]).tolist() == [True]
    assert codec.narrowed(Allowed("x", None, (), False)) is None


def test_the_instants_of_a_column_in_parts_of_a_second_stay_on_days_that_there_are():
    values = np.array([86_400 * 3 + 0.25, 86_400 * 5 - 0.4, math.nan])
    codec = DateCodec.fit(BYTES, values, unit=0.001, marks=False)
    found = codec.decode(codec.encode(values))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    assert np.nanmax(np.abs(found - values)) <= 1
    assert values[0] <= np.nanmin(found) <= np.nanmax(found) <= values[1]


def test_too_many_days_or_years_that_no_calendar_has_are_not_dates():
    for span in ([0.0, 86_400.0 * 160_000], [instant("-0005-01-01"), 0.0], [0.0, instant("12000-01-01")]):
        assert DateCodec.fit(BYTES, np.array(span), unit=86_400, marks=True) is None


@pytest.mark.parametrize("unit", [86_400, 60])
def test_a_codec_of_dates_read_from_json_does_the_same(unit):
    codec = calendar("2024-01-01", "2024-01-20", unit, marks=False, missing=True)
    again = DateCodec.from_dict(json.loads(json.dumps(codec.to_dict())), BYTES)
    values = np.array([instant("2024-01-05T07:30"), instant("2024-01-20"), math.nan])
    np.testing.assert_array_equal(again.encode(values), codec.encode(values))
    assert again.to_dict() == codec.to_dict()


@pytest.mark.parametrize("marks", [False, True])
@pytest.mark.parametrize("missing", [False, True])
def test_only_the_days_and_times_of_the_grain_can_be_written(missing, marks):
    low, high = instant("2024-01-01T09:00"), instant("2024-01-16T17:30")
    codec = DateCodec(
        BYTES, low, high, unit=60, marks=marks, missing=missing, grain="step 15 min; weekdays Mon-Fri; hours 9:00-17:30"
    )
    found = codec.decode(paths(codec.automaton))
    moments = pd.to_datetime(found[~np.isnan(found)], unit="s")
    assert len(found) == 12 * 35 + missing
    assert (moments.day_of_week < 5).all()
    assert (moments.minute % 15 == 0).all()
    assert ((moments.hour * 60 + moments.minute >= 540) & (moments.hour * 60 + moments.minute <= 1050)).all()
    np.testing.assert_array_equal(codec.decode(codec.encode(found)), found)
    off = np.array([instant("2024-01-06T12:00"), instant("2024-01-09T12:07")])
    assert codec.automaton.accepts(codec.encode(off)).all()
    again = DateCodec.from_dict(json.loads(json.dumps(codec.to_dict())), BYTES)
    np.testing.assert_array_equal(paths(again.automaton), paths(codec.automaton))


def test_the_first_of_a_month_is_the_only_day_of_it():
    days = np.arange("2020-01", "2023-01", dtype="datetime64[M]").astype("datetime64[s]").astype(float)
    codec = DateCodec.fit(BYTES, days, unit=86_400, marks=False, grain="step 1 day; first of month")
    np.testing.assert_array_equal(np.sort(codec.decode(paths(codec.automaton))), days)


@pytest.mark.parametrize("marks", [False, True])
@pytest.mark.parametrize("decimals", [3, 6])
def test_fractions_of_a_second_come_back(decimals, marks):
    ticks = np.random.default_rng(0).integers(0, 40 * 86_400 * 10**decimals, 200)
    values = np.append((instant("2024-02-01") * 10**decimals + ticks) / 10.0**decimals, math.nan)
    codec = DateCodec.fit(BYTES, values, unit=10.0**-decimals, marks=marks)
    assert codec.automaton.accepts(codec.encode(values)).all()
    np.testing.assert_array_equal(codec.decode(codec.encode(values)), values)


def test_a_file_of_an_older_release_has_neither_fraction_nor_grain():
    old = {"type": "date", "low": 0.0, "high": 86_400.0 * 9, "unit": 60, "marks": True, "missing": False}
    assert DateCodec.from_dict(old, BYTES).to_dict() == old
    with pytest.raises(FieldError, match="grain"):
        DateCodec.from_dict({**old, "grain": "now and then"}, BYTES)


ROWS = 300


def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    quarters = pd.Timestamp("2023-01-02") + pd.to_timedelta(rng.integers(0, 300 * 96, ROWS) * 15, unit="min")
    fine = pd.Timestamp("2023-01-02") + pd.to_timedelta(rng.integers(0, 10**13, ROWS), unit="us")
    days = pd.bdate_range("2021-01-04", "2023-12-29")[rng.integers(0, 770, ROWS)]
    return pd.DataFrame(
        {
            "at": quarters.strftime("%Y-%m-%dT%H:%M:%S") + np.where(rng.random(ROWS) < 0.4, "+01:00", "+02:00"),
            "us": fine.strftime("%Y-%m-%dT%H:%M:%S.%f") + np.where(rng.random(ROWS) < 0.4, "+01:00", "+02:00"),
            "named": quarters.strftime("%d.%m.%Y %H:%M ") + np.where(rng.random(ROWS) < 0.3, "CET", "CEST"),
            "day": days.strftime("%Y-%m-%d"),
            "office": (days + pd.to_timedelta(rng.integers(9 * 3600, 17 * 3600, ROWS), unit="s")).strftime("%F %T"),
            "clock": [f"{n // 4 + 6:02d}:{n % 4 * 15:02d}" for n in rng.integers(0, 60, ROWS)],
            "price": [f"{euros}.99" for euros in rng.integers(5, 900, ROWS)],
            "even": rng.integers(0, 5000, ROWS) * 2,
            "y": rng.choice(["a", "b"], ROWS),
        }
    )


#: What a cell of each column must match, and how often the rarer zone may come at least.
FORMS = {
    "at": r"\d{4}-\d\d-\d\dT\d\d:(00|15|30|45):00\+0[12]:00",
    "us": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+0[12]:00",
    "named": r"\d\d\.\d\d\.\d{4} \d\d:(00|15|30|45) CES?T",
    "clock": r"\d\d:(00|15|30|45)",
    "price": r"\d+\.99",
}
GROUPS = (["at", "day"], ["us", "y"], ["named", "clock"], ["office", "price", "even"])


@pytest.mark.parametrize("serialization", [*SERIALIZATIONS, "table"])
def test_an_untrained_model_writes_zones_and_values_of_the_grain_alone(serialization):
    real = table()
    options = {"serialization": serialization, "engine": "torch", "device": "cpu", "steps": 1, "batch_size": 2}
    made = pd.concat(
        [create(str(folder_of("llama")), **options).fit(real[group]).sample(100) for group in GROUPS], axis=1
    )
    for name, form in FORMS.items():
        assert made[name].astype(str).str.fullmatch(form).all(), name
    for name, length in (("at", 6), ("us", 6), ("named", -1)):
        zones = made[name].str[-length:] if length > 0 else made[name].str.split().str[-1]
        assert zones.value_counts(normalize=True).min() < 1, name
    assert made["us"].str[20:26].nunique() > 50
    assert (pd.to_datetime(made["day"]).dt.day_of_week < 5).all()
    office = pd.to_datetime(made["office"])
    assert ((office.dt.day_of_week < 5) & (office.dt.hour >= 9) & (office.dt.hour < 17)).all()
    assert (made["even"] % 2 == 0).all()


def test_zones_are_written_beside_the_local_time_and_keep_conditions_and_gaps():
    real = table()[["at", "us", "y"]]
    real.loc[::7, "at"] = None
    schema = infer_schema(real)
    arrays = to_arrays(real, schema)
    codec = TextCodec.fit(arrays, schema, BYTES)
    codec = TextCodec.from_dict(json.loads(json.dumps(codec.to_dict())), schema, BYTES)
    assert sorted(codec.names) == ["at (local)", "at (zone)", "us (local)", "us (zone)", "y"]
    assert sorted({codec.parts.whole[name] for name in codec.names}) == ["at", "us", "y"]
    choices = codec.encode(arrays)
    found = codec.decode(choices, np.random.default_rng(0), start=0, seed=0, allowed={})
    for name in ("at", "us"):
        np.testing.assert_array_equal(found[name], arrays[name])
    allowed = parse_where("at>=2023-06-01", schema)
    (local, zone) = (codec.names.index(f"at ({part})") for part in ("local", "zone"))
    kept = codec.conditions(allowed)
    assert set(kept) == {local, zone}
    later = arrays["at"] >= instant("2023-06-01")
    np.testing.assert_array_equal(kept[local].accepts(choices[:, codec.spans[local]][:, : kept[local].depth]), later)


def test_missing_dates_of_several_zones_are_filled_in():
    real = table()[["at", "y"]]
    real.loc[::5, "at"] = None
    options = {"serialization": "compact", "engine": "torch", "device": "cpu", "steps": 1, "batch_size": 2}
    filled = create(str(folder_of("gpt2")), **options).fit(real).complete(real.head(20))
    assert filled["at"].str.fullmatch(FORMS["at"]).all()
    known = real["at"].head(20).notna()
    assert filled["at"][known].equals(real["at"].head(20)[known])
