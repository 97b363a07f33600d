"""Schemas from files: what is refused, in one sentence, and what goes on working."""

import json
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from tabular import infer_schema
from tabular.errors import SchemaError
from tabular.preparing.schema_fit import check_schema_fits
from tabular.schema import Column, Schema
from tabular.schema_checks import _FIELDS


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    rows = 200
    days = pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), "D")
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, rows),
            "rate": rng.random(rows),
            "price": [f"${x:,.2f}" for x in rng.exponential(2000, rows)],
            "day": days,
            "paid": [f"{day:%d/%m/%Y}" for day in days],
            "device": rng.choice(["ios", "android", "web"], rows),
            "clicked": rng.random(rows) < 0.3,
            "code": [f"user_{i}" for i in range(rows)],
            "score": np.where(rng.random(rows) < 0.2, np.nan, rng.integers(0, 100, rows)),
        }
    )


@pytest.fixture(scope="module")
def data(table):
    return json.loads(json.dumps(infer_schema(table).to_dict()))


def edited(data, column, **changes):
    """The schema's data with fields of one column changed, as a person would in an editor."""
    new = json.loads(json.dumps(data))
    next(entry for entry in new["columns"] if entry["name"] == column).update(changes)
    return new


@pytest.mark.parametrize(
    ("column", "changes", "told"),
    [
        ("age", {"minimum": 90.0, "maximum": 18.0}, "minimum 90.0 above its maximum 18.0"),
        ("age", {"minimum": float("nan")}, "minimum nan"),
        ("age", {"minimum": "0"}, "minimum '0', but must be a finite number"),
        ("age", {"maximum": 10**400}, "maximum a whole number of more than 60 digits"),
        ("age", {"minimum": 0.5}, "whole number"),
        ("age", {"dtype": "int8", "maximum": 300.0}, "would come back as"),
        ("age", {"dtype": "1000000000i8"}, "dtype"),
        ("age", {"dtype": "int63"}, "dtype 'int63'"),
        ("age", {"kind": "continous"}, "must be one of boolean"),
        ("age", {"kind": "datetime"}, "cannot be written with its dtype 'int64'"),
        ("age", {"kind": ["integer"]}, "must be one of"),
        ("age", {"categories": ["a"]}, "which only the kinds"),
        ("age", {"missing_rate": 1.5}, "missing_rate 1.5, but must be a finite number from 0 to 1"),
        ("age", {"missing_rate": True}, "missing_rate True"),
        ("age", {"atoms": [float("inf")]}, "atoms inf"),
        ("age", {"atoms": "18"}, "atoms '18'"),
        ("age", {"decimal": 2}, "unknown field 'decimal'; did you mean 'decimals'"),
        ("rate", {"decimals": -3}, "decimals -3, but must be a whole number from 0"),
        ("rate", {"decimals": "2"}, "decimals '2'"),
        ("rate", {"decimals": 2.0}, "decimals 2.0"),
        ("price", {"format": "%"}, "format '%', but must have one of numbers"),
        ("price", {"format": "{:.1000000000f}"}, "but must have one of numbers"),
        ("price", {"format": "{0.__class__}"}, "but must have one of numbers"),
        ("paid", {"format": "%"}, "format '%', but must have one of dates"),
        ("paid", {"format": "%1000000000d"}, "but must have one of dates"),
        ("paid", {"format": "no date"}, "would come back as"),
        ("paid", {"minimum": 1e15}, "of the years 1 to 9999"),
        ("device", {"categories": ["ios", "ios"]}, "lists the category 'ios' more than once"),
        ("device", {"categories": ["ios", None]}, "categories None"),
        ("device", {"categories": [["ios"]]}, "categories ['ios']"),
        ("device", {"categories": []}, "lists no categories"),
        ("device", {"categories": ["ios", "web"], "other": "rest"}, "other 'rest', which is none of its categories"),
        ("device", {"dtype": "int64"}, "cannot be written with its dtype 'int64'"),
        ("device", {"kind": "boolean"}, "at most 2 can be"),
        ("device", {"name": 7}, "has name 7, but must be text"),
        ("device", {"name": "age"}, "'age' stands in it more than once"),
        ("device", {"notes": "many"}, "notes 'many'"),
        ("code", {"pattern": ""}, "pattern"),
        ("code", {"pattern": 9}, "pattern 9"),
        ("code", {"dtype": "int64"}, "cannot be written"),
    ],
)
def test_a_field_that_cannot_be_is_refused_with_its_column_and_value(data, column, changes, told):
    with pytest.raises(SchemaError) as caught:
        Schema.from_dict(edited(data, column, **changes), origin="my.json")
    message = str(caught.value)
    assert message.startswith("my.json cannot be used: ")
    assert told in message
    assert "\n" not in message
    assert column in message or "name" in changes


