"""Columns that are the same in all rows of a parent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from tabllm.links.constant import LEAST, as_first_siblings, constant_columns
from tabllm.links.model import LinkedTables
from tabular.preparing.inference import infer_schema
from tabular.rules import Rule


def orders(customers: int = 60) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Customers, and up to four orders of each, with the customer's country, its currency, name and limit."""
    rng = np.random.default_rng(0)
    country = rng.integers(3, size=customers)
    owner = rng.permutation(np.repeat(np.arange(customers), rng.integers(1, 5, customers)))
    table = pd.DataFrame(
        {
            "customer": owner,
            "country": np.array(["NO", "PL", "PT"])[country[owner]],
            "currency": np.array(["NOK", "PLN", "EUR"])[country[owner]],
            "name": pd.Series(owner).map("Customer Number {}".format),
            "limit": (country[owner] + 1) * 100.0 + owner % 7,
            "amount": rng.exponential(50, len(owner)).round(2),
        }
    )
    table.loc[table["country"] == "PT", "limit"] = np.nan
    return pd.DataFrame({"customer": range(customers), "age": rng.integers(18, 80, customers)}), table


def test_columns_that_never_differ_in_a_parent_are_found() -> None:
    _, table = orders()
    own, owner = table.drop(columns="customer"), table["customer"].to_numpy()
    schema = infer_schema(own)
    assert constant_columns(own, schema, owner, ()) == ("country", "currency", "name", "limit")
    assert constant_columns(own, schema, owner, {"limit"}) == ("country", "currency", "name")
    # Once it differs; an empty cell is a value of its own.
    twice = np.flatnonzero(table["customer"] == table["customer"].mode()[0])
    for name in ("country", "limit"):
        other = own.copy()
        other.loc[twice[0], name] = "PL" if other[name].iloc[twice[0]] == "NO" else "NO" if name == "country" else -1.0
        assert name not in constant_columns(other, schema, owner, ())
    # Rows without a parent say nothing, and few parents too little.
    alone = np.where(np.arange(len(owner)) == twice[0], -1, owner)
    changed = own.assign(country=own["country"].where(alone >= 0, "NO"))
    assert "country" in constant_columns(changed, schema, alone, ())
    few = owner < LEAST - 1
    assert constant_columns(own[few], schema, owner[few], ()) == ()


def test_a_column_that_a_rule_ties_to_another_is_drawn() -> None:
    _, table = orders()
    own, owner = table.drop(columns="customer"), table["customer"].to_numpy()
    schema = infer_schema(own)
    tied = replace(schema, rules=(Rule("amount <= limit"), Rule("limit >= 100")))
    assert constant_columns(own, tied, owner, ()) == ("country", "currency", "name")


def test_rows_are_given_what_the_first_of_their_parent_has() -> None:
    table = pd.DataFrame({"country": ["a", "b", "c", None, "e"], "amount": range(5)})
    arrays = {"country": np.array([0, 1, 2, -1, 3], np.int32)}
    as_first_siblings(table, arrays, np.array([1, 0, 1, -1, -1]), ["country"])
    assert table["country"].tolist()[:3] == ["a", "b", "a"]
    assert table["country"].isna().tolist() == [False] * 3 + [True, False]
    np.testing.assert_array_equal(arrays["country"], [0, 1, 0, -1, 3])


def test_made_rows_of_a_parent_agree() -> None:
    customers, table = orders()
    model = LinkedTables(steps=5, seed=0)
    model.fit({"customers": customers, "orders": table}, ["customers.customer=orders.customer"])
    made = model.sample(200)["orders"]
    per_customer = made.groupby("customer")[["country", "currency", "name", "limit"]].nunique(dropna=False)
    assert (per_customer == 1).all(axis=None)
    assert (made.groupby("customer").size() > 1).any()
    assert made["country"].nunique() > 1
    assert dict.fromkeys(table["country"] + table["currency"]).keys() >= set(made["country"] + made["currency"])
