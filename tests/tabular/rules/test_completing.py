"""Cells that follow from given ones, though the rule between them loses something: what is open is drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tabular import Schema, infer_schema
from tabular.encoding.arrays import from_arrays, to_arrays
from tabular.progress import Reporter
from tabular.rules import Rule
from tabular.rules.completing import settle
from tabular.rules.listing import with_values
from tabular.rules.reducing.reduction import reduction_of

ROWS = 300


def visits() -> pd.DataFrame:
    """Timestamps, and what is read off them; ratios and lookups of which several sources come to the same."""
    rng = np.random.default_rng(0)
    at = pd.Series(pd.Timestamp("2022-01-03 08:00") + pd.to_timedelta(rng.integers(0, 900 * 1440, ROWS), unit="min"))
    born = pd.Series(pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.integers(0, 18_000, ROWS), unit="D"))
    city, rooms = rng.choice(["Lyon", "Paris", "Rome", "Bonn", "Graz"], ROWS), rng.integers(1, 40, ROWS)
    length, all_, part = rng.uniform(0, 9, ROWS).round(2), rng.integers(50, 900, ROWS), rng.random(ROWS)
    part = (all_ * part).round()
    before = (at.dt.month * 100 + at.dt.day) < (born.dt.month * 100 + born.dt.day)
    return pd.DataFrame(
        {
            "at": at,
            "day": at.dt.normalize(),
            "month": at.dt.month,
            "weekday": at.dt.day_of_week,
            "hour": at.dt.hour,
            "year": at.dt.year,
            "born": born,
            "age": at.dt.year - born.dt.year - before.astype(int),
            "born year": born.dt.year,
            "length": length,
            "whole": np.floor(length),
            "all": all_,
            "part": part,
            "share": (part / all_).round(2),
            "city": city,
            "rooms": rooms,
            "country": pd.Series(city).map({"Lyon": "FR", "Paris": "FR", "Rome": "IT", "Bonn": "DE", "Graz": "AT"}),
            "price": pd.Series(city).map(len) * 10 + rooms % 4,
            "stars": rooms % 4,
        }
    )


RULES = (
    "day = date(at)",
    "month = month(at)",
    "weekday = weekday(at)",
    "hour = hour(at)",
    "year = year(at)",
    "age = years(at, born)",
    '"born year" = year(born)',
    "whole = floor(length)",
    "share = part / all",
    "city -> country",
    "city, stars -> price",
)
TABLE = visits()
TABLE.loc[TABLE["city"] == "Rome", "rooms"] = 4


@pytest.fixture(scope="module")
def schema() -> Schema:
    plain = infer_schema(TABLE)
    arrays = to_arrays(TABLE, plain)
    return replace(plain, rules=tuple(with_values(Rule(text), arrays, plain) for text in RULES))


def filled(schema: Schema, open_columns: list[str], seed: int = 1) -> pd.DataFrame:
    """:data:`TABLE` with these columns drawn anew, by a model that only knows which values there are."""
    rng = np.random.default_rng(seed)
    given = to_arrays(TABLE, schema)
    holes = {name: np.full(ROWS, name in open_columns) for name in schema.names}

    def again(which: np.ndarray) -> dict[str, np.ndarray]:
        rows = rng.integers(0, ROWS, len(which))
        return {name: values[rows] if name in open_columns else values[which] for name, values in given.items()}

    class Told(Reporter):
        def warn(self, text: str) -> None:
            raise AssertionError(text)

    found = settle(again(np.arange(ROWS)), given, holes, schema, again, Told())
    table = from_arrays(found, schema)
    assert [rule.text for rule in schema.rules if not rule.check(table, schema).all()] == []
    kept = [name for name in TABLE if name not in open_columns]
    pd.testing.assert_frame_equal(table[kept], TABLE[kept], check_dtype=False)
    return table


@pytest.mark.parametrize(
    "open_columns",
    [
        ["at"],
        ["at", "day", "weekday"],
        ["at", "day", "month", "hour", "age"],
        ["born"],
        ["born", "born year", "at", "day"],
        ["length"],
        ["part"],
        ["part", "all"],
        ["city", "price"],
        ["city", "country", "stars"],
        ["stars"],
    ],
    ids=", ".join,
)
def test_what_a_rule_leaves_open_is_drawn_and_the_rest_follows(schema: Schema, open_columns: list[str]) -> None:
    filled(schema, open_columns)


def test_a_given_day_gets_the_drawn_time_of_day(schema: Schema) -> None:
    at = filled(replace(schema, rules=schema.rules[:1]), ["at"])["at"]
    assert (at != TABLE["at"]).mean() > 0.9
    assert set(at - at.dt.normalize()) <= set(TABLE["at"] - TABLE["at"].dt.normalize())


def test_a_given_ratio_leaves_what_was_rounded_away_open(schema: Schema) -> None:
    part = filled(schema, ["part"])["part"]
    assert (part != TABLE["part"]).mean() > 0.3
    assert len(set((part / TABLE["all"]).round(4) * 100 % 1)) > 20


def test_a_part_is_computed_from_a_total_in_hundreds_however_the_rule_is_written() -> None:
    rng = np.random.default_rng(0)
    amount = rng.integers(20, 900, ROWS) * 100
    paid = (amount * rng.random(ROWS)).round().astype(int)
    plain = infer_schema(pd.DataFrame({"amount": amount, "paid": paid, "fee": 7 + paid % 9, "open": amount - paid}))
    for text in ("amount = paid + open", "amount = paid - (0 - open)", "open = amount - paid"):
        (made,) = reduction_of(replace(plain, rules=(Rule(text),))).derivations
        assert made.target in ("paid", "open"), text
    (made,) = reduction_of(replace(plain, rules=(Rule("amount = paid * open"),))).derivations
    assert made.target == "amount"
