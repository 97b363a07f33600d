"""Tables of every shape and dtype can be learned, and their rows come in kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabllm import TableLM
from tabular import read_table
from tabular.errors import ConditionError, TableError

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[2]))
    from real_tables import TABLES


@pytest.mark.parametrize("rows", [2, 3, 30])
def test_tiny_tables_can_be_learned(small, rows):
    tiny = pd.DataFrame({"a": [1, 2, 3] * 10, "b": list("xyz") * 10})[:rows]
    made = small(steps=5).fit(tiny).sample(50)
    assert set(made["b"]) <= set(tiny["b"])


def test_a_single_row_is_refused(small):
    with pytest.raises(TableError):
        small().fit(pd.DataFrame({"a": [1], "b": [2]}))


def test_many_columns_of_many_values_can_be_learned(small):
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(300, 60)).round(3), columns=[f"c{i}" for i in range(60)])
    made = small(steps=5).fit(wide).sample(100)
    assert made.shape == (100, 60)


@pytest.mark.parametrize(("folder", "file"), TABLES.items())
def test_any_real_table_goes_through(small, shared_data, folder, file):
    real = read_table(shared_data(folder) / file).sample(3000, random_state=0).reset_index(drop=True)
    model = small(steps=30).fit(real)
    made = model.sample(2000)
    assert made.dtypes.to_dict() == real.dtypes.to_dict()
    for column in model.schema:
        found = made[column.name].dropna()
        if column.is_numeric:
            known, found = pd.to_numeric(real[column.name]), pd.to_numeric(found)  # their text is kept as written
            assert found.min() >= known.min()
            assert found.max() <= known.max()
        else:
            assert set(found) <= set(real[column.name])
        assert made[column.name].isna().mean() == pytest.approx(real[column.name].isna().mean(), abs=0.02)


def test_a_rare_conversion_is_given_every_time(small, shared_data):
    real = read_table(shared_data("hillstrom_email_64k") / "hillstrom.csv.gz").sample(8000, random_state=0)
    made = small(steps=60).fit(real).sample(10_000, where="conversion=1")
    assert (made["conversion"] == 1).sum() == 10_000


def test_a_category_of_thousands_of_values_takes_two_tokens_and_can_be_asked_for(small):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"zip": [f"{z:05d}" for z in rng.integers(10_000, 13_000, 9000)], "sex": rng.choice(["f", "m"], 9000)}
    )
    model = small(steps=20).fit(table)
    assert model.facts["tokens_per_row"] == 3
    wanted = sorted(set(table["zip"]))[:2]
    assert set(model.sample(500, where={"zip": wanted})["zip"]) <= set(wanted)
    assert set(model.sample(500)["zip"]) <= set(table["zip"])


def test_a_large_sample_comes_in_parts_of_bounded_size(small, monkeypatch):
    table = pd.DataFrame(
        {"id": [f"K{i:07d}" for i in range(0, 200 * 48_271, 48_271)], "a": list("xy") * 100, "b": [0, 1, 1, 0] * 50}
    )
    model = small(steps=5).fit(table)
    monkeypatch.setattr(TableLM, "_part_rows", 60_000)
    sizes, seen = [], set()
    for part in model.sample_batches(300_000):
        sizes.append(len(part))
        seen.update(part["id"])
    assert sum(sizes) == len(seen) == 300_000
    assert max(sizes) <= 60_000


@pytest.fixture(scope="module")
def commented(small) -> tuple[pd.DataFrame, TableLM]:
    """A table with texts and identifiers, some texts missing, and its model."""
    rng = np.random.default_rng(0)
    words = ["good", "bad", "fine", "slow", "again", "hello"]
    table = pd.DataFrame(
        {
            "id": [f"U{i:05d}" for i in range(400)],
            "amount": rng.normal(size=400).round(2),
            "plan": pd.Categorical(rng.choice(["a", "b", "c"], 400)),
            "comment": [" ".join(rng.choice(words, 12)) for _ in range(400)],
        }
    )
    table.loc[::3, "comment"] = None
    return table, small(steps=5).fit(table)


def test_missing_texts_are_completed_every_one(commented):
    table, model = commented
    assert model.complete(table)["comment"].notna().all()


def test_identifiers_that_are_completed_are_unlike_those_that_are_known(commented):
    table, model = commented
    holes = table.copy()
    holes.loc[:50, "id"] = None
    assert model.complete(holes)["id"].is_unique


def test_a_categorical_that_lists_fewer_categories_is_completed(commented):
    table, model = commented
    holes = table[:50].copy()
    holes["plan"] = pd.Categorical(["a"] * 25 + [None] * 25)
    assert model.complete(holes)["plan"].notna().all()


@pytest.mark.parametrize(
    ("values", "where"),
    [
        (np.arange(2000) % 40 * 10, "x between 3 and 7"),
        (np.append(np.random.default_rng(0).normal(0, 1, 1800).round(3), [999.0] * 200), "x between 500 and 600"),
    ],
)
def test_a_condition_between_all_values_of_the_table_is_refused_in_words(small, values, where):
    table = pd.DataFrame({"x": values, "y": list("ab") * 1000})
    with pytest.raises(ConditionError, match="x"):
        small(steps=5).fit(table).sample(5, where=where)


def test_a_number_of_many_values_that_are_all_frequent_can_be_learned(small):
    table = pd.DataFrame({"minute": np.repeat(np.arange(300), 40), "busy": [0, 1] * 6000})
    made = small(steps=5).fit(table).sample(500, where="minute between 100 and 109")
    assert made["minute"].between(100, 109).all()


def test_rare_categories_are_folded_where_that_is_asked_for(small):
    rng = np.random.default_rng(0)
    names = np.append(rng.choice(["ios", "web"], 500), ["Ada Lovelace", "Alan Turing"])
    table = pd.DataFrame({"device": names, "clicked": rng.integers(0, 2, 502)})
    made = small(steps=5, rare_below=5).fit(table).sample(3000)
    assert not {"Ada Lovelace", "Alan Turing"} & set(made["device"])


def test_the_order_and_the_index_of_the_columns_of_a_table_do_not_matter_to_what_is_asked(small):
    table = pd.DataFrame({"b": [1.25, 2.5, None] * 30, "a": list("xyz") * 30}, index=range(90, 0, -1))
    made = small(steps=5).fit(table).sample(40)
    assert list(made.columns) == ["b", "a"]
    assert made.dtypes.to_dict() == table.dtypes.to_dict()
    assert set(made["b"].dropna()) <= {1.25, 2.5}


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, None, 3] * 10, dtype="Int64"),
        pd.Series([1, 2, 3] * 10, dtype="int8"),
        pd.Series([0.1, 0.2, 0.3] * 10, dtype="float32"),
        pd.Series([True, None, False] * 10, dtype="boolean"),
        pd.Series([True, None, False] * 10, dtype="object"),
        pd.Series(["a", None, "b"] * 10, dtype="string"),
        pd.Series(pd.Categorical(["lo", "hi", None] * 10, categories=["lo", "hi"], ordered=True)),
        pd.Series(pd.to_datetime(["2024-01-01 10:00", "2024-05-05 11:30", None] * 10)),
        pd.Series(pd.to_datetime(["2024-01-01", "2024-05-05", None] * 10)).dt.tz_localize("Europe/Berlin"),
        pd.Series(["2024-01-01", "2024-05-05", None] * 10),
    ],
    ids=lambda column: str(column.dtype),
)
def test_a_column_of_any_dtype_comes_back_in_kind(small, column):
    table = pd.DataFrame({"x": column, "y": list("ab") * 15})
    made = small(steps=5).fit(table).sample(60)
    assert made["x"].dtype == column.dtype
    assert set(made["x"].dropna()) <= set(column.dropna())
    assert made["x"].isna().any() == column.isna().any()
