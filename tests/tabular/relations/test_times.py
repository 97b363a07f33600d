"""Times as gaps, and back."""

from __future__ import annotations

import numpy as np
import pytest

from tabular.relations.times import BURST, DAY, Clock, Names
from tabular.schema import Column

NAMES = Names("gap", "weeks", "days", "clock")
FAR = 1e12


def clock_of(times: np.ndarray, kind: str = "datetime", **fields) -> Clock:
    column = Column("time", kind, "int64", minimum=0.0, maximum=FAR, **fields)
    return Clock.of(column, times, NAMES)


@pytest.mark.parametrize(
    "gaps",
    [
        [0, 1, 59, BURST - 1],
        [BURST, DAY - 1, DAY, 3 * DAY + 7, 40 * DAY],
    ],
)
def test_instants_come_back_exactly(gaps):
    before = np.full(len(gaps), 1000 * DAY + 20 * 3600.0)
    times = before + np.array(gaps, dtype=float)
    clock = clock_of(times)
    assert clock.unit == "instants"
    parts = clock.split(times, before)
    np.testing.assert_array_equal(clock.join(parts, before, np.full(len(gaps), FAR)), times)


def test_a_burst_has_a_gap_and_a_longer_gap_a_time_of_day():
    before = np.array([10 * DAY, 10 * DAY, np.nan])
    times = np.array([10 * DAY + 60, 18 * DAY + 3600, 5.0])
    parts = clock_of(times).split(times, before)
    np.testing.assert_array_equal(parts["gap"], [60, np.nan, np.nan])
    np.testing.assert_array_equal(parts["weeks"], [np.nan, 1, np.nan])
    np.testing.assert_array_equal(parts["days"], [-1, 1, -1])
    np.testing.assert_array_equal(parts["clock"], [np.nan, 3600, np.nan])


def test_dates_have_no_time_of_day_and_numbers_only_gaps():
    dates = np.array([3.0, 20.0]) * DAY
    clock = clock_of(dates)
    assert set(clock.split(dates, dates - 9 * DAY)) == {"weeks", "days"}
    numbers = clock_of(np.array([3.0, 20.0]), "integer")
    assert numbers.unit == "numbers"
    assert set(numbers.split(np.array([3.0]), np.array([1.0]))) == {"gap"}


def test_a_gap_of_whole_days_leads_there():
    before = np.array([3 * DAY + 3600.0, 10 * DAY])
    clock = clock_of(np.append(before, before + 7 * 3600 + 5))
    parts = clock.whole(np.array([1.0, 16.0]))
    times = clock.reach({**parts, clock.names.clock: np.array([60.0, 120.0])}, before)
    assert times.tolist() == [4 * DAY + 60, 26 * DAY + 120]
    assert (
        clock.reach({**parts, clock.names.weeks: np.zeros(2), clock.names.days: np.zeros(2, int)}, before)[0] == 3 * DAY
    )


def test_no_time_goes_back_or_beyond_the_last_day():
    before = np.array([10 * DAY, 10 * DAY])
    clock = clock_of(np.array([1.0]))
    parts = {
        "weeks": np.array([9.0, np.nan]),
        "days": np.array([0, -1]),
        "gap": np.array([np.nan, -5.0]),
        "clock": np.array([100.0, np.nan]),
    }
    made = clock.join(parts, before, np.array([12.0, 12.0]))
    assert made.tolist() == [12 * DAY + 100, 10 * DAY]
