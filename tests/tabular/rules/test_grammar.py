"""Rules as people write them: which are understood, which rows keep them, and what is said of the others."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tabular import Column, Schema, infer_schema
from tabular.errors import RuleError, SchemaError
from tabular.rules import Rule, rule_from_data

TABLE = pd.DataFrame(
    {
        "start": pd.to_datetime(["2024-01-01 10:00", "2024-01-05 00:00", None, "2024-02-01 00:00"]),
        "end": pd.to_datetime(["2024-01-02", "2024-01-04", "2024-01-04", "2024-02-10"]),
        "born": pd.to_datetime(["2000-01-02", "1990-01-04", "2003-07-01", "1990-12-31"]),
        "age": [24, 34, 20, 33],
        "price": [1.5, 2.25, 3.15, 4.0],
        "quantity": [2, 3, 4, 5],
        "total": [3.0, 6.75, 12.6, 21.0],
        "city": ["a", "b", "a", "b"],
        "country": ["x", "y", None, "z"],
        "education-num": [1, 2, 1, 3],
        "web": [1, 0, 0, 1],
        "app": [0, 1, 0, 1],
    }
)
SCHEMA = infer_schema(
    TABLE, overrides=dict.fromkeys(("city", "country"), "categorical") | {"web": "boolean", "app": "boolean"}
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("start <= end", "1011"),
        ("end >= start", "1011"),
        ("0 <= end - start <= 72 h", "1010"),
        ("0 <= end - start <= 3 days", "1010"),
        ("total = price * quantity", "1110"),
        ("total == (quantity * price)", "1110"),
        ("price = total / quantity", "1110"),
        ("education-num <= quantity", "1111"),
        ("`education-num` < quantity - 1", "0011"),
        ("year(start) = 2024", "1111"),
        ("date(start) = start", "0111"),
        ("month(end) = 1 and day(end) > 2", "0110"),
        ("age = years(end, born)", "1111"),
        ("age + year(born) >= 2023", "1111"),
        ("abs(quantity - 3) <= 1", "1110"),
        ("city = 'a'", "1010"),
        ("city != a", "0101"),
        ("start >= '2024-01-03'", "0111"),
        ("start >= 2024-01-05", "0111"),
        ("if city = 'a' then start is missing", "0111"),
        ("if city = 'b' and quantity > 4 then total > 20", "1111"),
        ("country is missing exactly if start is missing", "1111"),
        ("city = 'a' exactly if quantity = 2", "1101"),
        ("start is not missing", "1101"),
        ("quarter(end) = month(end)", "1110"),
        ("week(end) = 1", "1110"),
        ("yearday(end) = day(end) + 31", "0001"),
        ("month_start(end) = 2024-01-01", "1110"),
        ("week_start(start) = 2024-01-01", "1110"),
        ("date(start) >= 2024-01-02", "0111"),
        ("hour_start(start) = start", "1111"),
        ("quarter_start(born) = year_start(born)", "1100"),
        ("years(2024-01-03, born) = age", "1011"),
        ("city -> country", "1110"),
        ("month(end) -> city", "1011"),
        ("(city, web) -> quantity", "1111"),
        ("at most one of web, app", "1110"),
        ("exactly one of web, app", "1100"),
    ],
)
def test_rows_keep_a_rule(text: str, kept: str) -> None:
    found = Rule(text).check(TABLE, SCHEMA)
    assert "".join("01"[bool(row)] for row in found) == kept


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("start <=", "cannot be understood"),
        ("72 h > 3", "names no column of the table, which has 'start', 'end'"),
        ("strat <= end", "'strat', which is neither a date nor a column of the table; did you mean 'start'"),
        ('"strat" <= end', "no column of the table; did you mean 'start'"),
        ("total = prise * 3", "did you mean 'price'"),
        ("if city = 'a'", "without its 'then'"),
        ("city < 3", "holds no numbers"),
        ("city = 'Q'", "never holds; it has 'a', 'b'"),
        ("total = city * 2", "holds no numbers"),
        ("total = (price * quantity", "not closed"),
        ("years(end) = 3", "takes 2 argument"),
        ("at most one of web", "2 or more columns"),
        ("at most one of city, web", "not of yes and no"),
        ("city -> city", "both sides"),
        ("", "cannot be understood"),
        ("__import__('os') = 1", "cannot be understood"),
        ("(" * 60 + "price" + ")" * 60 + " > 0", "nested"),
    ],
)
def test_what_is_no_rule_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(RuleError, match=said.replace("(", r"\(")) as refused:
        Rule(text).check(TABLE, SCHEMA)
    assert refused.value.exit_code == 2


def test_listed_values_say_which_combinations_there_are() -> None:
    decides = Rule("city -> country", (("a", "x"), ("b", "z")))
    assert decides.check(TABLE, SCHEMA).tolist() == [True, False, True, True]
    numbers = Rule("combinations of city, quantity", (("a", 2), ("b", 5), ("a", 4.0)))
    assert numbers.check(TABLE, SCHEMA).tolist() == [True, False, True, True]


def test_a_schema_keeps_its_rules() -> None:
    rules = (Rule("start <= end"), Rule("city -> country", (("a", "x"),)), Rule("age > 30", forced=True))
    schema = Schema(SCHEMA.columns, 4, rules=rules)
    assert Schema.from_dict(schema.to_dict()) == schema
    assert schema.to_dict()["rules"][0] == "start <= end"
    assert "rules" not in SCHEMA.to_dict()


def test_a_column_goes_with_its_rules() -> None:
    schema = Schema(SCHEMA.columns, 4, rules=(Rule("start <= end"), Rule("price <= total")))
    left = schema.drop_columns(["end", "age"])
    assert left.names == [name for name in SCHEMA.names if name not in ("end", "age")]
    assert left.rules == (Rule("price <= total"),)


@pytest.mark.parametrize(
    "data",
    [
        "start <= nothing",
        "city < 3",
        3,
        {"rule": "city -> country", "values": [["a"]]},
        {"rule": "city -> country", "values": "a"},
        {"rule": "start <= end", "colour": 1},
        {"rule": "combinations of city, country"},
    ],
)
def test_a_schema_with_what_is_no_rule_is_refused(data: Any) -> None:
    with pytest.raises(SchemaError, match="rule"):
        Schema.from_dict({**SCHEMA.to_dict(), "rules": [data]})


def test_the_longer_of_two_columns_is_read() -> None:
    names = ["a", "a b", "b", "c-a"]
    assert rule_from_data("a b <= c-a", names).columns(names) == ("a b", "c-a")
    assert rule_from_data('"a b" <= b', names).columns(names) == ("a b", "b")


def test_an_integer_is_equal_to_what_is_computed_once_rounded() -> None:
    whole = Schema(tuple(Column(name, "integer", "int64", minimum=0, maximum=99) for name in ("a", "b")))
    table = pd.DataFrame({"a": [1, 2, 3], "b": [3, 5, 10]})
    assert Rule("a = b / 3").check(table, whole).tolist() == [True, True, True]
    assert Rule("a = b").check(table, whole).tolist() == [False, False, False]
