"""How many rows of which class are to be added."""

from __future__ import annotations

import pandas as pd
import pytest

from tabllm.augmenting.classes import added, classes_of, equalised, raised
from tabular.errors import UsageError
from tabular.preparing.inference import infer_schema


@pytest.fixture
def table():
    """200 rows: 140 of a, 50 of b, 8 of c, 2 without a class."""
    kind = ["a"] * 140 + ["b"] * 50 + ["c"] * 8 + [None] * 2
    return pd.DataFrame(
        {
            "kind": kind,
            "age": range(200),
            "one": ["x"] * 200,
            "flag": [i % 20 == 0 for i in range(200)],
        }
    )


@pytest.fixture
def schema(table):
    return infer_schema(table, overrides={"age": "integer"})


def test_classes_are_counted_and_the_rarest_is_chosen(table, schema):
    classes = classes_of(table, schema, "kind")
    assert classes.values == ("a", "b", "c")
    assert classes.counts == (140, 50, 8)
    assert classes.label == "c"
    assert (classes.rows, classes.have, classes.named) == (198, 8, "kind = c")
    assert (classes.codes == -1).sum() == 2


@pytest.mark.parametrize(("target", "label", "found"), [("kind", "b", "b"), ("flag", "1", True), ("flag", "no", False)])
def test_a_label_is_found_however_it_is_written(table, schema, target, label, found):
    assert classes_of(table, schema, target, label).label == found


def test_a_share_of_all_rows(table, schema):
    (stratum,) = raised(classes_of(table, schema, "kind"), 0.5)
    assert stratum.values == {"kind": "c"}
    assert stratum.rows == 182  # 190 of 380
    (stratum,) = raised(classes_of(table, schema, "kind", "b"), 0.4)
    assert stratum.rows == 49  # 99 of 247, the least that is at least 40 %


def test_a_number_of_rows(table, schema):
    (stratum,) = added(classes_of(table, schema, "kind"), 7)
    assert (stratum.values, stratum.rows) == ({"kind": "c"}, 7)


def test_every_class_as_frequent_as_the_most_frequent(table, schema):
    strata = equalised(classes_of(table, schema, "kind"))
    assert [(stratum.values["kind"], stratum.rows) for stratum in strata] == [("b", 90), ("c", 132)]


@pytest.mark.parametrize(
    ("target", "label", "words"),
    [
        ("knd", None, "did you mean 'kind'"),
        ("age", None, "--kind age=categorical"),
        ("one", None, "a single class"),
        ("kind", "d", "never holds 'd'"),
        ("flag", "x", "never holds 'x'"),
    ],
)
def test_what_has_no_classes_is_refused(table, schema, target, label, words):
    with pytest.raises(UsageError, match=words):
        classes_of(table, schema, target, label)


def test_a_class_that_occurs_in_no_row_is_refused(table, schema):
    with pytest.raises(UsageError, match="No row has 'kind' = c"):
        classes_of(table[table["kind"] != "c"], schema, "kind", "c")


@pytest.mark.parametrize(("share", "words"), [(0.04, "4.04 % of the rows already"), (1.0, "between 0 and 1"), (0, "0")])
def test_a_share_that_cannot_be_reached_is_refused(table, schema, share, words):
    with pytest.raises(UsageError, match=words):
        raised(classes_of(table, schema, "kind"), share)


def test_equal_classes_are_left_alone(table, schema):
    even = pd.concat([table[table["kind"] == "c"], table[table["kind"] == "b"].head(8)])
    with pytest.raises(UsageError, match="equally frequent already"):
        equalised(classes_of(even, schema, "kind"))
