"""Rules between columns on the command line: shown, added, taken away, and kept in the run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabular.rules import Rule
from tabular.schema import Schema


@pytest.fixture
def orders(tmp_path, monkeypatch) -> Path:
    """``orders.csv`` in the working directory: 40 orders, the 7th of which ends before it starts."""
    monkeypatch.chdir(tmp_path)
    price, quantity = [1.5 + i % 7 for i in range(40)], [1 + i % 5 for i in range(40)]
    table = pd.DataFrame({"price": price, "quantity": quantity})
    table["total"] = table["price"] * table["quantity"]
    table["start"] = pd.date_range("2024-01-01", periods=40).strftime("%Y-%m-%d")
    table["end"] = pd.date_range("2024-01-03", periods=40).strftime("%Y-%m-%d")
    table.loc[6, "end"] = "2024-01-02"
    table.to_csv("orders.csv", index=False)
    return Path("orders.csv")


@pytest.fixture
def found(monkeypatch):
    """The rules that a search finds."""
    rules = (Rule("total = price * quantity"), Rule("price <= total"))
    monkeypatch.setattr("tabular.rules.discovery.find_rules", lambda arrays, schema, **options: rules)
    return [rule.text for rule in rules]


def rules_of(file) -> list[str]:
    return [rule.text for rule in Schema.from_json(file).rules]


def test_a_program_gets_a_line_for_each_rule(orders, found, run_tabllm):
    done = run_tabllm("rules", orders, "--no-rule", "price<=total", "--rule", "quantity <= total")
    assert done.code == 0, done.err
    assert done.out == (
        "total = price * quantity\t40\ttotal 1.5, price 1.5, quantity 1\nquantity <= total\t40\tquantity 1, total 1.5\n"
    )


def test_a_person_gets_a_table(orders, found, run_tabllm, monkeypatch):
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    done = run_tabllm("rules", orders, "--force-rule", "start <= end")
    assert "3 rules between columns" in done.out
    assert "a wish" in done.out
    assert "total 1.5, price 1.5, quantity 1" in done.out


def test_rules_are_written_for_a_program_and_into_a_schema(orders, found, run_tabllm):
    done = run_tabllm("-q", "rules", orders, "--json", "rules.json", "-o", "schema.json", "--drop", "end")
    assert (done.code, done.err) == (0, "")
    told = json.loads(Path("rules.json").read_text())
    assert told["rows"] == 40
    assert [(rule["text"], rule["rows"], rule["broken"]) for rule in told["rules"]] == [(text, 40, 0) for text in found]
    assert rules_of("schema.json") == found
    assert "Nothing was found" in run_tabllm("rules", orders, "--no-rules").err


def test_a_rule_that_a_row_breaks_is_refused_by_every_command(orders, toy, run_tabllm):
    for command in (["rules"], ["schema"], ["fit", "-m", "toy"], ["make", "-m", "toy"]):
        done = run_tabllm(*command, orders, "--no-rules", "--rule", "start <= end")
        assert done.code == 2
        assert "row 7 of the table (start = 2024-01-07, end = 2024-01-02)" in done.message
        assert "--force-rule 'start <= end'" in done.message


def test_the_rules_of_a_fit_stand_in_its_run(orders, toy, found, run_tabllm, monkeypatch):
    own = ("--rule", "price <= total", "--force-rule", "start <= end")
    done = run_tabllm("fit", orders, "-m", "toy", "--no-rules", *own)
    assert done.code == 0, done.err
    assert "2 rules between columns are kept: price <= total, start <= end" in done.err
    assert rules_of("orders-run/schema.json") == ["price <= total", "start <= end"]
    assert "- price <= total\n- start <= end a wish\n" in run_tabllm("info", "orders-run").out
    monkeypatch.setattr("tabular.rules.choosing.FOUND_BY_DEFAULT", True)
    assert run_tabllm("fit", orders, "-m", "toy", "-f").code == 0
    assert rules_of("orders-run/schema.json") == found
    assert run_tabllm("fit", orders, "-m", "toy", "-f", "--no-rule", found[0]).code == 0
    assert rules_of("orders-run/schema.json") == found[1:]
    assert run_tabllm("fit", orders, "-m", "toy", "-f", "--no-rules").code == 0
    assert rules_of("orders-run/schema.json") == []


def test_a_schema_file_has_the_say(orders, toy, found, run_tabllm, monkeypatch):
    monkeypatch.setattr("tabular.rules.choosing.FOUND_BY_DEFAULT", True)
    assert run_tabllm("schema", orders, "-o", "s.json", "--no-rules", "--rule", "quantity <= total").code == 0
    done = run_tabllm("fit", orders, "-m", "toy", "--schema", "s.json", "--rule", "price <= total")
    assert done.code == 0, done.err
    assert rules_of("orders-run/schema.json") == ["quantity <= total", "price <= total"]


def test_a_table_that_is_made_keeps_the_users_rules(orders, toy, run_tabllm, monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 3)
    done = run_tabllm("make", orders, "-m", "toy", "--holdout", 12, "--no-rules", "--rule", "total = price * quantity")
    assert done.code == 0, done.err
    assert rules_of("orders-made/run/schema.json") == ["total = price * quantity"]
    report = json.loads(Path("orders-made/report.json").read_text())
    assert [rule["text"] for rule in report["rules"]] == ["total = price * quantity"]


def test_a_report_checks_the_rules_of_the_run_or_those_that_are_found(orders, toy, found, run_tabllm, monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 3)
    table = pd.read_csv(orders)
    table.assign(total=table["total"] + 1).to_csv("broken.csv", index=False)

    def rules(*arguments) -> list[tuple[str, int]]:
        assert run_tabllm("eval", *arguments, "broken.csv", "--target", "quantity", "--json", "report.json").code == 0
        told = json.loads(Path("report.json").read_text())["rules"]
        return [(rule["text"], rule["synthetic"]["broken"]) for rule in told]

    assert rules(orders) == [(found[0], 40), (found[1], 0)]
    assert rules(orders, "--no-rules") == []
    assert run_tabllm("fit", orders, "-m", "toy", "--no-rules", "--rule", "price <= total").code == 0
    assert rules("orders-run") == [("price <= total", 0)]
    assert rules("orders-run", "--no-rules") == []


@pytest.fixture
def hours(tmp_path, monkeypatch) -> Path:
    """``hours.csv``: 300 rows of a first and a last hour, and whether anybody came, which is rare."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    first = rng.integers(0, 12, 300)
    table = pd.DataFrame({"first": first, "last": first + rng.integers(0, 12, 300), "came": rng.random(300) < 0.3})
    table["length"] = table["last"] - table["first"]
    table.to_csv("hours.csv", index=False)
    return Path("hours.csv")


