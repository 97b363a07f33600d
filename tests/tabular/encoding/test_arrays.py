"""The canonical arrays of a table, there and back."""

from __future__ import annotations

import datetime
import decimal
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tabular import Schema, SchemaError, from_arrays, infer_schema, read_table, to_arrays

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[2]))
    from real_tables import TABLES

ROWS = 300
rng = np.random.default_rng(0)
moments = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 90_000_000, ROWS), unit="s")
gaps = rng.random(ROWS) > 0.1
whole = pd.Series(rng.integers(0, 5000, ROWS))
prices = pd.Series(rng.gamma(2, 50, ROWS).round(2))
exact = [decimal.Decimal(f"{value:.2f}") for value in prices]
words = pd.Series(rng.choice(["a", "b", "ß", "", " "], ROWS))


def there_and_back(table: pd.DataFrame) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schema = infer_schema(table)
        schema = Schema.from_dict(schema.to_dict())
        return from_arrays(to_arrays(table, schema), schema)


@pytest.mark.parametrize("name", TABLES)
def test_every_real_table_comes_back_as_it_was(shared_data, name):
    table = read_table(shared_data(name) / TABLES[name])
    pd.testing.assert_frame_equal(there_and_back(table), table, check_exact=True)


COLUMNS = {
    "int64": whole,
    "uint8": whole.astype("uint8"),
    "Int64 with gaps": whole.astype("Int64").where(gaps),
    "int64[pyarrow]": whole.astype("int64[pyarrow]"),
    "float with gaps": prices.where(gaps),
    "float32": prices.astype("float32"),
    "Float64": prices.astype("Float64").where(gaps),
    "double[pyarrow]": prices.astype("double[pyarrow]"),
    "decimal[pyarrow]": pd.Series(exact, dtype=pd.ArrowDtype(pa.decimal128(9, 2))),
    "full precision": pd.Series(rng.normal(size=ROWS)),
    "very small": pd.Series(rng.random(ROWS) * 1e-12),
    "very large": pd.Series(rng.random(ROWS) * 1e20),
    "bool": pd.Series(rng.random(ROWS) > 0.5),
    "bool with gaps": pd.Series(rng.random(ROWS) > 0.5).astype(object).where(gaps),
    "boolean": pd.Series(rng.random(ROWS) > 0.5).astype("boolean").where(gaps),
    "words": words,
    "words with gaps": words.where(gaps),
    "object words": words.astype(object).where(gaps),
    "string": words.astype("string").where(gaps),
    "string[pyarrow]": pd.Series(words, dtype=pd.ArrowDtype(pa.string())),
    "category": words.astype("category").where(gaps),
    "category of integers": whole.astype("category"),
    "ordered": pd.Series(pd.Categorical(rng.choice(["S", "M", "L"], ROWS), ["S", "M", "L"], ordered=True)),
    "datetime": pd.Series(moments),
    "datetime of seconds": pd.Series(moments.astype("datetime64[s]")),
    "datetime of nanoseconds": pd.Series(moments.astype("datetime64[ns]")).where(gaps),
    "datetime with a zone": pd.Series(moments.tz_localize("UTC").tz_convert("Europe/Berlin")).where(gaps),
    "timestamp[pyarrow]": pd.Series(moments, dtype=pd.ArrowDtype(pa.timestamp("us"))),
    "timestamp with a zone[pyarrow]": pd.Series(moments.tz_localize("UTC")).astype("timestamp[us, tz=UTC][pyarrow]"),
    "dates": pd.Series([moment.date() for moment in moments], dtype=object),
    "decimals": pd.Series(exact, dtype=object),
    "integer objects with gaps": pd.Series([*whole[1:], None], dtype=object),
    "money text": pd.Series([f"${value:,.2f}" for value in prices * 100]),
    "negative money text": pd.Series([f"-${value:,.2f}" for value in prices * 100]),
    "percent text": pd.Series([f"{value:.1f} %" for value in prices]).where(gaps),
    "decimal comma text": pd.Series([f"{value:.2f}".replace(".", ",") for value in prices]),
    "digits text": whole.astype(str),
    "date text": pd.Series(moments.strftime("%d/%m/%Y")).where(gaps),
    "millisecond text": pd.Series([f"{text}.{i:03d}" for i, text in enumerate(moments.strftime("%Y-%m-%d %H:%M:%S"))]),
    "row number": pd.Series(range(ROWS)),
    "uid": pd.Series([f"U-{value:05d}" for value in range(0, ROWS * 7, 7)]),
    "large": pd.Series(2**60 + 7 * rng.permutation(ROWS)),
    "text": pd.Series([f"some words in a row {value}" for value in whole]).where(gaps),
    "constant": pd.Series([7] * ROWS),
    "constant date": pd.Series([pd.Timestamp("2020-01-01", tz="Europe/Berlin")] * ROWS),
    "empty float": pd.Series([np.nan] * ROWS),
    "empty object": pd.Series([None] * ROWS, dtype=object),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_of_any_dtype_comes_back_as_it_was(kind):
    table = pd.DataFrame({"x": COLUMNS[kind], "other": range(ROWS)})
    pd.testing.assert_frame_equal(there_and_back(table), table, check_exact=True)


@settings(max_examples=60, deadline=None)
@example(numbers=[4.8627288685605176e16, 0.25], texts=["a", "b"])
@given(
    numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64) | st.none(), min_size=2, max_size=30),
    texts=st.lists(st.text(max_size=6) | st.none(), min_size=2, max_size=30),
)
def test_any_floats_and_texts_come_back(numbers, texts):
    size = min(len(numbers), len(texts))
    table = pd.DataFrame({"n": pd.Series(numbers[:size], dtype="float64"), "t": pd.Series(texts[:size], dtype=object)})
    # Text may read as numbers or dates, whose spelling is normalised; here the text itself is asked for.
    schema = infer_schema(table, overrides={"t": "text"})
    back = from_arrays(to_arrays(table, schema), schema)
    pd.testing.assert_series_equal(back["n"], table["n"], check_exact=True)
    assert [None if pd.isna(cell) else cell for cell in back["t"]] == texts[:size]


