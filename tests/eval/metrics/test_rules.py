"""Rules between columns in a report: who breaks them, how often, and what is said of it."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from eval.comparison import compare
from eval.facts.report import Report, RuleCount, RuleFacts
from eval.judging.findings import advice
from eval.judging.side_by_side import fidelity_table
from eval.judging.verdicts import Verdict, verdicts, worst_rule
from eval.metrics.rules import measure_rules
from eval.page.html import page
from eval.page.sections.rules import rules_section
from eval.screen.report import render
from tabular import infer_schema
from tabular.rules import Rule


def orders(rows: int, seed: int) -> pd.DataFrame:
    """Orders whose total is price times quantity, and whose city decides the country."""
    rng = np.random.default_rng(seed)
    city = rng.choice(["Bern", "Rome", "Oslo"], rows)
    price, quantity = rng.integers(100, 2000, rows) / 100, rng.integers(1, 9, rows)
    country = pd.Series(city).map({"Bern": "CH", "Rome": "IT", "Oslo": "NO"})
    return pd.DataFrame(
        {"city": city, "country": country, "price": price, "quantity": quantity, "total": np.round(price * quantity, 2)}
    )


CITIES = Rule("city -> country", (("Bern", "CH"), ("Rome", "IT"), ("Oslo", "NO")))
TOTAL = Rule("total = price * quantity")


@pytest.fixture(scope="module")
def schema():
    return replace(infer_schema(orders(100, 0)), rules=(TOTAL, CITIES))


def test_rows_that_break_a_rule_are_counted_in_each_table(schema):
    made, held = orders(100, 1), orders(50, 2)
    made.loc[:4, "total"] += 1
    made.loc[5:6, "total"] = np.nan
    held.loc[7, "country"] = "FR"  # a value that the schema does not know
    total, cities = measure_rules(schema, orders(100, 0), made, held)
    assert (total.real.broken, total.holdout.broken, total.synthetic.broken) == (0, 0, 5)
    assert (total.synthetic.rows, total.synthetic.percent) == (98, pytest.approx(100 * 5 / 98))
    row = made.iloc[0]
    assert total.synthetic.example == f"total {row.total:.2f}, price {row.price:.2f}, quantity {row.quantity}"
    assert (cities.holdout.broken, cities.synthetic.broken, cities.synthetic.example) == (1, 0, None)
    assert [total.is_kept, cities.is_kept] == [False, True]


def test_a_rule_that_real_rows_break_as_often_is_kept_and_a_wish_is_not():
    facts = RuleFacts("a <= b", RuleCount(100, 1, 1.0), RuleCount(100, 2, 2.0))
    assert facts.is_kept
    assert not replace(facts, forced=True).is_kept
    assert not replace(facts, synthetic=RuleCount(100, 3, 3.0)).is_kept


def test_columns_made_anew_may_only_agree(schema):
    made = orders(60, 1).replace({"city": {"Bern": "x@y"}, "country": {"CH": "made up"}})
    (cities,) = measure_rules(replace(schema, rules=(CITIES,)), orders(60, 0), made, None, anew=("city",))
    assert cities.synthetic.broken == 0
    pairs = Rule("combinations of city, country", CITIES.values)
    assert measure_rules(replace(schema, rules=(pairs,)), orders(60, 0), made, None, anew=("city",)) == ()


@pytest.fixture(scope="module")
def report(schema):
    made = orders(40, 1)
    return compare(orders(40, 0), made.assign(total=made["total"] + 1), schema=schema, target="quantity")


def rules_verdict(report: Report) -> Verdict | None:
    return next((verdict for verdict in verdicts(report) if verdict.subject == "Rules"), None)


def test_a_report_has_a_verdict_and_a_section_where_there_are_rules(report):
    broken = rules_verdict(report)
    assert (broken.level, broken.figure) == ("poor", "1 of 2 kept")
    assert broken.reference == "worst: 100.0 % break it"
    assert worst_rule(report.rules).text == TOTAL.text
    assert "--rule 'total = price * quantity'" in advice(report, broken)
    assert "total = price * quantity" in rules_section(report, "rules", 2)

    kept = replace(report, rules=report.rules[1:])
    assert rules_verdict(kept) == Verdict("Rules", "good", "1 of 1 kept", "in all rows", "kept")
    line = next(line for line in fidelity_table({"a": kept, "b": report}).lines if "rules" in line.label)
    assert (line.values, line.best) == ((0, 1), "a")

    none = replace(report, rules=())
    assert rules_verdict(none) is None
    assert rules_section(none, "rules", 2) is None


def test_a_report_of_an_older_version_has_no_rules(report):
    assert Report.from_dict(report.to_dict()) == report
    older = {name: value for name, value in report.to_dict().items() if name != "rules"}
    assert Report.from_dict(older).rules == ()


@pytest.mark.parametrize("width", [40, 80])
def test_the_terminal_lists_the_rules(report, width):
    stream = io.StringIO()
    render(report, Console(file=stream, width=width))
    text = stream.getvalue()
    assert "Rules between columns" in text
    assert max(map(len, text.splitlines())) <= width


def test_the_page_leads_to_the_rules_and_writes_them_as_text(report):
    odd = replace(report.rules[0], text="a <= '<b>'")
    text = page(replace(report, rules=(odd,)))
    assert 'href="#rules"' in text
    assert 'id="rules"' in text
    assert "a &lt;= &#x27;&lt;b&gt;&#x27;" in text
    assert "<b>" not in text
