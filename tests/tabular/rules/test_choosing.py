"""Which rules a table has: those that were found and the user's own, checked, without those that were taken away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tabular import infer_schema
from tabular.dp.marginals import public_part
from tabular.encoding.arrays import to_arrays
from tabular.errors import RuleError
from tabular.preparing.schema_fit import schema_and_arrays
from tabular.progress import Reporter
from tabular.rules import ALL, Rule, RuleChoice, chosen_rules, with_rules
from tabular.rules.choosing import ruled
from tabular.rules.listing import with_values, without_rare
from tabular.rules.support import judged, seen_rules, shown_cells
from tabular.rules.telling import rules_line

TABLE = pd.DataFrame(
    {
        "start": pd.to_datetime(["2024-01-01", "2024-01-05", "2024-01-02", "2024-02-01"]),
        "end": pd.to_datetime(["2024-01-02", "2024-01-04", None, "2024-02-10"]),
        "price": [1.5, 2.25, 3.15, 4.0],
        "quantity": [2, 3, 4, 5],
        "total": [3.0, 6.75, 12.6, 20.0],
        "city": ["a", "b", "a", "a"],
        "country": ["x", "y", None, "z"],
        "web": [1, 0, 0, 1],
    }
)
SCHEMA = infer_schema(TABLE, overrides={"city": "categorical", "country": "categorical", "web": "boolean"})
ARRAYS = to_arrays(TABLE, SCHEMA)
FOUND = (Rule("total = price * quantity"), Rule("quantity > price"))


@pytest.fixture(autouse=True)
def finder(monkeypatch):
    monkeypatch.setattr("tabular.rules.discovery.find_rules", lambda arrays, schema, **options: FOUND)


def chosen(schema=SCHEMA, arrays=ARRAYS, find=True, **choice):
    choice = {name: tuple(texts) for name, texts in choice.items()}
    return chosen_rules(arrays, schema, RuleChoice(**choice), find=find)


def texts(rules):
    return [rule.text for rule in rules]


def test_the_users_rules_join_those_that_were_found():
    assert chosen() == FOUND
    rules = chosen(add=["price <= total", "total == price*quantity"])
    assert texts(rules) == ["total = price * quantity", "quantity > price", "price <= total"]
    assert chosen(find=False) == ()


def test_a_rule_is_taken_away_by_its_text_however_it_is_spaced():
    assert texts(chosen(drop=['"quantity">price'])) == ["total = price * quantity"]
    assert chosen(drop=[ALL]) == ()
    assert texts(chosen(drop=[ALL], add=["price < total"])) == ["price < total"]
    with pytest.raises(RuleError, match="did you mean 'quantity > price'"):
        chosen(drop=["quantity > prices"])
    with pytest.raises(RuleError, match="named by its text; did you mean 'total = price"):
        chosen(drop=["1"])
    with pytest.raises(RuleError, match="the table has none"):
        chosen(find=False, drop=["price < total"])


def test_a_rule_that_rows_break_is_refused_with_the_first_of_them():
    with pytest.raises(
        RuleError, match=r"broken by 1 of 4 rows, first by row 2 .*start = 2024-01-05, end = 2024-01-04"
    ):
        chosen(add=["start <= end"])
    with pytest.raises(RuleError, match="row 12 of the table"):
        chosen_rules(ARRAYS, SCHEMA, RuleChoice(("start <= end",)), find=False, row_numbers=lambda: np.arange(10, 14))
    with pytest.raises(RuleError, match="--force-rule 'city -> country'"):
        chosen(add=["city -> country"])
    (wish,) = chosen(find=False, forced=["start <= end"])
    assert wish == Rule("start <= end", forced=True)


def test_the_rules_of_a_schema_are_checked_and_may_be_made_wishes():
    listed = replace(SCHEMA, rules=(Rule("start <= end"), FOUND[0]))
    with pytest.raises(RuleError, match="row 2"):
        chosen(listed, find=False)
    assert chosen(listed, find=False, drop=["start<=end"]) == (FOUND[0],)
    wished = chosen(listed, find=False, forced=["start <= end"])
    assert wished == (FOUND[0], Rule("start <= end", forced=True))


def test_combinations_are_listed_from_the_rows():
    (pairs,) = chosen(find=False, add=["combinations of city, quantity"])
    assert pairs.values == (("a", 2), ("a", 4), ("a", 5), ("b", 3))
    (country,) = chosen(find=False, forced=["city -> country"])
    assert country.values == (("a", "x"), ("b", "y"))  # of x and z, which are as frequent, the first
    (day,) = chosen(find=False, add=["quantity -> end"])
    assert day.values == ((2, 1704153600.0), (3, 1704326400.0), (4, None), (5, 1707523200.0))
    (price,) = chosen(find=False, add=["quantity -> price"])
    assert price.values == ((2, 1.5), (3, 2.25), (4, 3.15), (5, 4.0))
    assert price.kept(ARRAYS, SCHEMA).all()


def test_rare_values_are_not_listed_in_a_run():
    table = pd.DataFrame({"zip": [10, 10, 10, 20, 20, 20, 30], "hue": list("aaabbbc"), "size": list("ssslllm")})
    schema = infer_schema(table, overrides={"zip": "integer", "hue": "categorical", "size": "categorical"})
    arrays = to_arrays(table, schema)
    decides, pairs = (with_values(Rule(text), arrays, schema) for text in ("zip -> hue", "combinations of hue, size"))
    assert len(decides.values) == len(pairs.values) == 3
    assert without_rare(pairs, arrays, schema, 2).values == (("a", "s"), ("b", "l"))
    assert without_rare(decides, arrays, schema, 2) is None  # a zip without its hue could not be made
    assert without_rare(decides, arrays, schema, 1) == decides
    told = []
    schema = replace(schema, rules=(decides, pairs))
    reporter = Reporter()
    reporter.note = told.append
    fitted, _ = schema_and_arrays(table, schema, rare_below=2, progress=reporter)
    assert [(rule.text, len(rule.values)) for rule in fitted.rules] == [("combinations of hue, size", 2)]
    assert "Not kept: zip -> hue; a run would have to list values that fewer than 2 rows have." in told


def test_texts_that_are_made_anew_are_not_listed():
    schema = SCHEMA.replace_column("city", kind="identifier", categories=())
    arrays = {**ARRAYS, "city": TABLE["city"].to_numpy(dtype=object)}
    assert with_values(Rule("city -> web"), arrays, schema).values == ()
    with pytest.raises(RuleError, match="of the kind identifier"):
        with_values(Rule("combinations of city, web"), arrays, schema)
    with pytest.raises(RuleError, match="lists nothing"):
        with_values(Rule("combinations of city, country"), {**ARRAYS, "country": np.full(4, -1)}, SCHEMA)


def test_without_rows_nothing_is_searched_or_checked():
    assert chosen(arrays=None, add=["start <= end"]) == (Rule("start <= end"),)
    with pytest.raises(RuleError, match="'values' into the schema file"):
        chosen(arrays=None, add=["city -> country"])
    with pytest.raises(RuleError, match="holds no numbers"):
        chosen(arrays=None, add=["city < 3"])


def test_a_private_fit_reads_no_row_for_a_rule_and_keeps_those_that_are_public():
    choice = RuleChoice(add=("start <= end",))
    schema = ruled(TABLE.head(0), SCHEMA, choice, find=True, private=True)
    assert schema.rules == (Rule("start <= end"),)
    assert public_part(schema, ARRAYS, 4).rules == schema.rules
    assert ruled(TABLE, SCHEMA, RuleChoice(), find=False) is SCHEMA


def test_a_line_names_the_first_rules_and_where_to_see_them():
    assert rules_line(FOUND[:1], "a b.csv").startswith("1 rule between columns is kept: total = price * quantity; 'tab")
    assert "4 rules between columns are kept: a < b, a < b, a < b, ...; " in rules_line([Rule("a < b")] * 4, "t.csv")


def test_a_schema_gets_the_rules_of_a_table():
    schema = with_rules(TABLE, SCHEMA, add=["price <= total"])
    assert texts(schema.rules) == [*texts(FOUND), "price <= total"]
    assert schema.columns == SCHEMA.columns
    assert repr(schema).startswith("Schema(8 columns, 4 rows, 3 rules: start, end, ")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("start <= end", "1101"),
        ("total = price * quantity", "1111"),
        ("if web = 1 then end is not missing", "1001"),
        ("country is missing exactly if end is missing", "0010"),
        ("city -> country", "1101"),
        ("at most one of web, quantity", "1111"),
    ],
)
def test_a_rule_is_about_the_rows_that_it_says_something_of(text, rows):
    assert "".join("01"[int(row)] for row in judged(Rule(text), ARRAYS, SCHEMA)[0]) == rows


def test_a_rule_is_shown_with_a_row_that_keeps_it():
    assert shown_cells(FOUND[0], ARRAYS, SCHEMA, 1) == "total 6.75, price 2.25, quantity 3"
    assert shown_cells(Rule("city -> country"), ARRAYS, SCHEMA, 2, sign=" = ") == "city = a, country = missing"
    (seen,) = seen_rules(ARRAYS, replace(SCHEMA, rules=(Rule("start <= end", forced=True),)))
    assert (seen.rows, seen.broken, seen.example) == (3, 1, "start 2024-01-01, end 2024-01-02")
