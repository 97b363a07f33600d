"""Durations with their units: recognised, read as seconds, and written again character by character."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular import from_arrays, infer_schema, to_arrays
from tabular.dates.durations import duration, read_durations, write_durations
from tabular.dates.text import detect_date_text, format_dates, parse_dates
from tabular.errors import ConditionError
from tabular.schema import Schema
from tabular.where.conditions import parse_where

Write = Callable[[int], str]


def units(seconds: int, *sizes: int) -> list[int]:
    found = []
    for size in sizes:
        number, seconds = divmod(seconds, size)
        found.append(number)
    return found


def iso(seconds: int) -> str:
    days, hours, minutes, rest = units(seconds, 86400, 3600, 60, 1)
    clock = "".join(f"{n}{letter}" for n, letter in ((hours, "H"), (minutes, "M"), (rest, "S")) if n)
    return f"P{f'{days}D' if days else ''}{f'T{clock}' if clock else ''}" if days or clock else "PT0S"


def worded(seconds: int, names: list[tuple[str, int]], plural: str, between: str, nought: str) -> str:
    pieces = []
    for name, size in names:
        number, seconds = divmod(seconds, size)
        if number:
            pieces.append(f"{number}{name}" + plural * (number != 1))
    return between.join(pieces) or nought


def video(seconds: int) -> str:
    hours, minutes, rest = units(seconds, 3600, 60, 1)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


SHORT = [("d", 86400), ("h", 3600), ("m", 60), ("s", 1)]
LONG = [(" hour", 3600), (" minute", 60)]
CASES: list[tuple[str, int, Write]] = [
    ("%{PT<M>M}D", 60, lambda x: f"PT{x // 60}M"),
    ("%{P[T[<H>H][<M>M]]=PT0S}D", 900, lambda x: iso(x % 86400 // 900 * 900)),
    ("%{P[<D>D][T[<H>H][<M>M][<S>S]]=PT0S}D", 1, iso),
    ("%{PT<H>H<M>M<S>S}D", 1, lambda x: "PT{}H{}M{}S".format(*units(x, 3600, 60, 1))),
    ("%{PT<HH>H<MM>M}D", 60, lambda x: "PT{:02d}H{:02d}M".format(*units(x, 3600, 60))),
    ("%{P<W>W}D", 1, lambda x: f"P{x // 3000}W"),
    ("%{PT<M>M<S.3>S}D", 1, lambda x: f"PT{x // 60}M{x % 60}.{x % 7}00S"),
    ("%{<H>h <M>m}D", 60, lambda x: "{}h {}m".format(*units(x, 3600, 60))),
    ("%{<H> h <MM> min}D", 60, lambda x: "{} h {:02d} min".format(*units(x, 3600, 60))),
    ("%{[<D>d] [<H>h] [<M>m] [<S>s]=0s}D", 1, lambda x: worded(x, SHORT, "", " ", "0s")),
    ("%{[<H> hour(s)] and [<M> minute(s)]=0 minutes}D", 60, lambda x: worded(x, LONG, "s", " and ", "0 minutes")),
    ("%{<M> minute(s)}D", 60, lambda x: f"{x // 60 % 40} minute" + "s" * (x // 60 % 40 != 1)),
    ("%{<D> Tag(e) <H> Std.}D", 3600, lambda x: "{} Tag{} {} Std.".format(x // 86400, "e" * (x // 86400 != 1), x % 23)),
    ("%{<D> days <HH>:<MM>:<SS>}D", 1, lambda x: "{} days {:02d}:{:02d}:{:02d}".format(*units(x, 86400, 3600, 60, 1))),
    ("%{<D> days (+)<HH>:<MM>:<SS>}D", 1, lambda x: str(pd.Timedelta(x - 100_000, unit="s"))),
    ("%{[<D> day(s), ]<H>:<MM>:<SS>}D", 1, lambda x: str(pd.Timedelta(x, unit="s").to_pytimedelta())),
    ("%{<D> days <HH>:<MM>:<SS.6>}D", 1, lambda x: str(pd.Timedelta(x * 10**6 + 5, unit="us"))),
    ("%{<D> days <HH>:<MM>:<SS.9>}D", 1, lambda x: str(pd.Timedelta(x * 10**9 + 7, unit="ns"))),
    ("%{<D>-<HH>:<MM>:<SS>}D", 1, lambda x: "{}-{:02d}:{:02d}:{:02d}".format(*units(x, 86400, 3600, 60, 1))),
    ("%{<D>.<HH>:<MM>:<SS>}D", 1, lambda x: "{}.{:02d}:{:02d}:{:02d}".format(*units(x, 86400, 3600, 60, 1))),
    ("%{<M>:<SS>}D", 1, lambda x: "{}:{:02d}".format(*units(x % 6000, 60, 1))),
    ("%{[<H>:]<MM?>:<SS>}D", 1, lambda x: video(x % 8000)),
]


def seconds(step: int) -> list[int]:
    found = np.random.default_rng(4).integers(0, 400_000, 300) // step * step
    return [0, step, *found.tolist(), *range(60, 9000, 420)]


@pytest.mark.parametrize(("form", "step", "write"), CASES, ids=[form for form, _, _ in CASES])
def test_a_form_is_found_and_held_character_by_character(form, step, write):
    texts = [write(x // step * step) for x in seconds(step)]
    table = pd.DataFrame({"length": [*texts, None]})
    schema = Schema.from_dict(infer_schema(table).to_dict())
    assert (schema["length"].kind, schema["length"].format) == ("datetime", form)
    back = from_arrays(to_arrays(table, schema), schema)["length"]
    assert back[:-1].tolist() == texts
    assert back[-1:].isna().all()


def test_the_values_are_seconds():
    form = "%{P[<D>D][T[<H>H][<M>M][<S.->S]]=PT0S}D"
    assert parse_dates(pd.Series(["PT1H30M", "PT2.5S", "P1DT1S"]), form).tolist() == [5400, 2.5, 86401]
    assert parse_dates(pd.Series(["-1 days +23:59:59"]), "%{<D> days (+)<HH>:<MM>:<SS>}D").tolist() == [-1]


def test_minutes_with_a_unit_are_numbers_and_few_labels_are_categories():
    table = pd.DataFrame({"a": [f"{n} min" for n in range(60)], "b": ["1h", "1d", "30m"] * 20})
    schema = infer_schema(table)
    assert (schema["a"].kind, schema["a"].format) == ("integer", "{:.0f} min")
    assert schema["b"].kind == "categorical"


@pytest.mark.parametrize(
    "texts",
    [
        ["110:98", "87:90", "101:99"],
        ["16:9", "21:9", "32:10"],
        ["5' 11\"", "6' 2\""],
        ["3m", "1y", "6m"],
        ["P1", "PT"],
        ["PT", "P"],
        ["12 Main St", "4 High St"],
        ["1h 90m", "2h 75m"],
        ["2 beds 1 bath", "3 beds 2 bath"],
    ],
)
def test_what_only_resembles_durations_is_none(texts):
    assert detect_date_text(pd.Series(texts, dtype=object), np.ones(len(texts), int), bad_share=0.0) is None


@pytest.mark.parametrize("text", ["<H", "[<H>h", "<H>h]", "<M>m <H>h", "<H> <H>", "<H.3>h", "h", ""])
def test_what_is_no_template_is_refused(text):
    assert duration(text) is None


def test_conditions_are_written_as_the_column_is():
    table = pd.DataFrame({"length": [iso(x) for x in seconds(1)]})
    schema = infer_schema(table)
    allowed = parse_where("length>=PT12H", schema)["length"]
    assert allowed.contains(np.array([43199.0, 43200.0])).tolist() == [False, True]
    with pytest.raises(ConditionError, match="length>=PT0S"):
        parse_where("length>=soon", schema)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=20),
    st.sampled_from(
        [
            "P[<D>D][T[<H>H][<M>M][<S.->S]]=PT0S",
            "<D> days (+)<HH>:<MM>:<SS.?6>",
            "[<H>:]<MM?>:<SS.6>",
            "[<W>w], [<D>d], [<H>h], [<M>m], [<S.6>s]=none",
        ]
    ),
)
def test_every_duration_comes_back_from_its_text(micros, template):
    form = duration(template)
    exact = np.array(micros) / 1e6
    np.testing.assert_allclose(read_durations(write_durations(exact, form), form), exact, atol=1e-6, rtol=0)
    assert (format_dates(exact, f"%{{{template}}}D") == write_durations(exact, form)).all()
