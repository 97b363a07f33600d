"""Date texts: recognised, read, and written again character by character, in the forms that real files have."""

import datetime as dt
import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular import from_arrays, infer_schema, to_arrays
from tabular.dates.forms import compiled
from tabular.dates.text import detect_date_text, format_dates, format_step, parse_dates
from tabular.parts import parts_of
from tabular.schema import Schema
from tabular.where.conditions import parse_where

MONTHS_DE = re.split(",", "Januar,Februar,März,April,Mai,Juni,Juli,August,September,Oktober,November,Dezember")
MONTHS_FR = re.split(",", "janv.,févr.,mars,avr.,mai,juin,juil.,août,sept.,oct.,nov.,déc.")
MONTHS_ES = re.split(",", "enero,febrero,marzo,abril,mayo,junio,julio,agosto,septiembre,octubre,noviembre,diciembre")
MONTHS_AP = re.split(",", "Jan.,Feb.,March,April,May,June,July,Aug.,Sept.,Oct.,Nov.,Dec.")


def moments(count: int = 150) -> list[dt.datetime]:
    seconds = np.random.default_rng(1).integers(0, 86400 * 900, count)
    return [dt.datetime(2022, 1, 3) + dt.timedelta(seconds=int(value)) for value in seconds]


def twelve(x: dt.datetime) -> str:
    return f"{x.hour % 12 or 12}:{x.minute:02d}"


def ordinal(day: int) -> str:
    return f"{day}" + ("th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th"))


#: What strftime writes, and the format that is found.
PLAIN = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d, %Y",
    "%d %B %Y",
    "%B %d, %Y",
    "%Y%m%d",
    "%d%m%Y",
    "%Y%m%d%H",
    "%Y%m%d%H%M",
    "%Y%m%d%H%M%S",
    "%Y%m%dT%H%M%SZ",
    "%Y-%m",
    "%m/%Y",
    "%b-%y",
    "%b %Y",
    "%B %Y",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S+02:00",
    "%Y-%m-%d %H:%M:%S+00:00",
    "%Y-%m-%d %H:%M:%S UTC",
    "%a, %d %b %Y %H:%M:%S GMT",
    "%a %b %d %H:%M:%S %Y",
    "%d/%b/%Y:%H:%M:%S +0000",
    "%A, %d %B %Y",
    "%H:%M",
    "%H:%M:%S",
    "%I:%M %p",
    "%I:%M:%S %p",
    "%y%m%d%H",
    "%G-W%V",
    "%G-W%V-%u",
    "%d.%m.%y %H:%M",
    "%Y.%m.%d %H:%M:%S",
    "%Y-%m-%d %H",
    "%Y_%m_%d",
    "%Y-%m-%dT%H:%M:%S-0500",
    "%Y-%m-%dT%H:%M:%S+02",
    "%Y-%m-%d-%H.%M.%S",
    "%d.%m.%Y %H.%M",
    "%d %b %y %I:%M%p",
    "%Y年%m月%d日",
    "%Hh%M",
    "%Y年%m月%d日 %H時%M分%S秒",
    "%a %b %d %Y %H:%M:%S GMT+0100",
    "%H:%M:%S on %d/%m/%Y",
    "%a %b %d %Y %H:%M:%S GMT+0100 (CET)",
    "[%d/%b/%Y:%H:%M:%S +0000]",
    "[%Y-%m-%d %H:%M:%S]",
    "%Y-%m-%dT%H:%M:%SZ[UTC]",
]
OTHERS: dict[str, Callable[[dt.datetime], str]] = {
    "%d-%^b-%y": lambda x: x.strftime("%d-%b-%y").upper(),
    "%d%#b%Y": lambda x: x.strftime("%d%b%Y").lower(),
    "%-m/%-d/%Y %-H:%M": lambda x: f"{x.month}/{x.day}/{x.year} {x.hour}:{x.minute:02d}",
    "%-d.%-m.%Y": lambda x: f"{x.day}.{x.month}.{x.year}",
    "%b %d, %Y, %-I:%M %p": lambda x: x.strftime("%b %d, %Y, ") + twelve(x) + x.strftime(" %p"),
    "%-I:%M %#{.}p": lambda x: twelve(x) + (" a.m." if x.hour < 12 else " p.m."),
    "%-I:%M%#p": lambda x: twelve(x) + ("am" if x.hour < 12 else "pm"),
    "%-I:%M%{1}p": lambda x: twelve(x) + ("A" if x.hour < 12 else "P"),
    "%-m/%-d/%y, %-I:%M\u202f%p": lambda x: f"{x.month}/{x.day}/{x:%y}, {twelve(x)}\u202f{x:%p}",
    "%Y-Q%q": lambda x: f"{x.year}-Q{(x.month + 2) // 3}",
    "Q%q %Y": lambda x: f"Q{(x.month + 2) // 3} {x.year}",
    "%YQ%q": lambda x: f"{x.year}Q{(x.month + 2) // 3}",
    "%B %-{th}d, %Y": lambda x: f"{x:%B} {ordinal(x.day)}, {x.year}",
    "%-d. %{de}B %Y": lambda x: f"{x.day}. {MONTHS_DE[x.month - 1]} {x.year}",
    "%-d %{fr.}b %Y": lambda x: f"{x.day} {MONTHS_FR[x.month - 1]} {x.year}",
    "%-d de %{es}B de %Y": lambda x: f"{x.day} de {MONTHS_ES[x.month - 1]} de {x.year}",
    "%{ap}b %-d, %Y": lambda x: f"{MONTHS_AP[x.month - 1]} {x.day}, {x.year}",
    "%b %_d %H:%M:%S %Y": lambda x: f"{x:%b} {x.day:2d} {x:%H:%M:%S %Y}",
    "%Y-%m-%d %H:%M:%S.%3f": lambda x: f"{x:%Y-%m-%d %H:%M:%S}.000",
    "%Y-%m-%d %H:%M:%S,%3f": lambda x: f"{x:%Y-%m-%d %H:%M:%S},{x.second * 7:03d}",
    "%H:%M:%S.%2f": lambda x: f"{x:%H:%M:%S}.{x.second:02d}",
    "%H:%M:%S.%9f": lambda x: f"{x:%H:%M:%S}.{x.second * 1234567:09d}",
    "%Y-%m-%dT%H:%M:%S.%6fZ": lambda x: f"{x:%Y-%m-%dT%H:%M:%S}.{x.second * 999:06d}Z",
    "%Y-%m-%d %H:%M:%S.%-f": lambda x: f"{x:%Y-%m-%d %H:%M:%S}.{str(x.second / 64)[2:]}",
    "%Y-%m-%dT%H:%M:%S%6{.}f": lambda x: x.replace(microsecond=x.second % 3 * 1000).isoformat(),
    "%-{+}H:%M:%S": lambda x: f"{x.day * x.hour // 4}:{x:%M:%S}",
    "%{+}H:%M:%S": lambda x: f"{x.day * x.hour // 4:02d}:{x:%M:%S}",
    "%Y-%m-%d %{24}H:%M": lambda x: f"{x - dt.timedelta(days=x.hour == 0):%Y-%m-%d} {x.hour or 24:02d}:00",
}
CASES = [(form, lambda x, form=form: x.strftime(form)) for form in PLAIN] + list(OTHERS.items())


