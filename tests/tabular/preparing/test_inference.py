"""What a column is taken for, and what its schema keeps of it."""

from __future__ import annotations

import decimal
import json
import warnings

import numpy as np
import pandas as pd
import pytest

from tabular import Column, Schema, SchemaError, from_arrays, infer_schema, read_table, to_arrays
from tabular.preparing.inference import LABEL_LIMIT
from tabular.preparing.schema_fit import check_schema_fits

ROWS = 1000


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def column(values, name="x", **options) -> Column:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return infer_schema(pd.DataFrame({name: values}), **options)[name]


def test_few_repeated_integers_are_labels_and_many_are_numbers(rng):
    assert column(rng.integers(0, 2, ROWS)).categories == (0, 1)
    assert column(rng.integers(0, LABEL_LIMIT, ROWS)).kind == "categorical"
    assert column(rng.integers(17, 90, ROWS)).kind == "integer"


def test_a_few_rows_of_different_integers_are_numbers():
    assert column([20, 30, 40, 31]).kind == "integer"


def test_integers_that_pandas_turned_into_floats_because_of_gaps_stay_labels(rng):
    flags = pd.Series(rng.integers(0, 2, ROWS)).where(rng.random(ROWS) > 0.1)
    found = column(flags)
    assert (found.kind, found.categories, found.dtype) == ("categorical", (0.0, 1.0), "float64")


@pytest.mark.parametrize(
    ("values", "decimals"),
    [([1.5, 2.25, 3.0], 2), ([41.0, 22.0], 0), ([0.1 + 0.2, 1.0], None), ([1e-13, 2e-13], None), ([0.123456789, 1], 9)],
)
def test_decimals_are_the_digits_that_are_needed(values, decimals):
    assert column(values * 20).decimals == decimals


def test_float32_needs_only_the_decimals_of_float32():
    assert column(np.array([0.1, 0.25, 7.3], dtype="float32")).decimals == 2


def test_values_that_carry_much_mass_are_atoms():
    found = column([0.0] * 500 + [99.5] * 10 + np.linspace(1, 2, 490).tolist())
    assert found.atoms == (0.0, 99.5)
    assert (found.minimum, found.maximum) == (0.0, 99.5)


def test_no_value_of_a_small_table_is_an_atom_because_of_its_share_alone():
    assert column(np.arange(100) * 1.5 + 0.25).atoms == ()


def test_booleans_are_true_and_false_in_any_words(rng):
    assert column(rng.random(ROWS) > 0.5).kind == "boolean"
    assert column(np.array([True, False, None] * 100, dtype=object)).kind == "boolean"
    assert column(["yes", "no"] * 100).categories == ("no", "yes")
    for words in (("FALSE", "TRUE"), ("no", "yes"), ("N", "Y"), ("f", "t")):
        found = column(list(words) * 100)
        assert (found.kind, found.categories) == ("boolean", words)
    assert column(["left", "right"] * 100).kind == "categorical"


@pytest.mark.parametrize("template", ["${:,.2f}", "{:.1f} %", "{:,.0f}", "{:.0f}", "{:.3e}", "{:.0f}ms"])
def test_numbers_written_as_text_are_numbers_with_their_template(rng, template):
    found = column([template.format(value) for value in rng.gamma(2, 5000, ROWS)])
    assert (found.kind, found.format) == ("integer" if ".0f" in template else "continuous", template)


def test_decimal_commas_are_understood(rng):
    texts = [f"{value:,.2f}".translate(str.maketrans(",.", ".,")) for value in rng.gamma(2, 5000, ROWS)]
    assert column(texts).format == "{:,.2f|,}"


def test_codes_with_leading_zeros_are_not_numbers(rng):
    assert column([f"{value:05d}" for value in rng.integers(0, 300, ROWS)]).kind == "categorical"


