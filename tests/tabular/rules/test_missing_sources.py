"""A table that lacks cells here and there: what is made from others lacks as many as in the table, not more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tabular import Schema, infer_schema
from tabular.encoding.arrays import to_arrays
from tabular.encoding.unmodelled import is_missing
from tabular.rules import Rule
from tabular.rules.listing import with_values
from tabular.rules.reducing.reduction import Reduction, reduction_of
from tabular.where.conditions import parse_where

ROWS = 4000
RULES = (
    "total = price * quantity",
    "day = date(sent)",
    "0 <= arrived - sent <= 3 d",
    "city -> country",
    "share = price / total",
    "paid is missing exactly if due is missing",
    "paid <= due",
)


def deliveries() -> pd.DataFrame:
    """Each cell is missing with a probability of 3 %, and ``due`` and ``paid`` together."""
    rng = np.random.default_rng(0)
    sent = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 400 * 1440, ROWS), unit="min"))
    city, price = rng.choice(["Lyon", "Paris", "Rome", "Bonn"], ROWS), rng.gamma(2, 20, ROWS).round(2) + 0.5
    quantity = rng.integers(1, 9, ROWS)
    paid = sent + pd.to_timedelta(rng.integers(0, 4000, ROWS), unit="min")
    table = pd.DataFrame(
        {
            "sent": sent,
            "arrived": sent + pd.to_timedelta(rng.integers(0, 4320, ROWS), unit="min"),
            "day": sent.dt.normalize(),
            "price": price,
            "quantity": quantity,
            "total": (price * quantity).round(2),
            "share": (price / (price * quantity).round(2)).round(3),
            "city": city,
            "country": pd.Series(city).map({"Lyon": "FR", "Paris": "FR", "Rome": "IT", "Bonn": "DE"}),
        }
    )
    table = table.mask(rng.random(table.shape) < 0.03)
    none = rng.random(ROWS) < 0.1
    return table.assign(paid=paid.mask(none), due=(paid + pd.Timedelta("1 h")).mask(none))


TABLE = deliveries()


@pytest.fixture(scope="module")
def schema() -> Schema:
    plain = infer_schema(TABLE)
    arrays = to_arrays(TABLE, plain)
    return replace(plain, rules=tuple(with_values(Rule(text), arrays, plain) for text in RULES))


@pytest.fixture(scope="module")
def reduced(schema: Schema) -> Reduction:
    return reduction_of(schema)


def test_a_column_that_others_are_made_from_has_a_flag_of_its_own(reduced: Reduction) -> None:
    assert set(reduced.flags) == {"sent", "day", "price", "quantity", "total", "share", "city", "country"}


def test_rows_come_back_with_the_cells_that_they_lacked(schema: Schema, reduced: Reduction) -> None:
    arrays = to_arrays(TABLE, schema)
    again = reduced.join(reduced.split(arrays))
    assert all(rule.kept(again, schema).all() for rule in schema.rules)
    for name, values in arrays.items():
        lost = is_missing(again[name]) & ~is_missing(values)
        assert not (is_missing(values) & ~is_missing(again[name])).any()
        assert lost.mean() < 0.003, name
        there = ~is_missing(again[name])
        assert np.isclose(again[name][there], values[there]).mean() > 0.999, name


def test_a_private_fit_sees_each_row_by_itself(schema: Schema, reduced: Reduction) -> None:
    arrays = to_arrays(TABLE, schema)
    whole = reduced.split(arrays, by_row=True)
    row = int(np.flatnonzero(is_missing(arrays["sent"]))[0])
    alone = reduced.split({name: values[[row]] for name, values in arrays.items()}, by_row=True)
    assert all(np.array_equal(whole[name][[row]], values, equal_nan=True) for name, values in alone.items())
    assert np.isnan(alone["sent"]).all()


def test_conditions_reach_what_can_be_left_out(schema: Schema, reduced: Reduction) -> None:
    there = reduced.allowed(parse_where("price>20", schema))
    assert there["price (there)"].codes == (0,)
    assert not there["price (there)"].missing
    assert there["price"].intervals is not None
    gone = reduced.allowed(parse_where("price is missing", schema))
    assert set(gone) == {"price (there)"}
    assert gone["price (there)"].codes == ()
    assert gone["price (there)"].missing
