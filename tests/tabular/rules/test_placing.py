"""Values out of order are put in order, and what a condition decides is set: however few rows keep the rules before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tabular import Schema, infer_schema, to_arrays
from tabular.progress import Reporter
from tabular.rules import Rule
from tabular.rules.completing import settle
from tabular.rules.language.syntax import Constant, Operation, Reference
from tabular.rules.listing import with_values
from tabular.rules.reducing.keeping import Keeping
from tabular.rules.reducing.placing import Bound, bounds_of
from tabular.rules.reducing.reduction import reduction_of
from tabular.where.conditions import parse_where

ROWS = 2000


def numbers(*rules: str) -> tuple[dict[str, np.ndarray], Schema]:
    """Six columns of independent numbers, which rules may say anything of."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({name: rng.integers(0, 1000, ROWS) for name in "abcde"} | {"small": rng.integers(1, 5, ROWS)})
    table.loc[rng.random(ROWS) < 0.1, "b"] = np.nan
    schema = replace(infer_schema(table), rules=tuple(map(Rule, rules)))
    return to_arrays(table, schema), schema


@pytest.mark.parametrize(
    ("rules", "by_chance"),
    [
        (["a <= b"], 0.6),
        (["e < d", "d < c", "b >= c", "a >= b"], 0.04),  # a chain of five, told backwards
        (["0 <= c - a <= 10", "c > 5"], 0.02),
        (["a + small <= b", "a <= 20"], 0.1),
        (["c = a + small", "b <= c", "d > c"], 0.3),  # of which one is computed
        (["a - b >= small", "small < 3 < c"], 0.3),
    ],
)
def test_rows_out_of_order_are_put_in_order(rules: list[str], by_chance: float) -> None:
    arrays, schema = numbers(*rules)
    keeping = Keeping(schema, {})
    assert keeping(arrays).mean() < by_chance
    reduced = reduction_of(schema)
    made = reduced.join(reduced.split(arrays))
    assert keeping(made).mean() > 0.99
    assert not set(np.concatenate([made["d"], made["e"]])) - set(np.concatenate([arrays["d"], arrays["e"]]))
    np.testing.assert_array_equal(np.isnan(made["b"]), np.isnan(arrays["b"]))


def test_what_is_in_order_stays_and_the_rest_is_drawn_from_what_is_within() -> None:
    arrays, schema = numbers("a <= d")
    made = reduction_of(schema).join(arrays)
    kept = arrays["a"] <= arrays["d"]
    np.testing.assert_array_equal(made["d"][kept], arrays["d"][kept])
    for name in "abce":
        np.testing.assert_array_equal(made[name], arrays[name])
    # Above a value the replaced ones lie as the others do: evenly, here.
    place = (made["d"] - arrays["a"]) / (1000 - arrays["a"])
    assert abs(np.median(place[~kept]) - 0.5) < 0.05
    assert abs(np.median(place[kept]) - 0.5) < 0.05


def test_a_value_that_misses_its_bounds_by_little_stays_near() -> None:
    rng = np.random.default_rng(0)
    low = rng.gamma(2, 100, ROWS).round()
    table = pd.DataFrame({"low": low, "high": (low + rng.normal(3, 4, ROWS)).round()})
    for rule in ("low <= high", "0 <= high - low <= 6", "high >= low + 2"):
        schema = replace(infer_schema(table), rules=(Rule(rule),))
        arrays = to_arrays(table, schema)
        made = reduction_of(schema).join(arrays)
        assert schema.rules[0].kept(made, schema).mean() > 0.99
        moved = np.abs(made["high"] - arrays["high"])
        assert np.quantile(moved, 0.95) < 40
        assert np.corrcoef(made["low"], made["high"])[0, 1] > 0.99


def test_a_comparison_bounds_each_of_its_columns() -> None:
    _, schema = numbers("a <= b")
    low, high = bounds_of(Rule("0 <= c - a <= 10"), schema)
    assert low == (
        Bound("c", ">=", Operation("+", Constant(0.0), Reference("a"))),
        Bound("a", "<=", Operation("-", Reference("c"), Constant(0.0))),
    )
    assert {bound.column: bound.sign for bound in high} == {"c": "<=", "a": ">="}
    for text in ("a = b", "a * b <= c", "if a > 3 then b > c", "a != b"):
        assert [bound.column for same in bounds_of(Rule(text), schema) for bound in same] in ([], ["c"])