def test_rows_of_a_rare_class_keep_the_rules(hours, run_tabllm):
    rules = ("--no-rules", "--rule", "first <= last", "--rule", "length = last - first", "--force-rule", "length <= 5")
    done = run_tabllm("augment", hours, "--target", "came", "-n", "50", "-m", "tvae", "--epochs", "1", *rules)
    assert done.code == 0, done.err
    said = " ".join(done.err.split())
    assert "3 rules between columns are kept: first <= last, length = last - first, length <= 5" in said
    made = pd.read_csv("hours-augmented.csv").iloc[300:]
    assert len(made) == 50
    assert (made["first"] <= made["last"]).all()
    assert (made["length"] == made["last"] - made["first"]).all()
    assert (made["length"] <= 5).all()


@pytest.mark.parametrize(
    ("command", "fits"),
    [
        (["tune"], "tabllm.tuning.study._Work"),
        (["compare"], "tabllm.comparing.study.run_study"),
        (["ctr", "--click", "came", "--test-share", "50%"], "tabllm.ads.making.make_past"),
        (["augment", "--target", "came", "--study"], "tabllm.augmenting.study._Work"),
    ],
)
def test_what_compares_and_searches_fits_with_the_rules(command, fits, hours, run_tabllm, monkeypatch):
    seen = []

    def fit(*given, **named):
        seen.extend(each.rules for each in (*given, *named.values()) if isinstance(each, Schema))
        raise KeyboardInterrupt

    monkeypatch.setattr(fits, fit)
    run_tabllm(command[0], hours, *command[1:], "-m", "tvae", "--no-rules", "--rule", "first <= last")
    assert seen == [(Rule("first <= last"),)]