def test_a_few_bad_cells_do_not_make_a_number_column_text(rng):
    texts = [str(value) for value in rng.integers(0, 10_000, ROWS)]
    texts[3], texts[5], texts[7] = "n/a?", "oops", "bad"
    found = column(texts)
    assert found.kind == "integer"
    assert found.missing_rate == pytest.approx(3 / ROWS)
    assert found.notes == ("3 of 1,000 cells are not numbers ('n/a?', 'oops', 'bad'): read as missing.",)


def test_many_bad_cells_do_unless_they_are_marks(rng):
    texts = [str(value) for value in rng.integers(0, 10_000, ROWS)]
    assert column(["heavy"] * (ROWS // 10) + texts[ROWS // 10 :]).kind in ("categorical", "text")
    found = column(["unknown"] * (ROWS // 2) + texts[ROWS // 2 :])
    assert (found.kind, found.missing_rate, found.marks, found.mark_shares) == ("integer", 0.5, ("unknown",), (1.0,))


def test_a_header_in_the_middle_of_the_file_is_read_as_missing(rng):
    table = pd.DataFrame({"age": rng.integers(0, 90, ROWS).astype(str), "sex": rng.choice(["f", "m"], ROWS)})
    table.loc[500] = ["age", "sex"]
    schema = infer_schema(table)
    assert schema["sex"].categories == ("f", "m")
    assert schema["age"].kind == "integer"
    assert "repeat the header" in schema.notes[0]


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%SZ",
        "%d/%m/%Y",
        "%m/%d/%Y",
        "%d.%m.%Y",
        "%d %b %Y",
        "%-m/%-d/%Y %H:%M",
        "%m/%d/%Y %I:%M %p",
    ],
)
def test_dates_written_as_text_are_dates_in_their_format(rng, form):
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 90_000_000, ROWS), unit="s")
    found = column(days.strftime(form))
    assert (found.kind, found.format) == ("datetime", form)


def test_dates_that_can_be_read_in_two_ways_are_noted(rng):
    found = column([f"{a:02d}/{b:02d}/2020" for a, b in rng.integers(1, 13, (ROWS, 2))])
    assert "cannot be told apart" in found.notes[0]


def test_native_dates_know_how_fine_they_are():
    days = pd.Series(pd.date_range("2020-01-01", periods=50)).sample(frac=1, random_state=0)
    assert column(days.array).format == "%Y-%m-%d"
    assert column((days + pd.Timedelta("1s")).array).format is None
    assert column((days + pd.Timedelta("1ms")).array).decimals == 3


def test_identifiers_are_told_from_measurements(rng):
    unique = rng.permutation(900_000)[:ROWS]
    assert column(np.arange(ROWS)).pattern == f"count:{{{ROWS}}}+1"
    assert column(np.arange(ROWS) + 1, name="row").pattern == "sequence"
    assert column(np.arange(ROWS), name="year").kind == "integer"
    assert column(unique + 100_000, name="user_id").pattern.startswith("number:")
    assert column(unique, name="balance").kind == "integer"
    assert column(unique * 1.5, name="price").kind == "continuous"
    assert column([f"CUST-{value:06d}" for value in unique]).pattern.startswith("form:CUST-[0-8][0-9]{5}%")


def test_words_that_differ_in_every_row_are_text_and_cities_are_categories(rng):
    words = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog"]
    assert column([" ".join(rng.choice(words, 8)) for _ in range(ROWS)]).kind == "text"
    assert column([f"city {value}" for value in rng.integers(0, 200, ROWS)]).kind == "categorical"


def test_numeric_codes_are_known_by_their_name(rng):
    codes = rng.integers(10_000, 10_200, ROWS)
    assert column(codes, name="zip_code").kind == "categorical"
    assert column(codes, name="income").kind == "integer"


def test_constants_and_empty_columns():
    assert column([7, 7, 7]).kind == "constant"
    assert column(["a", None, "a"]).kind == "categorical"  # filled or not is a choice
    empty = column([None, None])
    assert (empty.kind, empty.categories, empty.missing_rate) == ("constant", (), 1.0)
    assert empty.notes == ("All cells are missing.",)