@pytest.mark.parametrize(("form", "write"), CASES, ids=[form for form, _ in CASES])
def test_a_form_is_found_and_held_character_by_character(form, write):
    table = pd.DataFrame({"date": [write(moment) for moment in moments()]})
    schema = Schema.from_dict(infer_schema(table).to_dict())
    assert schema["date"].kind == "datetime"
    assert schema["date"].format == form
    back = from_arrays(to_arrays(table, schema), schema)
    assert back["date"].tolist() == table["date"].tolist()


@pytest.mark.parametrize(("form", "write"), CASES, ids=[form for form, _ in CASES])
def test_any_second_is_written_as_a_date_that_is_read_again(form, write):
    seconds = np.random.default_rng(2).uniform(1.6e9, 1.7e9, 50)
    texts = pd.Series(format_dates(seconds, form), dtype=object)
    read = parse_dates(texts, form)
    assert not np.isnan(read).any()
    assert format_dates(read, form).tolist() == texts.tolist()


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("%Y%m%d", "date"),
        ("%Y%m%d%H", "dateHour"),
        ("%Y%m", "yyyymm"),
        ("%y%m%d%H", "hour"),
        ("%Y%m%d%H%M%S", "ts"),
        ("%d%m%Y", "d"),
    ],
)
def test_dates_written_as_whole_numbers_stay_whole_numbers(form, name):
    table = pd.DataFrame({name: [int(moment.strftime(form)) for moment in moments()]})
    schema = infer_schema(table)
    assert (schema[name].kind, schema[name].format, schema[name].dtype) == ("datetime", form, "int64")
    back = from_arrays(to_arrays(table, schema), schema)
    assert back[name].dtype == np.int64
    assert back[name].tolist() == table[name].tolist()