def test_the_arrays_have_the_canonical_types():
    table = pd.DataFrame({"n": [1.5, np.nan, 2.5], "c": ["a", None, "b"], "t": ["x", None, "y"]})
    schema = infer_schema(table, overrides={"t": "text", "c": "categorical"})
    arrays = to_arrays(table, schema)
    assert arrays["n"].dtype == np.float64
    assert np.isnan(arrays["n"][1])
    assert arrays["c"].dtype == np.int32
    assert arrays["c"].tolist() == [0, -1, 1]
    assert arrays["t"].tolist() == ["x", None, "y"]


def test_dates_are_seconds_since_1970_in_utc():
    table = pd.DataFrame({"d": pd.to_datetime(["1970-01-02", "1970-01-03"]).tz_localize("Etc/GMT-1")})
    assert to_arrays(table, infer_schema(table))["d"].tolist() == [82_800.0, 169_200.0]


def test_numbers_are_rounded_and_clipped_to_the_schema():
    schema = infer_schema(pd.DataFrame({"p": [0.25, 9.75] * 9, "i": [1, 90] * 9}), overrides={"i": "integer"})
    back = from_arrays({"p": np.array([0.256, -5.0, 99.0]), "i": np.array([30.4, -1.0, 200.0])}, schema)
    assert back["p"].tolist() == [0.26, 0.25, 9.75]
    assert back["i"].tolist() == [30, 1, 90]


def test_a_dtype_that_cannot_be_missing_becomes_its_nullable_twin():
    schema = infer_schema(pd.DataFrame({"i": range(50), "b": [True, False] * 25}), overrides={"i": "integer"})
    back = from_arrays({"i": np.array([1.0, np.nan]), "b": np.array([0, -1])}, schema)
    assert [str(dtype) for dtype in back.dtypes] == ["Int64", "boolean"]
    assert back.isna().sum().tolist() == [1, 1]


def test_an_unseen_category_is_an_error_or_missing():
    schema = infer_schema(pd.DataFrame({"c": ["a", "b"] * 9}))
    new = pd.DataFrame({"c": ["a", "zzz"]})
    with pytest.raises(SchemaError, match="'c' holds 'zzz'"):
        to_arrays(new, schema)
    assert to_arrays(new, schema, unseen="missing")["c"].tolist() == [0, -1]


def test_folded_categories_become_the_other():
    table = pd.DataFrame({"c": ["a"] * 9 + ["rare"]})
    schema = infer_schema(table, rare_below=2)
    assert from_arrays(to_arrays(table, schema), schema)["c"].tolist() == ["a"] * 9 + ["(other)"]


def test_categories_are_recognised_in_another_dtype():
    schema = infer_schema(pd.DataFrame({"c": [1, 2] * 9, "z": ["01", "2"] * 9}))
    arrays = to_arrays(pd.DataFrame({"c": ["1", "2"], "z": ["01", 2]}), schema)
    assert arrays["c"].tolist() == [0, 1]
    assert arrays["z"].tolist() == [0, 1]


def test_a_lacking_column_is_named():
    schema = infer_schema(pd.DataFrame({"a": [1, 2], "b": [1, 2]}))
    with pytest.raises(SchemaError, match="no column 'b'"):
        to_arrays(pd.DataFrame({"a": [1]}), schema)
    with pytest.raises(SchemaError, match="'b'"):
        from_arrays({"a": np.zeros(1)}, schema)


def test_bad_cells_are_missing():
    texts = [str(value) for value in range(5, 500)] + ["oops", "inf"]
    table = pd.DataFrame({"x": texts})
    assert np.isnan(to_arrays(table, infer_schema(table))["x"][-2:]).all()


def test_no_rows_give_an_empty_table_with_the_dtypes():
    table = pd.DataFrame(
        {"i": range(50), "t": [datetime.datetime(2020, 1, 1 + i % 9) for i in range(50)], "c": ["a", "b"] * 25}
    )
    schema = infer_schema(table)
    back = from_arrays({name: array[:0] for name, array in to_arrays(table, schema).items()}, schema)
    pd.testing.assert_frame_equal(back, table.iloc[:0].reset_index(drop=True))


def test_a_schema_written_under_pandas_3_is_read_under_pandas_2():
    schema = infer_schema(pd.DataFrame({"c": ["a", "b"] * 9}))
    schema = Schema((replace(schema["c"], dtype="str"),), rows=18)
    assert from_arrays({"c": np.array([1, 0])}, schema)["c"].tolist() == ["b", "a"]
