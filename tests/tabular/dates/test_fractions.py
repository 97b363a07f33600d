"""Fractions of a second finer than float64 holds of a date: told by their digits, made up behind what is held."""

import numpy as np
import pandas as pd
import pytest

from tabular import from_arrays, infer_schema, to_arrays
from tabular.dates.forms import compiled
from tabular.dates.fractions import telling_digits
from tabular.dates.text import format_dates, from_seconds, parse_dates
from tabular.parts import parts_of
from tabular.schema import Schema

RNG = np.random.default_rng(0)
NANOSECONDS = pd.Timestamp("2024-03-01").value + RNG.integers(0, 10**16, 300)
INSTANTS = pd.to_datetime(NANOSECONDS)


def clock(instant: pd.Timestamp, digits: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return instant.strftime(form) + f".{instant.value % 10**9:09d}"[: digits + 1]


def there_and_back(cells) -> tuple[Schema, pd.Series]:
    table = pd.DataFrame({"at": cells})
    schema = Schema.from_dict(infer_schema(table).to_dict())
    return schema, from_arrays(to_arrays(table, schema), schema)["at"]


@pytest.mark.parametrize(
    ("form", "digits", "write"),
    [
        ("%Y-%m-%d %H:%M:%S.%7{7}f", 7, lambda x: clock(x, 7)),
        ("%Y-%m-%d %H:%M:%S.%8{8}f", 8, lambda x: clock(x, 8)),
        ("%Y-%m-%d %H:%M:%S.%9{9}f", 9, lambda x: clock(x, 9)),
        ("%Y-%m-%d %H:%M:%S.%9{8}f", 9, lambda x: clock(x, 8) + "0"),
        ("%Y-%m-%dT%H:%M:%S.%7{7}f+02:00", 7, lambda x: clock(x, 7, "%Y-%m-%dT%H:%M:%S") + "+02:00"),
        ("%d.%m.%Y %H:%M:%S.%9{9}f", 9, lambda x: clock(x, 9, "%d.%m.%Y %H:%M:%S")),
    ],
)
def test_digits_behind_the_microsecond_are_made_up_in_the_columns_own_number(form, digits, write):
    real = pd.Series([write(instant) for instant in INSTANTS])
    schema, made = there_and_back(real)
    column = schema["at"]
    assert (column.kind, column.format, column.decimals) == ("datetime", form, 6)
    assert [note for note in column.notes if "made up" in note]
    shape = r"\.(\d{6})(\d+)"
    before, after = (texts.str.extract(shape) for texts in (real, made))
    assert before[0].equals(after[0])
    assert (after[1].str.len() == digits - 6).all()
    assert after[1].nunique() >= min(9, before[1].nunique() // 2)
    assert (after[1].str[-1] == "0").all() == (before[1].str[-1] == "0").all()
    assert np.array_equal(parse_dates(made, form), parse_dates(real, form))


def test_fractions_without_trailing_zeros_stay_without():
    real = pd.Series([clock(x, 9, "%Y-%m-%dT%H:%M:%S").rstrip("0") + "Z" for x in INSTANTS])
    schema, made = there_and_back(real)
    assert schema["at"].format == "%Y-%m-%dT%H:%M:%S.%-{9}fZ"
    assert made.str.fullmatch(r"\S{19}\.\d{0,8}[1-9]Z").all()


@pytest.mark.parametrize("digits", [7, 9])
def test_zeros_behind_the_microsecond_are_no_digits_that_say_something(digits):
    real = pd.Series([clock(x, 6) + "0" * (digits - 6) for x in INSTANTS])
    schema, made = there_and_back(real)
    assert schema["at"].format == f"%Y-%m-%d %H:%M:%S.%{digits}f"
    assert made.equals(real)


def test_a_fraction_is_cut_and_never_rounded_into_the_next_day():
    texts = pd.Series(["2024-03-01 23:59:59.999999999"])
    form = "%Y-%m-%d %H:%M:%S.%9{9}f"
    assert format_dates(parse_dates(texts, form), form)[0].startswith("2024-03-01 23:59:59.999999")


@pytest.mark.parametrize("dtype", ["datetime64[ns]", "datetime64[ns, UTC]", "timestamp[ns][pyarrow]"])
def test_native_nanoseconds_stay_nanoseconds(dtype):
    instants = pd.Series(INSTANTS.tz_localize("UTC") if "UTC" in dtype else INSTANTS).astype(dtype)
    made = there_and_back(instants)[1]
    assert made.dtype == instants.dtype
    before, after = (pd.DatetimeIndex(cells).floor("us") for cells in (instants, made))
    assert before.equals(after)
    assert len(set(pd.DatetimeIndex(made).nanosecond)) > 50
    assert there_and_back(instants.dt.floor("us"))[1].equals(instants.dt.floor("us").astype(dtype))


def test_years_of_which_int64_holds_no_nanoseconds_keep_microseconds():
    form = "%Y-%m-%d %H:%M:%S.%9{9}f"
    inside, outside = from_seconds(np.array([0.5, np.nan]), form), from_seconds(np.array([-1e11, 0.5]), form)
    assert (inside.unit, outside.unit) == ("ns", "us")
    assert inside[1] is pd.NaT


@pytest.mark.parametrize(("zones", "held"), [(("+01:00", "+02:00"), 6), (("Z", "+01:00", "+02:00"), 5)])
@pytest.mark.parametrize("year", [1985, 2024, 2060])
def test_several_offsets_stay_beside_microseconds(zones, held, year):
    moments = [instant.replace(year=year).floor("us") for instant in INSTANTS]
    real = pd.Series([f"{x:%Y-%m-%dT%H:%M:%S.%f}{zones[x.second % len(zones)]}" for x in moments])
    schema, made = there_and_back(real)
    form = compiled(schema["at"].format)
    assert form.held_digits == held
    assert made.str[20 + held :].str[6 - held :].tolist() == real.str[26:].tolist()
    assert made.str[: 20 + held].tolist() == real.str[: 20 + held].tolist()
    parts, values = parts_of(schema), to_arrays(pd.DataFrame({"at": real}), schema)["at"]
    np.testing.assert_array_equal(parts.join(parts.split({"at": values}))["at"], values)


def test_digits_that_tell_something_are_counted_to_the_last_that_is_not_zero():
    assert telling_digits(["2024.03.01 12:00:00.1234500", "2024.03.01 12:00:00.1234560"]) == 6
    assert telling_digits(["12:00:00"]) == 0
