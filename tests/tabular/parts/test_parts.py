"""Instants taken apart for a generator, put together again, and conditions on them: exact on any grain."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular import from_arrays, infer_schema, to_arrays
from tabular.encoding.arrays import on_grid
from tabular.encoding.cells import grain_lattice
from tabular.errors import ConditionError
from tabular.parts import Parts, parts_of
from tabular.schema import Column, Schema
from tabular.where.conditions import parse_where

RNG = np.random.default_rng(9)
LOW, HIGH = pd.Timestamp("2021-01-04 09:00").timestamp(), pd.Timestamp("2023-12-29 17:45").timestamp()
#: A grain, and the parts that it makes.
GRAINS = {
    "weekdays Mon-Fri; hours 09:00-17:45; by weekday, hour": ["week", "weekday", "time"],
    "step 15 min; weekdays Mon-Fri; hours 09:00-17:45; by weekday, hour": ["week", "weekday", "time"],
    "step 15 min; by hour": ["day", "time"],
    "by weekday": ["week", "weekday", "time"],
    "step 1 day offset 9 h; weekdays Mon, Fri; by weekday": ["week", "weekday"],
}


def column(grain: str | None, **changes) -> Column:
    given = {"missing_rate": 0.1, "minimum": LOW, "maximum": HIGH, "decimals": 0, "format": "%Y-%m-%d %H:%M:%S"}
    return Column("at", "datetime", "str", grain=grain, **(given | changes))


def instants(of: Column, rows: int = 400) -> np.ndarray:
    made = on_grid(RNG.uniform(LOW, HIGH, rows), of)
    made[::10] = np.nan
    return made


@pytest.mark.parametrize(("grain", "names"), GRAINS.items())
def test_every_instant_comes_back_from_its_parts(grain, names):
    whole = column(grain)
    parts = Parts(Schema((whole,)))
    assert parts.of("at") == [f"at ({name})" for name in names]
    values = instants(whole)
    split = parts.split({"at": values})
    assert list(split) == parts.of("at")
    np.testing.assert_array_equal(parts.join(split)["at"], values)
    for part in parts.schema:  # the parts are ordinary columns of their kinds, within their bounds
        if part.is_numeric:
            kept = split[part.name][~np.isnan(split[part.name])]
            np.testing.assert_array_equal(on_grid(kept, part), kept)
        else:
            assert set(split[part.name]) <= {-1, *range(len(part.categories))}


@pytest.mark.parametrize("grain", GRAINS)
def test_whatever_the_parts_are_the_instant_is_on_the_grain(grain):
    whole = column(grain)
    parts = Parts(Schema((whole,)))
    rows = 500
    wild: dict[str, np.ndarray] = {}
    for part in parts.schema:
        if part.has_categories:
            wild[part.name] = RNG.integers(-1, len(part.categories), rows).astype(np.int32)
        else:
            wild[part.name] = RNG.uniform(part.minimum - 5, part.maximum + 5, rows)
            wild[part.name][::7] = np.nan
    made = parts.join(wild)["at"]
    first = wild[parts.of("at")[0]]
    np.testing.assert_array_equal(np.isnan(made), np.isnan(first))
    kept = made[~np.isnan(made)]
    np.testing.assert_array_equal(grain_lattice(whole).nearest(kept), kept)
    assert ((kept >= LOW) & (kept <= HIGH)).all()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(GRAINS)), st.floats(LOW, HIGH), st.floats(60, 86400 * 40))
def test_an_instant_that_is_allowed_has_parts_that_are(grain, low, length):
    whole = column(grain)
    parts = Parts(Schema((whole,)))
    first, last = (pd.Timestamp(end, unit="s").strftime("%Y-%m-%d %H:%M:%S") for end in (low, low + length))
    values = on_grid(np.linspace(low, low + length, 50), whole)
    inside = (values >= low - 1) & (values <= low + length)
    try:
        allowed = parse_where([f"at>='{first}'", f"at<='{last}'"], Schema((whole,)))
    except ConditionError:
        assert not ((values > low + 1) & (values < low + length - 1)).any()  # nothing of the grain lies there
        return
    of_parts = parts.allowed(allowed)
    split = parts.split({"at": values[inside & allowed["at"].contains(values)]})
    for name, condition in of_parts.items():
        assert condition.contains(split[name]).all()


def test_a_missing_cell_is_allowed_in_every_part():
    parts = Parts(Schema((column(next(iter(GRAINS))),)))
    for condition in parts.allowed(parse_where("at is missing", Schema((column(next(iter(GRAINS))),)))).values():
        assert condition.missing
        assert not condition.codes
        assert not condition.intervals


def test_a_table_without_parts_is_learned_as_it_is():
    schema = infer_schema(pd.DataFrame({"n": np.arange(60) * 7 % 11, "day": pd.date_range("2024-01-01", periods=60)}))
    parts = parts_of(schema)
    assert parts.schema is schema
    arrays = {"n": np.arange(3.0), "day": np.zeros(3)}
    assert parts.split(arrays) == arrays
    assert parts.join(arrays) == arrays


def test_a_part_never_has_the_name_of_a_column():
    schema = Schema((column("by weekday"), Column("at (week)", "integer", "int64", minimum=0, maximum=9)))
    names = Parts(schema).schema.names
    assert len(set(names)) == len(names) == 4


def test_a_part_that_never_varies_is_put_back():
    whole = column("by weekday", minimum=LOW, maximum=LOW + 3600)
    parts = Parts(Schema((whole,)))
    values = on_grid(RNG.uniform(LOW, LOW + 3600, 20), whole)
    split = parts.split({"at": values})
    np.testing.assert_array_equal(parts.join({k: v for k, v in split.items() if "(week)" not in k})["at"], values)


def test_a_calendar_that_tells_something_is_learned_by_weekday_and_hour():
    days = pd.date_range("2022-01-01", periods=700)
    weights = np.where(days.day_of_week < 5, 5.0, 1.0)
    drawn = RNG.choice(days, 3000, p=weights / weights.sum())
    clock = pd.to_timedelta((RNG.beta(4, 4, 3000) * 86399).astype(int), unit="s")
    table = pd.DataFrame({"at": pd.DatetimeIndex(drawn) + clock, "even": pd.DatetimeIndex(RNG.choice(days, 3000))})
    schema = infer_schema(table)
    assert schema["at"].grain.endswith("by weekday, hour")
    assert schema["even"].grain is None
    back = from_arrays(to_arrays(table, schema), schema)
    pd.testing.assert_frame_equal(back, table)
