"""Marks stand for missing and censored values: found, kept, counted as missing, and written back in their shares."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabular import Schema, SchemaError, from_arrays, infer_schema, to_arrays
from tabular.encoding.marks import choose_marks, known_marks, mark_cells
from tabular.schema import Column

ROWS = 400


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    "text",
    [
        "NA",
        "n/a",
        "N/A",
        "null",
        "NULL",
        "\\N",
        "None",
        "NaN",
        "..",
        "--",
        "-",
        "?",
        ".",
        "#N/A",
        "unknown",
        " NA ",
        "< 10%",
        "<5",
        "≤ 3",
        "> 90",
        ">= 1,000",
        "90+",
        "90 +",
        "$5,000+",
        "less than 10",
        "under 5",
        "65 and over",
        "10 or more",
        "\u2014",
        "\u2026",
        "inf",
        "#DIV/0!",
        "(blank)",
        "not available",
    ],
)
def test_what_people_write_for_no_value_is_known(text):
    assert known_marks(pd.Series([text])).all()


@pytest.mark.parametrize(
    "text", ["5", "-5", "(5)", "$5", "5 %", "1e5", ".5", "Berlin", "A+", "x", "NAM", "", "a lot", "5-10"]
)
def test_values_and_words_are_no_marks(text):
    assert not known_marks(pd.Series([text])).any()


def test_a_mark_of_any_share_stays_in_a_column_of_numbers(rng):
    texts = np.array([f"{value:.2f}" for value in rng.gamma(2, 30, ROWS)], dtype=object)
    texts[: ROWS // 2], texts[ROWS // 2 : ROWS // 2 + 40], texts[-10:] = "..", "< 0.01", None
    table = pd.DataFrame({"x": rng.permutation(texts)})
    schema = Schema.from_dict(infer_schema(table).to_dict())
    column = schema["x"]
    assert (column.kind, column.marks) == ("continuous", ("..", "< 0.01"))
    assert column.mark_shares == pytest.approx((0.8, 0.16))
    assert column.missing_rate == pytest.approx(250 / ROWS)
    made = from_arrays(to_arrays(table, schema), schema)["x"]
    # Spread evenly over the missing cells, they may be one more or less.
    assert [(made == mark).sum() for mark in column.marks] == pytest.approx([200, 40], abs=2)
    assert made.isna().sum() == pytest.approx(10, abs=2)


def test_an_unknown_word_is_a_mark_only_if_it_is_rare_and_comes_back(rng):
    texts = [str(value) for value in rng.integers(0, 10_000, ROWS)]
    found = infer_schema(pd.DataFrame({"x": ["pending", "pending", "ask Ann", *texts]}))["x"]
    assert (found.kind, found.marks) == ("integer", ("pending",))
    assert infer_schema(pd.DataFrame({"x": ["pending"] * ROWS + texts}))["x"].kind != "integer"


def test_rare_marks_are_left_out_where_rare_values_are_folded():
    texts, counts = pd.Series(["NA", "90+"]), np.array([50, 3])
    assert choose_marks(texts, counts, 0, 10)[0] == ("NA",)
    assert choose_marks(texts, counts, 47, 0) == (("NA", "90+"), (0.5, 0.03))


def test_a_mark_is_a_category_where_the_others_are_words(rng):
    found = infer_schema(pd.DataFrame({"country": rng.choice(["NA", "ZA", "DE"], ROWS)}))["country"]
    assert (found.kind, found.categories, found.marks) == ("categorical", ("DE", "NA", "ZA"), ())


def test_marks_among_dates(rng):
    days = (pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, ROWS), unit="D")).strftime("%d/%m/%Y")
    texts = np.where(rng.random(ROWS) < 0.3, "\\N", days)
    found = infer_schema(pd.DataFrame({"x": texts}))["x"]
    assert (found.kind, found.marks, found.mark_shares) == ("datetime", ("\\N",), (1.0,))


def test_cells_with_marks_are_told_from_others():
    column = Column("x", "integer", "str", marks=("pending",), mark_shares=(1.0,))
    cells = pd.Series(["5", "pending", "NA", None, "oops"], dtype=object)
    assert mark_cells(cells, column).tolist() == [False, True, True, False, False]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"marks": ["NA"]}, "one share"),
        ({"marks": ["NA", ".."], "mark_shares": [0.7, 0.7]}, "together at most 1"),
        ({"marks": ["NA"], "mark_shares": [1.0], "dtype": "float64"}, "cannot hold"),
        ({"marks": ["NA"], "mark_shares": [1.0], "kind": "text"}, "only the kinds"),
    ],
)
def test_marks_that_do_not_fit_are_refused(fields, message):
    column = {"name": "x", "kind": "continuous", "dtype": "str", "format": "{:.2f}", **fields}
    column |= {"dtype": "float64", "format": None} if fields.get("dtype") else {}
    column |= {"format": None} if column["kind"] == "text" else {}
    with pytest.raises(SchemaError, match=message):
        Schema.from_dict({"version": 1, "rows": 1, "columns": [column]})
