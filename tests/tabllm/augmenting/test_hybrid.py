"""Hybrid tables: the real rows untouched, the synthetic ones of the class that was asked for."""

from __future__ import annotations

import pandas as pd
import pytest

from tabllm.augmenting.hybrid import check_provenance, hybrid_parts, mixed
from tabular import TVAE
from tabular.errors import UsageError
from tabular.sampling import strata
from tabular.sampling.strata import Stratum

WANTED = [Stratum({"clicked": 1}, 130)]


@pytest.fixture
def learned(visits_table, toy):
    return toy().fit(visits_table)


def test_real_rows_come_first_and_as_they_are(visits_table, learned):
    whole = pd.concat(hybrid_parts(visits_table, learned, WANTED, provenance="source"), ignore_index=True)
    assert whole.columns.tolist() == [*visits_table.columns, "source"]
    pd.testing.assert_frame_equal(whole.iloc[:300, :4], visits_table)
    assert whole["source"].tolist() == ["real"] * 300 + ["synthetic"] * 130
    assert set(whole["clicked"][300:]) == {1}
    assert whole.drop(columns="source").dtypes.equals(visits_table.dtypes)


def test_columns_keep_the_order_of_the_table(visits_table, learned):
    turned = visits_table[["clicked", "spend", "age", "device"]]
    assert all(list(part) == list(turned) for part in hybrid_parts(turned, learned, WANTED))


def test_what_is_done_is_left_out(visits_table, learned, monkeypatch):
    monkeypatch.setattr(strata, "PART_ROWS", 50)
    parts = list(hybrid_parts(visits_table, learned, WANTED, seed=2))
    assert [len(part) for part in parts] == [300, 50, 50, 30]
    rest = list(hybrid_parts(visits_table, learned, WANTED, seed=2, done=350))
    assert pd.concat(rest).equals(pd.concat(parts[2:]))


def test_mixed_rows_are_the_same_rows(visits_table, learned):
    whole = pd.concat(hybrid_parts(visits_table, learned, WANTED), ignore_index=True)
    first, again, other = (mixed(hybrid_parts(visits_table, learned, WANTED), seed) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)
    order = ["spend", "age", "device", "clicked"]
    assert first.sort_values(order, ignore_index=True).equals(whole.sort_values(order, ignore_index=True))


def test_no_identifier_is_that_of_a_real_row(visits_table):
    table = visits_table.assign(visit=range(1, 301))[["visit", *visits_table.columns]]
    model = TVAE(steps=2, batch_size=50, device="cpu").fit(table)
    assert model.schema["visit"].kind == "identifier"
    parts = list(hybrid_parts(table, model, [Stratum({"device": "ios"}, 40)]))
    made = parts[1]["visit"]
    assert len(made) == 40
    assert made.is_unique
    assert not set(made) & set(table["visit"])


@pytest.mark.parametrize("name", ["age", " "])
def test_a_column_of_the_table_cannot_tell_where_rows_come_from(visits_table, name):
    with pytest.raises(UsageError, match="--provenance"):
        check_provenance(name, visits_table)