def test_an_ordered_category_keeps_its_order_and_its_levels_beside_the_categories():
    sizes = pd.Categorical(["M", "S", "L"] * 10, categories=["S", "M", "L", "XL"], ordered=True)
    found = column(sizes)
    assert (found.categories, found.dtype) == (("S", "M", "L"), "category[ordered]")
    assert found.levels == ("S", "M", "L", "XL")


def test_infinite_values_are_missing_and_noted():
    found = column([1.5, np.inf, -np.inf, 2.5])
    assert (found.missing_rate, found.maximum) == (0.5, 2.5)
    assert "2 infinite values" in found.notes[0]


def test_integers_too_large_for_float64_are_not_rounded_silently(rng):
    assert column(2**60 + 7 * rng.permutation(ROWS)).kind == "identifier"
    assert column(2**60 + rng.integers(0, 50, ROWS)).kind == "categorical"


@pytest.mark.parametrize(
    ("cells", "word"),
    [
        ([[1], "a"], "holds a list"),
        ([b"\xff" * 65, b"b"], "bytes"),
        ([1j, 2j], "complex"),
    ],
)
def test_a_column_that_no_kind_can_hold_is_left_out_and_told_of(cells, word):
    found = infer_schema(pd.DataFrame({"odd": cells, "even": [1, 2]}))
    assert found.names == ["even"]
    assert found.notes[0].startswith("Left out: column 'odd' holds")
    assert word in found.notes[0]
    assert check_schema_fits(pd.DataFrame({"odd": cells, "even": [1, 2]}), found) == []
    with pytest.raises(SchemaError, match="'odd'"):
        column(cells, name="odd")


def test_mixed_and_decimal_objects_are_read():
    assert column([1, "a", 2.5] * 10).categories == ("1", "2.5", "a")
    found = column([decimal.Decimal("1.25"), decimal.Decimal("3.50")] * 10)
    assert (found.kind, found.decimals, found.dtype) == ("continuous", 2, "decimal")


def test_overrides_change_the_kind_and_the_fields():
    table = pd.DataFrame({"zip": np.arange(10_000, 10_100), "price": np.linspace(0, 1, 100)})
    schema = infer_schema(table, overrides={"zip": "categorical", "price": {"decimals": 2, "maximum": 5.0}})
    assert len(schema["zip"].categories) == 100
    assert (schema["price"].decimals, schema["price"].maximum) == (2, 5.0)


@pytest.mark.parametrize(
    "overrides",
    [
        {"nope": "text"},
        {"x": "number"},
        {"x": {"colour": 1}},
        {"x": "datetime"},
        {"x": "constant"},
        {"x": {"name": "y"}},
    ],
)
def test_an_override_that_cannot_be_is_refused(overrides):
    with pytest.raises(SchemaError):
        infer_schema(pd.DataFrame({"x": [1.5, 2.5]}), overrides=overrides)


def test_rare_categories_are_folded():
    found = column(["a"] * 50 + ["b"] * 50 + ["Mr Smith"], rare_below=5)
    assert (found.categories, found.other) == (("(other)", "a", "b"), "(other)")
    numbers = column([1] * 50 + [2] * 40 + [77], rare_below=5)
    assert (numbers.categories, numbers.other) == ((1, 2), 1)


def test_bounds_do_not_stand_on_single_rows_where_rare_values_are_folded():
    found = column([*range(100), *range(100), 10_000], rare_below=3)
    assert (found.minimum, found.maximum) == (1.0, 99.0)


def test_unusual_names_and_many_columns_are_no_obstacle(rng):
    names = ["in", "age>=30", "größe ☃", *(f"c{i}" for i in range(200))]
    schema = infer_schema(pd.DataFrame({name: rng.integers(0, 3, 60) for name in names}))
    assert schema.names == names


