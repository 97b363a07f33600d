"""The grain of numbers and instants: found where every value keeps to it, written as text, kept by what is made."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular import from_arrays, infer_schema, to_arrays
from tabular.encoding.arrays import on_grid
from tabular.errors import SchemaError
from tabular.grain import Grain, grain_from_text, lattice_of
from tabular.schema import Column, Schema
from tabular.where.conditions import parse_where

RNG = np.random.default_rng(5)
N = 600
DAYS = pd.date_range("2021-01-01", "2023-12-30")
WORKDAYS = pd.bdate_range("2021-01-01", "2023-12-29")
MONTHS = pd.date_range("1949-01-01", periods=144, freq="MS")


def drawn(pool: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return pool[RNG.integers(0, len(pool), N)]


def clock(seconds: np.ndarray) -> pd.TimedeltaIndex:
    return pd.to_timedelta(seconds, unit="s")


EVEN_SECONDS = RNG.integers(0, 86400, N)
OFFICE = np.clip(RNG.normal(13, 2, N), 9, 17.9) * 3600 // 60 * 60
#: What a column holds, and its grain.
CASES = {
    "weekdays": (drawn(WORKDAYS), "step 1 day; weekdays Mon-Fri; by weekday"),
    "weekday texts": (drawn(WORKDAYS).strftime("%d.%m.%Y"), "step 1 day; weekdays Mon-Fri; by weekday"),
    "weekday numbers": (drawn(WORKDAYS).strftime("%Y%m%d").astype(int), "step 1 day; weekdays Mon-Fri; by weekday"),
    "office hours": (drawn(WORKDAYS) + clock(OFFICE), ""),
    "quarter hours": (drawn(DAYS) + clock(EVEN_SECONDS // 900 * 900), "step 15 min"),
    "a minute past": (drawn(DAYS) + clock(EVEN_SECONDS // 300 * 300 + 60), "step 5 min offset 1 min"),
    "noon": (drawn(DAYS) + clock(np.full(N, 43200)), "step 1 day offset 12 h"),
    "midnight with a clock": (drawn(DAYS).strftime("%Y-%m-%d %H:%M:%S"), "step 1 day"),
    "any second": (drawn(DAYS) + clock(EVEN_SECONDS), None),
    "any day": (drawn(DAYS), None),
    "first of month": (MONTHS, "step 1 day; first of month"),
    "month texts": (MONTHS.strftime("%Y-%m"), "step 1 day; first of month"),
    "quarter ends": (MONTHS[::3] - pd.Timedelta(days=1), "step 1 day; last of quarter"),
    "years": (MONTHS[::12], "step 1 day; first of year"),
    "the 15th": (MONTHS + pd.Timedelta(days=14), "step 1 day; day 15 of month"),
    "weekly": (pd.date_range("2024-01-01", periods=60, freq="7D"), "step 7 days offset 4 days"),
    "clock texts": (pd.Index([f"{m // 60:02d}:{m % 60:02d}" for m in RNG.integers(0, 48, N) * 30]), "step 30 min"),
    "even": (RNG.integers(0, 500, N) * 2, "step 2"),
    "tens and two": (RNG.integers(0, 500, N) * 10 + 2, "step 10 offset 2"),
    "prices": (RNG.integers(1, 90, N) + 0.99, "step 1 offset 0.99"),
    "three endings": (RNG.integers(1, 90, N) + RNG.choice([0.49, 0.95, 0.99], N), "step 1 offset 0.49, 0.95, 0.99"),
    "nickels": (np.round(RNG.integers(0, 3000, N) * 0.05, 2), "step 0.05"),
    "price texts": ([f"${value:,}.99" for value in RNG.integers(1, 9000, N)], "step 1 offset 0.99"),
    "any whole number": (RNG.integers(0, 5000, N), None),
    "any cents": (np.round(RNG.gamma(2, 30, N), 2), None),
    "hundreds, capped": (np.append(RNG.integers(1, 4000, N - 1) * 100.0, 400001.0), None),
    "few": (RNG.integers(0, 5, N) * 10.0 + 0.5, None),
    "full precision": (RNG.normal(size=N), None),
}


@pytest.mark.parametrize("name", CASES)
def test_the_grain_is_found_and_every_value_keeps_to_it(name):
    values, wanted = CASES[name]
    table = pd.DataFrame({"date": values})
    schema = Schema.from_dict(infer_schema(table).to_dict())
    column = schema["date"]
    if name == "office hours":
        assert column.grain.startswith("step 1 min; weekdays Mon-Fri; hours ")
        assert column.grain.endswith("; by weekday, hour")
    else:
        assert column.grain == wanted
    arrays = to_arrays(table, schema)
    assert np.array_equal(on_grid(arrays["date"], column), arrays["date"])
    assert from_arrays(arrays, schema)["date"].tolist() == table["date"].tolist()


@pytest.mark.parametrize("name", [name for name, (_, grain) in CASES.items() if grain])
def test_any_number_is_moved_onto_the_grain_and_stays_in_bounds(name):
    column = infer_schema(pd.DataFrame({"date": CASES[name][0]}))["date"]
    low, high = column.minimum, column.maximum
    made = on_grid(RNG.uniform(low - 1e6, high + 1e6, 2000), column)
    lattice = lattice_of(column.grain, column.decimals or 0, column.kind == "datetime")
    assert ((made >= low) & (made <= high)).all()
    assert np.array_equal(lattice.floor(made), made)
    assert np.array_equal(lattice.ceil(made), made)


GRAINS = [
    "step 15 min",
    "step 15 min offset 5 min; weekdays Mon-Fri; hours 09:00-17:45",
    "step 1 day; weekdays Mon, Thu",
    "hours 22:15:30-23:00",
    "step 1 day; last of quarter",
    "step 7 days offset 3 days",
    "step 1 day; day 28 of month",
    "step 1 day offset 12 h; weekdays Sat",
    "step 250 ms",
]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(GRAINS), st.lists(st.floats(-4e9, 8e9), min_size=1, max_size=30))
def test_floor_and_ceil_are_neighbours_and_nearest_is_one_of_them(grain, values):
    lattice, values = lattice_of(grain, 3, True), np.array(values)
    below, above, nearest = lattice.floor(values), lattice.ceil(values), lattice.nearest(values)
    assert (below <= values + 1e-5).all()
    assert (above >= values - 1e-5).all()
    assert ((nearest == below) | (nearest == above)).all()
    assert (np.abs(nearest - values) <= np.minimum(values - below, above - values) + 1e-5).all()
    assert np.array_equal(lattice.nearest(nearest), nearest)
    strictly = lattice.ceil(below + 1e-3)  # nothing lies between two neighbours
    assert (strictly >= above - 1e-5).all()


@pytest.mark.parametrize("text", [*GRAINS, "step 1 day; first of month", "by weekday, hour", "step 40 s offset 1 s"])
def test_a_grain_comes_back_from_its_text(text):
    assert grain_from_text(text, instants=True).to_text(instants=True) == text


@pytest.mark.parametrize(
    ("text", "instants"),
    [
        ("step", True),
        ("step 0 s", True),
        ("step -5", False),
        ("step 5 offset 5", False),
        ("weekdays Mon-Fri", False),
        ("weekdays Monday", True),
        ("hours 9-5", True),
        ("hours 18:00-09:00", True),
        ("day 31 of month", True),
        ("by year", True),
        ("step 1 day; step 2 days", True),
        ("every day", True),
        ("step 5 min", False),
    ],
)
def test_a_text_that_is_no_grain_is_refused(text, instants):
    with pytest.raises(ValueError, match="no term of a grain; write such as"):
        grain_from_text(text, instants=instants)


def test_a_schema_with_a_grain_that_is_none_is_refused_by_its_column():
    data = infer_schema(pd.DataFrame({"n": range(50)}), overrides={"n": "integer"}).to_dict()
    data["columns"][0]["grain"] = "step many"
    with pytest.raises(SchemaError, match=r"column 'n' has grain 'step many'"):
        Schema.from_dict(data)


def test_an_empty_grain_says_nothing():
    assert Grain().to_text(instants=True) is None


@pytest.mark.parametrize(
    ("where", "low", "high"),
    [
        ("d>=2024-01-06", "2024-01-08", "2024-01-31"),
        ("d<2024-01-08", "2024-01-01", "2024-01-05"),
        ("d between 2024-01-05 and 2024-01-09", "2024-01-05", "2024-01-09"),
    ],
)
def test_conditions_end_on_the_grain(where, low, high):
    ends = [pd.Timestamp(day).timestamp() for day in ("2024-01-01", "2024-01-31")]
    column = Column(
        "d",
        "datetime",
        "str",
        minimum=ends[0],
        maximum=ends[1],
        decimals=0,
        format="%Y-%m-%d",
        grain="step 1 day; weekdays Mon-Fri",
    )
    allowed = parse_where(where, Schema((column,)))["d"]
    assert allowed.intervals == ((pd.Timestamp(low).timestamp(), pd.Timestamp(high).timestamp()),)


def test_bounds_between_two_values_of_the_grain_keep_it():
    column = Column("n", "integer", "int64", minimum=3, maximum=22, grain="step 5")
    assert set(on_grid(np.arange(-10.0, 40.0), column).tolist()) == {5.0, 10.0, 15.0, 20.0}
