"""Combinations that a rule lists, looked up."""

import numpy as np
import pandas as pd
import pytest

from tabular.rules.language.listed import MISSING, UNLISTED, ListedRows, listed_rows
from tabular.rules.rule import Rule
from tabular.schema import Column, Schema

CITY = Column("city", "categorical", "object", categories=("Basel", "Bern", "Zug"))
SIZE = Column("size", "continuous", "float64")


def listed(*values):
    return ListedRows.of(values, (CITY, SIZE))


def test_codes_are_alike_where_cells_are():
    rows = listed(("Bern", 2.5), ("Zug", -1.0), (None, 2.5), ("Rome", None))
    codes = rows.codes_of({"city": np.array([1, -1, 0]), "size": np.array([2.5, np.nan, 7.0])})
    assert rows.codes.tolist() == [[1, 1], [2, 0], [MISSING, 1], [UNLISTED, MISSING]]
    assert codes.tolist() == [[1, 1], [MISSING, MISSING], [0, UNLISTED]]


def test_a_row_is_found_only_where_all_its_cells_are_listed_together():
    rows = listed(("Bern", 2.5), ("Zug", -1.0), (None, 2.5), ("Bern", 2.5))
    arrays = {"city": np.array([2, 1, 1, -1, 0, 2]), "size": np.array([-1.0, 2.5, -1.0, 2.5, 2.5, 9.0])}
    assert rows.find(rows.codes_of(arrays)).tolist() == [1, 0, -1, 2, -1, -1]


def test_a_cell_that_nobody_has_is_not_found_beside_one_that_the_column_does_not_have():
    rows = listed(("Rome", 1.0), ("Bern", 1.0))
    assert rows.find(rows.codes_of({"city": np.array([0, 1]), "size": np.array([1.0, 3.0])})).tolist() == [-1, -1]


@pytest.mark.parametrize("count", [1, 40, 2000])
def test_it_finds_what_a_dict_finds(count):
    rng = np.random.default_rng(count)
    sizes = {"a": 7, "b": 300, "c": 12}
    named = [Column(name, "categorical", "int64", categories=tuple(range(size))) for name, size in sizes.items()]
    columns = (*named, Column("d", "integer", "int64"))
    values = [tuple(int(rng.integers(size)) for size in (7, 300, 12, 5)) for _ in range(count)]
    first = {row: place for place, row in reversed(list(enumerate(values)))}
    asked = [values[i % count] if i % 2 else tuple(int(rng.integers(s)) for s in (7, 300, 12, 6)) for i in range(500)]
    frame = pd.DataFrame(asked, columns=list("abcd"))
    arrays = {name: frame[name].to_numpy(np.float64 if name == "d" else np.int32) for name in "abcd"}
    rows = ListedRows.of(tuple(values), columns)
    assert rows.find(rows.codes_of(arrays)).tolist() == [first.get(row, -1) for row in asked]


def test_the_combinations_of_a_rule_are_made_ready_once_for_a_schema():
    rule, schema = Rule("city -> size", (("Bern", 1.0),)), Schema((CITY, SIZE))
    again = listed_rows(rule, ("city", "size"), Schema((CITY, SIZE)))
    assert listed_rows(rule, ("city", "size"), schema) is again
    assert listed_rows(rule, ("city",), schema) is not again
    other = Schema((Column("city", "categorical", "object", categories=("Bern", "Basel", "Zug")), SIZE))
    assert listed_rows(rule, ("city", "size"), other).codes.tolist() == [[0, 0]]