@pytest.mark.parametrize(("ticks", "form"), [(1, "%s"), (1000, "%{ms}s"), (1_000_000, "%{us}s")])
def test_seconds_and_milliseconds_since_1970_are_dates_where_the_name_says_so(ticks, form):
    values = np.random.default_rng(3).integers(1_600_000_000, 1_700_000_000, 80) * ticks
    schema = infer_schema(pd.DataFrame({"created_at": values, "amount": values}))
    assert schema["created_at"].format == form
    assert schema["amount"].kind == "integer"
    back = from_arrays(to_arrays(pd.DataFrame({"created_at": values, "amount": values}), schema), schema)
    assert back["created_at"].tolist() == values.tolist()


@pytest.mark.parametrize(
    "texts",
    [
        ["10-19", "20-29", "30-39", "40-49"],
        ["1.2.0", "1.10.3", "2.0.0"],
        ["192.168.0.1", "10.0.0.7"],
        ["078-05-1120", "219-09-9999"],
        ["Model 3", "Model 12"],
        ["A1", "B2", "C3"],
        ["2024", "2023", "1999"],
        ["3:1", "2:0", "0:0"],
        ["16:9", "4:3"],
        ["12345678", "98765432"],
        ["1,234", "5,678"],
        ["May", "June"],
        ["5 May", "6 June"],
        ["+49 30 1234567", "+49 40 7654321"],
        ["#1 of 2", "#2 of 2"],
        ["", " "],
    ],
)
def test_what_only_resembles_dates_is_none(texts):
    assert detect_date_text(pd.Series(texts, dtype=object), np.ones(len(texts), int), bad_share=0.0) is None


@pytest.mark.parametrize("numbers", [range(200000, 200400), range(20000000, 20000400), [1612345678, 1699999999]])
def test_quantities_in_the_range_of_dates_are_none(numbers):
    assert infer_schema(pd.DataFrame({"amount": [*numbers] * 2}))["amount"].kind != "datetime"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2024-02-30", "%Y-%m-%d"),
        ("24:00:01", "%H:%M:%S"),
        ("2024-02-69T24:02:57", "%Y-%m-%dT%H:%M:%S"),
        ("13:00 PM", "%I:%M %p"),
        ("Mon, 05 Mar 2024", "%a, %d %b %Y"),
        ("2023-W53", "%G-W%V"),
        ("2024-Q5", "%Y-Q%q"),
        ("March 2th, 2024", "%B %-{th}d, %Y"),
        ("x" * 100, "%Y-%m-%d"),
        ("", "%Y-%m-%d"),
    ],
)
def test_a_date_that_there_is_not_is_not_read(text, form):
    read = parse_dates(pd.Series([text, None], dtype=object), form)
    assert np.isnan(read).all()


def test_what_is_not_padded_is_read_by_a_padded_format():
    assert parse_dates(pd.Series(["5.3.2024"]), "%d.%m.%Y") == parse_dates(pd.Series(["05.03.2024"]), "%d.%m.%Y")


def test_births_are_not_in_the_future_and_expiry_dates_may_be():
    texts = ["03/02/45", "28/11/31", "15/06/99", "20/10/04"]
    table = pd.DataFrame({"birth_date": texts * 10, "expiry": texts * 10})
    schema = infer_schema(table)
    assert schema["birth_date"].maximum < dt.datetime.now().timestamp()
    assert schema["expiry"].maximum > dt.datetime.now().timestamp()
    assert from_arrays(to_arrays(table, schema), schema)["birth_date"].tolist() == texts * 10


def test_day_and_month_that_cannot_be_told_apart_are_noted():
    column = infer_schema(pd.DataFrame({"d": ["03/04/2024", "05/06/2024", "07/02/2024"] * 5}))["d"]
    assert column.format == "%m/%d/%Y"
    assert "cannot be told apart" in column.notes[0]


def test_a_mix_of_padded_and_unpadded_dates_is_read_and_noted():
    column = infer_schema(pd.DataFrame({"d": ["1/2/2013", "01/22/2013", "11/3/2014", "05/03/2014"] * 5}))["d"]
    assert column.kind == "datetime"
    assert any("not written exactly" in note for note in column.notes)


@pytest.mark.parametrize(
    ("form", "step"),
    [
        ("%H:%M", 60),
        ("%Y-%m", 86400),
        ("%H:%M:%S.%3f", 1e-3),
        ("%s", 1),
        ("%{ms}s", 1e-3),
        ("%-I %p", 3600),
        ("%U of %Y", 86400),
    ],
)
def test_the_step_of_a_format_is_its_smallest_field(form, step):
    assert format_step(form) == step


