"""Missing cells are filled in; what is filled stays as it stood, or is refused by column, row and value."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabular.encoding.unmodelled import is_missing
from tabular.errors import SchemaError
from tabular.parts import parts_of
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter
from tabular.sampling.batches import BaseCodec
from tabular.sampling.imputing import fill_in, in_given_text, read_every_cell


@pytest.fixture
def learned() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(60), unit="D")
    return pd.DataFrame(
        {
            "day": day.strftime("%Y-%m-%d"),
            "spend": rng.gamma(2, 20, 60).round(2),
            "price": [f"${value:,.2f}" for value in rng.gamma(2, 900, 60)],
            "visits": rng.integers(0, 50, 60),
            "device": rng.choice(["ios", "web"], 60),
            "paid": rng.random(60) < 0.5,
        }
    )


def completed(table, schema, progress=None):
    """Every hole is filled with the first learned value; what was to be read is kept as a witness."""

    class First(BaseCodec):
        parts, names, learned = parts_of(schema, "nothing"), schema.names, schema.names

        def encode(self, arrays):
            completed.read = arrays
            return np.zeros((len(table), 1), np.int64)

        def decode_parts(self, drawn, rng, *, allowed):
            return {
                column.name: np.zeros(len(table), np.int32)
                if column.has_categories
                else np.full(len(table), column.minimum)
                if column.is_numeric
                else np.full(len(table), "made", object)
                for column in schema
            }

    progress = progress or Reporter()
    return fill_in(table, First(schema, {}), seed=0, progress=progress, complete=lambda rows, missing, rng: rows)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("day", "02/03/2024", "dates in the format %Y-%m-%d"),
        ("day", "yesterday", "dates"),
        ("day", 2024, "dates"),
        ("spend", "$12.50", "numbers"),
        ("spend", "12,50", "numbers"),
        ("spend", "", "numbers"),
        ("spend", np.inf, "numbers"),
        ("spend", "spend", "numbers"),
        ("price", "12 EUR", r"numbers such as \$12.00"),
        ("visits", "many", "numbers"),
        ("device", "tv", "one of: ios, web"),
        ("device", "device", "one of: ios, web"),
        ("device", "", "one of"),
        ("paid", "maybe", "one of: False, True"),
    ],
)
def test_a_filled_cell_that_cannot_be_read_is_refused_by_column_row_and_value(learned, column, value, words):
    schema = infer_schema(learned)
    table = learned.astype({column: object})
    table.loc[16, column] = value
    table.loc[3:5, "spend" if column != "spend" else "visits"] = np.nan
    with pytest.raises(SchemaError, match=words) as error:
        completed(table, schema)
    message = str(error.value)
    assert f"Column {column!r} holds {str(value)!r} in row 17 (the header not counted)" in message
    assert "clear the cell" in message
    assert "more cell" not in message


def test_how_many_more_cells_there_are_is_said(learned):
    schema = infer_schema(learned)
    table = learned.astype({"spend": object})
    table.loc[10:12, "spend"] = "a lot"
    table.loc[4:5, "device"] = "tv"
    with pytest.raises(SchemaError) as error:
        completed(table, schema)
    assert str(error.value).endswith("4 more cells cannot be read (2 in 'spend', 2 in 'device').")


def test_what_is_filled_comes_back_as_it_stood(learned):
    schema = infer_schema(learned)
    table = learned.astype({"spend": object, "visits": float, "price": object})
    # Another way of writing what can be read; more digits than were learned; a number beyond the bounds.
    table.loc[0, "spend"], table.loc[1, "spend"], table.loc[2, "spend"] = "7.50", 3.14159, 1e6
    table.loc[0, "price"], table.loc[1, "price"] = "1250", "$1250.5"
    holes = table.mask(np.random.default_rng(1).random(table.shape) < 0.2)
    holes.loc[:2] = table.loc[:2]
    filled = completed(holes, schema)
    there = holes.notna()
    assert filled.notna().all(axis=None)
    for name in holes:
        assert filled[name][there[name]].tolist() == holes[name][there[name]].tolist()


def test_a_number_beyond_the_bounds_is_kept_told_of_and_read_as_the_bound(learned):
    class Listening(Reporter):
        def note(self, message):
            notes.append(message)

    notes: list[str] = []
    schema = infer_schema(learned)
    table = learned.copy()
    table.loc[5, "spend"] = 1e6
    filled = completed(table, schema, Listening())
    assert filled["spend"][5] == 1e6
    assert completed.read["spend"][5] == schema["spend"].maximum
    assert notes == [
        "Column 'spend' holds 1 value beyond the bounds that were learned; kept, and the cells beside them are drawn "
        "as for the nearer bound."
    ]


@pytest.mark.parametrize("dtype", [object, "category", "string"])
def test_a_category_that_stands_for_the_folded_ones_is_kept(dtype):
    table = pd.DataFrame({"city": ["A"] * 20 + ["B"] * 20 + ["C", "D"], "x": [1, 2, 3, 4, 5, 6] * 7})
    schema = infer_schema(table, rare_below=5)
    assert schema["city"].other is not None
    holes = pd.DataFrame({"city": pd.Series(["A", "Z", None, "D"], dtype=dtype), "x": [1, 2, 3, 4]})
    filled = completed(holes, schema)
    assert filled["city"].tolist()[:2] == ["A", "Z"]
    assert filled["city"].tolist()[3] == "D"
    assert filled["city"].notna().all()
    assert not is_missing(completed.read["city"])[[0, 1, 3]].any()


def test_a_categorical_that_writes_its_values_otherwise_is_kept():
    table = pd.DataFrame({"zip": [1, 2, 3] * 10, "x": [5, 1] * 15})
    schema = infer_schema(table, overrides={"zip": "categorical"})
    holes = pd.DataFrame({"zip": pd.Categorical(["1", "3", None]), "x": [1, 5, 1]})
    assert completed(holes, schema)["zip"].tolist()[:2] == ["1", "3"]


def test_drawn_numbers_of_a_column_that_is_given_as_text_are_text(learned):
    schema = infer_schema(learned)
    holes = pd.DataFrame({**learned[:3], "visits": pd.Series(["12", None, "7"], dtype="string")})
    filled = completed(holes, schema)["visits"]
    assert filled.dtype == holes["visits"].dtype
    assert filled.tolist() == ["12", str(int(schema["visits"].minimum)), "7"]


def test_cells_of_a_text_file_stand_as_they_stood():
    text = pd.DataFrame({"zip": ["02134", None, "02136"], "x": ["1.50", "2.25", None], "other": ["a", None, "b"]})
    filled = pd.DataFrame({"zip": [2134.0, 2135.0, 2136.0], "x": [1.5, 2.25, 3.0], "other": ["a", None, "b"]})
    written = in_given_text(filled, text, infer_schema(filled, overrides={"zip": "integer", "x": "continuous"}))
    assert written["zip"].tolist() == ["02134", "02135", "02136"]
    assert written["x"].tolist() == ["1.50", "2.25", "3.00"]
    assert written["other"].isna().tolist() == [False, True, False]


def test_a_column_of_which_nothing_was_learned_is_left_alone(learned):
    schema = infer_schema(learned.assign(empty=np.nan))
    arrays = read_every_cell(learned.assign(empty=["a"] + [None] * 59), schema)
    assert is_missing(arrays["empty"]).all()