@pytest.mark.parametrize(
    ("rules", "changed"),
    [
        (["if kind = 'free' then price = 0"], {"price"}),
        (["refund is missing exactly if kind = 'paid'"], {"refund"}),
        (["age is missing exactly if refund is missing", "if refund is missing then price = 3"], {"age", "price"}),
        (["if price > 30 and kind = 'paid' then hue = 'x'", "if hue = 'x' then web = 1"], {"hue", "web"}),
        (
            ["if web = 1 then kind = 'paid'", "if kind='free' then price = 7", "age > price"],
            {"kind", "price", "age"},
        ),
    ],
)
def test_what_a_condition_decides_is_set(rules: list[str], changed: set[str]) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "kind": rng.choice(["free", "paid"], ROWS),
            "price": rng.integers(0, 50, ROWS),
            "refund": np.where(rng.random(ROWS) < 0.3, np.nan, rng.random(ROWS).round(2)),
            "age": np.where(rng.random(ROWS) < 0.3, np.nan, rng.integers(0, 99, ROWS)),
            "hue": rng.choice(list("xyz"), ROWS),
            "web": rng.integers(0, 2, ROWS),
        }
    )
    schema = replace(infer_schema(table), rules=tuple(map(Rule, rules)))
    arrays, reduced, keeping = to_arrays(table, schema), reduction_of(schema), Keeping(schema, {})
    assert keeping(arrays).mean() < 0.8
    made = reduced.join(reduced.split(arrays))
    assert keeping(made).all()
    assert {name for name in made if not pd.Series(made[name]).equals(pd.Series(arrays[name]))} == changed
    # Such a cell may break a condition that was asked of the model: then the row is drawn again.
    asked = reduced.keeping(parse_where("price > 10", schema))
    assert asked is not None
    assert set(asked.conditions) == {"price"} & changed


def test_a_code_beside_which_nothing_stands_is_put_at_the_nearest() -> None:
    rng = np.random.default_rng(0)
    codes = np.sort(rng.choice(np.arange(1000, 9999), 300, replace=False))
    table = pd.DataFrame({"code": rng.choice(codes, ROWS), "b": rng.integers(0, 9, ROWS)})
    table["price"] = (table["code"] % 97) / 4
    schema = infer_schema(table, overrides={"code": "integer"})
    arrays = to_arrays(table, schema)
    schema = replace(schema, rules=(with_values(Rule("code -> price"), arrays, schema),))
    reduced = reduction_of(schema)
    drawn = rng.integers(1000, 9999, ROWS).astype(float)
    made = reduced.join({**reduced.split(arrays), "code": drawn})
    np.testing.assert_array_equal(made["price"], made["code"] % 97 / 4)
    assert np.isin(made["code"], codes).all()
    kept = np.isin(drawn, table["code"])
    np.testing.assert_array_equal(made["code"][kept], drawn[kept])
    assert np.abs(made["code"] - drawn).max() < 400


def test_a_row_whose_computed_cell_the_column_does_not_have_is_drawn_again() -> None:
    first = np.arange(60) % 6
    table = pd.DataFrame({"first": first, "last": first + np.arange(60) % 3})
    table["length"] = table["last"] - table["first"]
    schema = replace(infer_schema(table), rules=(Rule("length = last - first"),))
    arrays, reduced = to_arrays(table, schema), reduction_of(schema)
    keeping = reduced.keeping({})
    assert keeping is not None
    assert keeping(reduced.join(reduced.split(arrays))).all()
    made = reduced.join({"first": arrays["first"], "last": arrays["last"][::-1]})
    length = (table["last"].to_numpy()[::-1] - first).astype(int)
    np.testing.assert_array_equal(keeping(made), np.isin(length, table["length"]))


def test_holes_are_filled_in_order_with_what_was_given() -> None:
    arrays, schema = numbers("0 <= c - a <= 3", "d <= e")
    rows = 40
    some = {name: values[:rows] for name, values in arrays.items()}
    holes = {name: np.zeros(rows, dtype=bool) for name in some}
    for place, name in enumerate("acde"):
        holes[name][place::4] = True
    given = {name: np.where(holes[name], np.nan, values) for name, values in some.items()}
    rng = np.random.default_rng(1)
    again = lambda which: {name: rng.integers(0, 1000, len(which)).astype(float) for name in some}  # noqa: E731
    filled = settle(some, given, holes, schema, again, Reporter())
    filled_in_order = Keeping(schema, {})(filled, holes)
    assert filled_in_order.all()
    for name in some:
        np.testing.assert_array_equal(filled[name][~holes[name]], some[name][~holes[name]])