@pytest.mark.parametrize(
    ("whole", "told"),
    [
        ([], "it is no schema"),
        (7, "it is no schema"),
        ({}, "a list 'columns'"),
        ({"columns": []}, "at least one column"),
        ({"columns": ["age"]}, "column 1 is 'age', but must be an object"),
        ({"columns": {"age": "integer"}}, "columns {'age': 'integer'}"),
        ({"columns": [{"kind": "integer", "dtype": "int64"}]}, "column 1 lacks the field 'name'"),
        ({"columns": [{"name": "a", "kind": "text", "dtype": "object"}], "version": "1"}, "version '1'"),
        ({"columns": [{"name": "a", "kind": "text", "dtype": "object"}], "version": 99}, "newer tabllm"),
        ({"columns": [{"name": "a", "kind": "text", "dtype": "object"}], "rows": -1}, "rows -1"),
        ({"columns": [{"name": "a", "kind": "text", "dtype": "object"}], "row": 1}, "did you mean 'rows'"),
    ],
)
def test_what_is_no_schema_at_all_is_told_so(whole, told):
    with pytest.raises(SchemaError, match=told.replace("(", r"\(").replace("{", r"\{")):
        Schema.from_dict(whole)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"rows": ' + "9" * 5000 + "}", "more than 4,300 digits"),
        ('{"columns": "\\ud800"}', "half a character"),
        ('{"rows": NaN}', "NaN"),
        ("{", "not JSON"),
        ("", "not JSON"),
    ],
)
def test_a_file_that_no_schema_can_come_from_is_told_in_a_sentence(tmp_path, text, told):
    (tmp_path / "schema.json").write_text(text)
    with pytest.raises(SchemaError, match=told):
        Schema.from_json(tmp_path / "schema.json")


def test_every_field_of_a_column_is_checked():
    assert set(_FIELDS) == {field.name for field in fields(Column)}


def test_a_schema_comes_back_from_its_file_as_it_was(table, tmp_path):
    infer_schema(table).to_json(tmp_path / "schema.json")
    assert Schema.from_json(tmp_path / "schema.json") == infer_schema(table)


class TestASchemaBesideItsTable:
    def fits(self, table, data, column, **changes):
        return check_schema_fits(table, Schema.from_dict(edited(data, column, **changes)))

    def test_the_inferred_one_changes_nothing(self, table, data):
        assert check_schema_fits(table, Schema.from_dict(data)) == []

    def test_wider_bounds_and_more_categories_change_nothing(self, table, data):
        assert self.fits(table, data, "age", minimum=0.0, maximum=120.0, atoms=[]) == []
        assert self.fits(table, data, "device", categories=["android", "ios", "tv", "web"]) == []

    def test_narrower_bounds_clip_and_are_told_with_their_share(self, table, data):
        (note,) = self.fits(table, data, "age", maximum=70.0)
        share = 100 * (table["age"] > 70).mean()
        assert note.startswith(f"{share:.3g} % of column 'age' lies outside its bounds")
        assert "clipped" in note

    @pytest.mark.parametrize(
        ("column", "changes", "told"),
        [
            ("device", {"kind": "continuous", "categories": []}, "does not read as continuous"),
            ("paid", {"format": "%m/%d/%Y"}, "does not read as datetime of the format '%m/%d/%Y'"),
            ("paid", {"format": "%Y-%m-%d"}, "100 % of column 'paid'"),
            ("age", {"minimum": 200.0, "maximum": 300.0}, "lies outside its bounds"),
            ("rate", {"decimals": 0}, "rounding leaves nothing of it"),
            ("device", {"categories": ["ios", "web"]}, "holds 'android' in"),
        ],
    )
    def test_a_column_that_would_be_ruined_is_refused_with_an_example_and_its_share(
        self, table, data, column, changes, told
    ):
        with pytest.raises(SchemaError) as caught:
            self.fits(table, data, column, **changes)
        assert told in str(caught.value)
        assert "%" in str(caught.value)
        assert repr(column) in str(caught.value)

    def test_fewer_decimals_and_a_folded_category_are_told(self, table, data):
        (note,) = self.fits(table, data, "rate", decimals=2)
        assert "2 decimals: rounded" in note
        (note,) = self.fits(table, data, "device", categories=["ios", "web"], other="web")
        assert "taken for 'web'" in note
        assert "android" in note

    def test_another_order_and_a_column_left_out_are_told(self, table, data):
        turned = Schema.from_dict({**data, "columns": data["columns"][::-1]})
        assert "another order" in check_schema_fits(table, turned)[0]
        fewer = Schema.from_dict({**data, "columns": data["columns"][1:]})
        assert check_schema_fits(table, fewer) == ["The schema does not list 'age': left out."]
