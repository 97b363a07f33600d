"""Tables of any library go in, and what comes out has the kind, labels and types of what came."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from tabular import CTGAN, TVAE, TableError, UsageError, infer_schema, load_run
from tabular.encoding.frames import as_pandas


def frame(rows: int = 40) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "day": pd.date_range("2026-01-01", periods=rows).date,
            "age": pd.array([None if i % 9 == 0 else 20 + i % 30 for i in range(rows)], dtype="Int32"),
            "device": [["ios", "web"][i % 2] for i in range(rows)],
            "paid": [i % 3 == 0 for i in range(rows)],
            "spend": [i / 4 for i in range(rows)],
        }
    )


def fitted(table):
    return TVAE(steps=1, device="cpu").fit(table)


def test_an_arrow_table_comes_back_as_one_with_its_types():
    table = pa.Table.from_pandas(frame(), preserve_index=False)
    made = fitted(table).sample(30)
    assert isinstance(made, pa.Table)
    assert made.num_rows == 30
    assert made.schema.types == table.schema.types
    assert made.column_names == table.column_names


def test_a_polars_table_comes_back_as_one_with_its_types():
    polars = pytest.importorskip("polars")
    table = polars.from_pandas(frame()).with_columns(polars.col("device").cast(polars.Categorical))
    made = fitted(table).sample(30)
    assert isinstance(made, polars.DataFrame)
    assert made.schema == table.schema
    with pytest.raises(TableError, match=r"collect\(\)"):
        fitted(table.lazy())


def test_any_table_can_be_asked_for_its_schema():
    assert infer_schema(pa.Table.from_pandas(frame(), preserve_index=False)).names == list(frame().columns)


@pytest.mark.parametrize("table", [[1, 2], {"a": [1]}, None, "visits.csv"])
def test_what_is_no_table_is_refused(table):
    with pytest.raises(TableError, match="pandas, Polars or Arrow table, not"):
        as_pandas(table)


def test_labels_that_are_numbers_come_back_also_from_a_run(tmp_path):
    table = pd.DataFrame({0: range(40), 7: ["a", "b"] * 20})
    table.columns.name = "asked"
    model = fitted(table)
    made = model.sample(5, where={7: "a"})
    assert list(made.columns) == [0, 7]
    assert made.columns.name == "asked"
    assert set(made[7]) == {"a"}
    model.save(tmp_path / "run")
    assert list(load_run(tmp_path / "run", device="cpu").sample(5).columns) == [0, 7]


def test_labels_of_other_types_come_back():
    days = pd.to_datetime(["2026-01-01", "2026-01-02"])
    table = pd.DataFrame([[i, i % 3] for i in range(40)], columns=days)
    assert list(fitted(table).sample(4).columns) == list(days)


def test_as_many_rows_are_made_as_were_learned_where_no_number_is_given():
    assert len(fitted(frame()).sample()) == 40
    with pytest.raises(UsageError, match=r"fit\(\)"):
        CTGAN(steps=1, device="cpu").sample()


class TestShown:
    def test_a_model_says_what_it_is(self):
        model = TVAE(steps=1, device="cpu")
        assert repr(model) == "TVAE(device='cpu', steps=1)"
        assert "not fitted" in model._repr_html_()
        model.fit(frame().rename(columns={"paid": "<paid>"}))
        assert repr(model) == "<TVAE(device='cpu', steps=1), fitted to 40 rows of 5 columns>"
        shown = model._repr_html_()
        assert "&lt;paid&gt;" in shown
        assert "<paid>" not in shown

    def test_a_schema_is_short(self):
        schema = infer_schema(frame())
        assert repr(schema) == "Schema(5 columns, 40 rows: day, age, device, paid, spend)"
        assert "ios, web" in schema._repr_html_()


def test_nested_values_times_and_large_numbers_of_polars_are_held():
    import datetime

    pl = pytest.importorskip("polars")
    from tabular.encoding.frames import Form, as_pandas

    table = pl.DataFrame(
        {
            "big": [2**60 + 1, None, 3],
            "tags": [["a"], [], ["b", "c"]],
            "at": [datetime.time(8), None, datetime.time(9, 30)],
            "took": [datetime.timedelta(seconds=90), None, datetime.timedelta(0)],
        }
    )
    plain = as_pandas(table)
    assert plain["big"].tolist()[0] == 2**60 + 1
    assert plain["tags"].tolist() == [["a"], [], ["b", "c"]]
    assert Form(table).give_back(plain).equals(table)
