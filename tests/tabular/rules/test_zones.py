"""Timestamps with offsets of their own: ordered by UTC, asked for their day and hour by local time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tabular import Column, Schema, infer_schema
from tabular.encoding.arrays import from_arrays, to_arrays
from tabular.progress import Reporter
from tabular.rules import Rule, find_rules
from tabular.rules.completing import settle
from tabular.rules.language.instants import as_instants, local_times, placed, zone_numbers
from tabular.rules.reducing.held import held_rules
from tabular.rules.reducing.reduction import reduction_of

ROWS = 300
RULES = {
    "0 <= end - start <= 10 h",
    "day = date(start)",
    "hour = hour(start)",
    "month(start) -> month",
    "minutes = (end - start) / 60",
}


def _written(utc: pd.Series, hours: np.ndarray) -> pd.Series:
    local = utc + pd.to_timedelta(hours, unit="h")
    return local.dt.strftime("%Y-%m-%dT%H:%M:%S") + pd.Series([f"{each:+03d}:00" for each in hours])


def journeys(kind: str) -> pd.DataFrame:
    """Journeys over borders of zones, as texts with offsets or as columns of one zone with summer time."""
    rng = np.random.default_rng(0)
    start = pd.Series(pd.Timestamp("2022-01-03") + pd.to_timedelta(rng.integers(0, 700 * 1440, ROWS), unit="min"))
    end = start + pd.to_timedelta(rng.integers(5, 600, ROWS), unit="min")
    hours = rng.choice([1, 2, -5], ROWS)
    if kind == "offsets":
        clock = start + pd.to_timedelta(hours, unit="h")
        start_, end_ = _written(start, hours), _written(end, rng.permutation(hours))
    else:
        start_, end_ = (each.dt.tz_localize("UTC").dt.tz_convert("America/New_York") for each in (start, end))
        clock = start_.dt.tz_localize(None)
    return pd.DataFrame(
        {
            "start": start_,
            "end": end_,
            "day": clock.dt.strftime("%Y-%m-%d"),
            "hour": clock.dt.hour,
            "month": clock.dt.month_name(),
            "minutes": (end - start).dt.total_seconds() / 60,
            "x": rng.random(ROWS).round(2),
        }
    )


@pytest.fixture(scope="module", params=["offsets", "one zone"])
def learned(request: pytest.FixtureRequest) -> tuple[pd.DataFrame, Schema]:
    table = journeys(request.param)
    schema = infer_schema(table)
    found = find_rules(to_arrays(table, schema), schema)
    assert {rule.text for rule in found} == RULES
    return table, replace(schema, rules=held_rules(schema, found))


def test_what_follows_from_two_instants_is_not_learned(learned: tuple[pd.DataFrame, Schema]) -> None:
    table, schema = learned
    reduced = reduction_of(schema)
    names = [column.name for column in reduced.schema]
    assert [name for name in names if name != "end (zone)"] == ["start", "end - start", "x"]
    arrays = to_arrays(table, schema)
    pd.testing.assert_frame_equal(from_arrays(reduced.join(reduced.split(arrays)), schema), from_arrays(arrays, schema))


def test_completed_instants_keep_the_order_of_utc(learned: tuple[pd.DataFrame, Schema]) -> None:
    table, schema = learned
    given, rng, reduced = to_arrays(table, schema), np.random.default_rng(1), reduction_of(schema)
    parts = reduced.split(given)
    holes = {name: (rng.random(ROWS) < 0.3) & (name in ("end", "minutes", "hour")) for name in schema.names}

    def again(which: np.ndarray) -> dict[str, np.ndarray]:
        rows = rng.integers(0, ROWS, len(which))
        return reduced.join({name: values[rows if name.startswith("end") else which] for name, values in parts.items()})

    found = settle(again(np.arange(ROWS)), given, holes, schema, again, Reporter())
    assert all(rule.kept(found, schema).all() for rule in schema.rules)
    for name, hole in holes.items():
        assert np.array_equal(found[name][~hole], given[name][~hole])


def test_an_offset_that_is_not_known_counts_as_none() -> None:
    column = Column("at", "datetime", "object", minimum=0.0, maximum=1e9, format="%Y-%m-%d %H:%M:%S %{CET|EDT|UTC}z")
    values = placed(np.array([0.0, 86400.0, np.nan]), column, np.array([0, 1, 2]))
    assert as_instants(values, column)[:2].tolist() == [0.0, 86400.0]
    assert local_times(values, column)[:2].tolist() == [3600.0, 86400.0 - 4 * 3600.0]
    assert zone_numbers(values, column).tolist()[:2] == [0, 1]
    unknown = replace(column, format="%Y-%m-%d %H:%M:%S %{CET|XYZ}z")
    assert as_instants(np.array([7.0]), unknown).tolist() == [7.0]
    assert (
        Rule("at <= at2")
        .kept({"at": values, "at2": values + 60.0}, Schema((column, replace(column, name="at2"))))
        .all()
    )