def test_numbers_as_names_become_text_and_twins_are_refused():
    assert infer_schema(pd.DataFrame(np.eye(3))).names == ["0", "1", "2"]
    with pytest.raises(SchemaError, match="more than once"):
        infer_schema(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_a_schema_survives_json_with_every_field(rng):
    table = pd.DataFrame(
        {"n": rng.normal(size=60).round(0), "flag": rng.integers(0, 2, 60), "b": rng.random(60) > 0.5, "z": [0] * 60}
    )
    schema = infer_schema(table)
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema
    assert schema["n"].decimals == 0


def test_the_real_tables_have_the_kinds_a_person_would_give(shared_data):
    adult = infer_schema(read_table(shared_data("adult") / "adult_train.csv.gz"))
    assert {adult[name].kind for name in ("age", "fnlwgt", "capital-gain", "hours-per-week")} == {"integer"}
    assert "?" in adult["workclass"].categories
    assert 0.0 in adult["capital-gain"].atoms
    shoppers = infer_schema(read_table(shared_data("online_shoppers") / "online_shoppers_intention.csv.gz"))
    labels = ("OperatingSystems", "Browser", "Region", "TrafficType", "Month")
    assert {shoppers[name].kind for name in labels} == {"categorical"}
    assert shoppers["Revenue"].kind == "boolean"
    housing = infer_schema(read_table(shared_data("california_housing") / "housing.csv.gz"))
    assert (housing["housing_median_age"].kind, housing["housing_median_age"].decimals) == ("continuous", 0)
    assert housing["total_bedrooms"].missing_rate == pytest.approx(207 / 20_640)


@pytest.mark.parametrize(
    "numbers",
    [[10**400, 1, 2, 3], [10**400, 1.5, 2, 3], [decimal.Decimal(10) ** 400, *map(decimal.Decimal, (1, 2, 3))]],
    ids=["int", "int and float", "decimal"],
)
def test_a_number_beyond_every_type_is_left_out_with_its_column(numbers):
    table = pd.DataFrame({"plays": pd.Series(numbers, dtype=object), "b": list("xyxy")})
    assert "'plays' holds a number of more than 308 digits" in infer_schema(table).notes[0]


def test_levels_of_an_ordered_category_that_occur_in_no_row_come_back():
    scale = pd.CategoricalDtype(["none", "low", "mid", "high", "top"], ordered=True)
    table = pd.DataFrame({"scale": pd.Series(["low", "high", None, "mid"] * 5, dtype=scale), "n": range(20)})
    schema = Schema.from_dict(infer_schema(table).to_dict())
    assert schema["scale"].categories == ("low", "mid", "high")
    back = from_arrays(to_arrays(table, schema), schema)["scale"]
    assert back.dtype == scale
    pd.testing.assert_series_equal(back, table["scale"], check_names=False)
    with pytest.raises(SchemaError, match="levels that do not name"):
        infer_schema(table, overrides={"scale": {"levels": ["low", "mid"]}})


def test_unused_names_of_an_unordered_category_are_left_out():
    names = pd.Series(["ann", "bob"] * 10, dtype=pd.CategoricalDtype(["ann", "bob", "zoe"]))
    column = infer_schema(pd.DataFrame({"who": names, "n": range(20)}))["who"]
    assert not column.levels
    assert "zoe" not in str(column)


@pytest.mark.parametrize(
    ("write", "kind"),
    [
        (lambda i: f"${i / 7:,.2f}", "continuous"),
        (lambda i: f"note {i} of {i % 7}", "text"),
        (lambda i: str(pd.Timestamp(2024, 1, 1) + pd.Timedelta(i * 61, unit="s")), "datetime"),
    ],
)
def test_many_distinct_texts_with_marks_among_them_are_of_the_kind_of_all(write, kind):
    texts = [write(i) for i in range(6000)] + ["n/a"] * 4000 + ["odd one"] * 50
    found = column(texts)
    assert found.kind == kind
    if kind != "text":
        assert found.marks == ("n/a", "odd one")