@pytest.mark.parametrize("form", ["%Y-%Q", "%Y %Y", "%", "plain", "%{xx}b", "%^Y"])
def test_what_is_no_format_is_not_compiled(form):
    assert compiled(form) is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2199, 12, 31)), min_size=1, max_size=20),
    st.sampled_from(
        [
            "%Y-%m-%dT%H:%M:%S.%6f",
            "%A, %B %-{th}d, %Y %-I:%M:%S.%6f %#{.}p",
            "%G-W%V-%u %H:%M:%S.%6f",
            "%j of %Y, %H:%M:%S.%6f",
            "%s.%6f",
            "%-d. %{de}B %Y um %_H:%M:%S,%-f",
        ]
    ),
)
def test_every_instant_comes_back_from_its_text(instants, form):
    seconds = np.array([(instant - dt.datetime(1970, 1, 1)).total_seconds() for instant in instants])
    seconds = seconds[seconds >= 0] if form.startswith("%s") else seconds
    texts = pd.Series(format_dates(seconds, form), dtype=object)
    np.testing.assert_allclose(parse_dates(texts, form), seconds, atol=2e-6, rtol=0)


ZONED = {
    "%Y-%m-%dT%H:%M:%S%{+02:00|+01:00}z": lambda x: f"{x:%Y-%m-%dT%H:%M:%S}" + ("+01:00", "+02:00")[3 < x.month < 11],
    "%Y-%m-%d %H:%M:%S.%3f %{+0000|-0500}z": lambda x: (
        f"{x:%Y-%m-%d %H:%M:%S}.{x.second:03d} " + ("-0500", "+0000")[x.second % 3 > 0]
    ),
    "[%d/%b/%Y:%H:%M:%S %{+0200|+0100}z]": lambda x: (
        f"[{x:%d/%b/%Y:%H:%M:%S} " + ("+0100]", "+0200]")[3 < x.month < 11]
    ),
    "%Y-%m-%dT%H:%M:%S%{+02:00[Europe/Paris]|+01:00[Europe/Paris]}z": lambda x: (
        f"{x:%Y-%m-%dT%H:%M:%S}" + ("+01:00", "+02:00")[3 < x.month < 11] + "[Europe/Paris]"
    ),
    "%a %b %d %Y %H:%M:%S GMT%{+0200 (Central Europe Summer Time)|+0100 (Central European Standard Time)}z": lambda x: (
        f"{x:%a %b %d %Y %H:%M:%S} GMT"
        + ("+0100 (Central European Standard Time)", "+0200 (Central Europe Summer Time)")[3 < x.month < 11]
    ),
    "%d/%m/%Y %H:%M %{EDT|EST}z": lambda x: f"{x:%d/%m/%Y %H:%M} " + ("EST", "EDT")[3 < x.month < 11],
    "%Y-%m-%dT%H:%M:%S%{Z|+03:00}z": lambda x: f"{x:%Y-%m-%dT%H:%M:%S}" + ("+03:00", "Z")[x.minute % 5 > 1],
}


@pytest.mark.parametrize("form", ZONED)
def test_several_offsets_are_kept_beside_the_local_time(form):
    table = pd.DataFrame({"at": [ZONED[form](moment) for moment in moments(300)]})
    schema = Schema.from_dict(infer_schema(table).to_dict())
    column = schema["at"]
    assert (column.kind, column.format) == ("datetime", form)
    arrays = to_arrays(table, schema)
    assert from_arrays(arrays, schema)["at"].tolist() == table["at"].tolist()
    parts = parts_of(schema)
    split = parts.split(arrays)
    assert parts.of("at") == ["at (local)", "at (zone)"]
    np.testing.assert_array_equal(parts.join(split)["at"], arrays["at"])
    allowed = parse_where("at>=2022-06-01", schema)
    kept = allowed["at"].contains(arrays["at"])
    assert kept.sum() == (arrays["at"] >= pd.Timestamp("2022-06-01").timestamp()).sum()
    for name, condition in parts.allowed(allowed).items():
        assert condition.contains(split[name][kept]).all()


def test_a_zone_that_no_text_names_is_not_written():
    form = "%Y-%m-%d%{A|B}z"
    assert set(format_dates(np.array([0.0, 0.25, 2.0**-20, 300 * 2.0**-20]), form)) <= {"1970-01-01A", "1970-01-01B"}
    assert np.isnan(parse_dates(pd.Series(["1970-01-01C"]), form)).all()


def test_as_many_offsets_as_there_are_fit_a_schema():
    offsets = [f"{hour:+03d}:{minute:02d}" for hour in range(-12, 15) for minute in (0, 30)]
    texts = [f"{x:%Y-%m-%dT%H:%M:%S}{offsets[row % len(offsets)]}" for row, x in enumerate(moments(300))]
    table = pd.DataFrame({"at": texts})
    schema = Schema.from_dict(infer_schema(table).to_dict())
    assert from_arrays(to_arrays(table, schema), schema)["at"].tolist() == texts
