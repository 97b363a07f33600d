"""Rows of a log, by user and in time order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabular.encoding.arrays import to_arrays
from tabular.errors import TableError, UsageError
from tabular.progress import Reporter
from tabular.relations.log import infer_log_schema, read_log, unused_name


def log_of(table: pd.DataFrame):
    schema = infer_log_schema(table, "user", "at")
    return read_log(to_arrays(table, schema), schema, "user", "at")


def test_rows_come_by_user_and_in_time_order_and_a_tie_keeps_its_order():
    table = pd.DataFrame({"user": ["b", "a", "b", "a", "b"], "at": [5, 2, 1, 9, 5], "value": [1, 2, 3, 4, 5]})
    log = log_of(table)
    assert log.user.tolist() == [0, 0, 0, 1, 1]
    assert log.times.tolist() == [1, 5, 5, 2, 9]
    assert log.arrays["value"].tolist() == log.arrays["value"].astype(int).tolist()
    assert log.position.tolist() == [0, 1, 2, 0, 1]
    assert log.last.tolist() == [2, 4]
    np.testing.assert_array_equal(log.before(log.times, 1), [np.nan, 1, 5, np.nan, 2])


def test_columns_that_never_change_within_a_user_are_the_users_own_missing_ones_too():
    table = pd.DataFrame(
        {
            "user": ["a", "a", "b", "b", "c"] * 4,
            "at": range(20),
            "country": ["de", "de", "fr", "fr", None] * 4,
            "age": [30.0, 30.0, None, None, 41.0] * 4,
            "page": list("xyxzz") * 4,
        }
    )
    table.loc[19, "page"] = "y"
    log = log_of(table)
    assert log.user_columns == ("country", "age")
    assert log.event_columns == ("page",)


def test_a_table_without_sequences_is_refused_with_the_way_out():
    with pytest.raises(TableError, match="fit without --by"):
        log_of(pd.DataFrame({"user": list("abc"), "at": [1, 2, 3]}))
    with pytest.raises(TableError, match="one user"):
        log_of(pd.DataFrame({"user": list("aaa"), "at": [1, 2, 3]}))
    with pytest.raises(TableError, match="cannot be put in order"):
        log_of(pd.DataFrame({"user": list("aab"), "at": ["soon", "late", "never"]}))
    with pytest.raises(UsageError, match="no such column"):
        infer_log_schema(pd.DataFrame({"user": [1], "when": [1]}), "user", "at")


def test_few_distinct_numbers_of_steps_are_still_an_order():
    table = pd.DataFrame({"user": np.repeat(np.arange(50), 3), "at": np.tile([1, 2, 3], 50)})
    assert infer_log_schema(table, "user", "at")["at"].kind == "integer"


def test_rows_without_a_user_or_a_time_are_left_out_and_told_of():
    told = []

    class Told(Reporter):
        def note(self, message: str) -> None:
            told.append(message)

    table = pd.DataFrame({"user": ["a", "a", None, "b"], "at": [1.0, None, 2.0, 3.0], "x": [1, 2, 3, 4]})
    table = pd.concat([table, pd.DataFrame({"user": ["b"], "at": [4.0], "x": [5]})], ignore_index=True)
    schema = infer_log_schema(table, "user", "at")
    log = read_log(to_arrays(table, schema), schema, "user", "at", progress=Told())
    assert len(log.user) == 3
    assert told == ["2 rows have no user or no at; they are left out."]


def test_a_name_that_a_column_has_is_not_taken_twice():
    taken = {"events"}
    assert unused_name("events", taken) == "events'"
    assert unused_name("events", taken) == "events''"
