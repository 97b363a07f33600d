"""Rules found in the rows: planted ones are, and none in columns that have nothing to do with each other."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabular import Schema, infer_schema, to_arrays
from tabular.errors import ConditionError, RuleError
from tabular.rules import Rule, find_rules
from tabular.rules.discovery import calendar
from tabular.rules.discovery.dependencies import agreeing
from tabular.rules.reducing.held import held_rules
from tabular.rules.reducing.reduction import reduction_of
from tabular.where.conditions import parse_where

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[2]))
    from rule_tables import TABLES, planted_table, shuffled

ROWS = 600


def found(table: pd.DataFrame) -> list[Rule]:
    schema = infer_schema(table)
    return list(find_rules(to_arrays(table, schema), schema))


def texts(table: pd.DataFrame) -> list[str]:
    return [rule.text for rule in found(table)]


def drawn(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_planted_rules_are_found_and_every_row_keeps_them() -> None:
    missed, count = [], 0
    for name in TABLES:
        table, planted = planted_table(name, 1_000)
        schema = infer_schema(table)
        rules = find_rules(to_arrays(table, schema), schema)
        said = {rule.text for rule in rules}
        count += len(planted)
        missed += [(name, wanted) for wanted in planted if said.isdisjoint(wanted)]
        assert all(rule.check(table, schema).all() for rule in rules)
        assert Schema.from_dict(replace(schema, rules=rules).to_dict()).rules == rules
    assert count >= 50
    assert len(missed) <= 0.05 * count, missed


@pytest.mark.parametrize("name", list(TABLES))
def test_nothing_is_found_in_shuffled_columns(name: str) -> None:
    for seed in range(2):
        table, _ = planted_table(name, ROWS, seed=seed)
        assert texts(shuffled(table, seed)) == []


def test_a_chain_is_told_by_its_neighbours() -> None:
    rng = drawn()
    first = rng.integers(0, 500, ROWS)
    second = first + rng.integers(0, 300, ROWS)
    table = pd.DataFrame({"c": second + rng.integers(0, 900, ROWS), "a": first, "b": second})
    assert set(texts(table)) == {"0 <= b - a <= 300", "0 <= c - b <= 900"}


def test_quantities_of_two_units_that_go_together_are_not_ordered() -> None:
    rng = drawn()
    miles, views = rng.gamma(2, 400, ROWS).round() + 80, rng.integers(1, 900, ROWS)
    minutes = (18 + 0.126 * miles + rng.normal(0, 8, ROWS)).round()
    table = pd.DataFrame({"minutes": minutes, "miles": miles, "clicks": rng.binomial(views, 0.2), "views": views})
    assert (minutes < miles).all()
    assert texts(table) == ["clicks <= views"]


def test_a_thin_tail_has_no_bound() -> None:
    rng = drawn()
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**7, ROWS), unit="s")
    table = pd.DataFrame({"start": start, "end": start + pd.to_timedelta(rng.gamma(1, 3e5, ROWS).round(), unit="s")})
    assert texts(table) == ["start <= end"]


def test_one_broken_row_is_enough() -> None:
    table, _ = planted_table("orders", ROWS, missing=0)
    table.loc[17, "total"] += 0.02
    table.loc[18, "end"] = table["start"][18] - pd.Timedelta(seconds=5)
    assert not {"total = price * quantity", "start <= end"} & set(texts(table))


def test_a_relation_is_told_once() -> None:
    rng = drawn()
    a, b = rng.integers(1, 900, ROWS), rng.integers(1, 900, ROWS)
    table = pd.DataFrame({"a": a, "b": b, "c": a + b, "again": a, "thousand": 1000 * a})
    assert set(texts(table)) == {"c = a + b", "again = a", "thousand = 1000 * a"}


def test_a_rounded_share_is_computed_from_its_parts() -> None:
    rng = drawn()
    whole = rng.integers(20, 400, ROWS)
    part = rng.binomial(whole, rng.random(ROWS))
    table = pd.DataFrame({"part": part, "whole": whole, "share": (part / whole).round(3)})
    assert set(texts(table)) == {"share = part / whole", "part <= whole"}


def test_a_column_may_be_called_as_a_function_is() -> None:
    stamp = pd.Timestamp("2021-01-01") + pd.to_timedelta(drawn().integers(0, 10**8, ROWS), unit="s")
    table = pd.DataFrame({"stamp": stamp, "year": stamp.year, "month": stamp.month, "date": stamp.normalize()})
    assert {"year = year(stamp)", "month = month(stamp)", "date = date(stamp)"} <= set(texts(table))


def test_a_discount_and_an_age_are_found() -> None:
    rng = drawn()
    price, quantity, off = rng.gamma(2, 20, ROWS).round(2), rng.integers(1, 9, ROWS), rng.choice([0, 5, 10, 25], ROWS)
    born = pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.integers(0, 20_000, ROWS), unit="D")
    table = pd.DataFrame({"price": price, "quantity": quantity, "off": off, "born": born, "age": 2024 - born.year})
    table["total"] = (price * quantity * (1 - off / 100)).round(2)
    table["each"] = (price * (1 - off / 100)).round(2)
    assert {
        "total = price * quantity * (1 - off / 100)",
        "each = price * (1 - off / 100)",
        "age = 2024 - year(born)",
    } <= set(texts(table))


def test_factors_are_plain() -> None:
    rng = drawn()
    low, high, tall = rng.integers(50, 90, ROWS), rng.integers(100, 160, ROWS), rng.normal(1.7, 0.1, ROWS).round(2)
    table = pd.DataFrame({"low": low, "high": high, "sand": rng.uniform(5, 60, ROWS).round(1), "tall": tall})
    table["middle"] = ((high + 2 * low) / 3).round(1)
    table["clay"] = rng.uniform(5, 30, ROWS).round(1)
    table["silt"] = (100 - table["sand"] - table["clay"]).round(1)
    table["bulk"] = (high / tall**2).round(1)
    said = set(texts(table))
    assert {"silt = 100 - sand - clay", "bulk = high / (tall * tall)"} <= said
    assert "middle = 2 / 3 * low + high / 3" in said


def test_what_rounds_to_a_few_numbers_is_not_computed() -> None:
    a = drawn().uniform(0, 60, ROWS).round(2)
    table = pd.DataFrame({"a": a, "adult": (a >= 18).astype(int), "band": (a // 20).astype(int)})
    assert not [text for text in texts(table) if " = " in text]


def test_a_dependency_lists_what_occurs() -> None:
    rng = drawn()
    city = rng.choice(["Bonn", "Lyon", "Rome"], ROWS)
    table = pd.DataFrame({"city": city, "zone": pd.Series(city).map({"Bonn": 1.5, "Lyon": 2.5, "Rome": None})})
    table.loc[3, "city"] = None
    table.loc[4, "zone"] = None
    (rule,) = [rule for rule in found(table) if rule.text == "city -> zone"]
    assert rule.values == (("Bonn", 1.5), ("Lyon", 2.5), ("Rome", None))


def test_columns_that_decide_each_other_are_told_through_the_first() -> None:
    rng = drawn()
    key = rng.integers(0, 12, ROWS)
    group = rng.integers(0, 3, 12)
    table = pd.DataFrame(
        {
            "code": np.char.add("c", key.astype(str)),
            "name": np.char.add("n", key.astype(str)),
            "sign": np.char.add("s", key.astype(str)),
            "group": np.char.add("g", group[key].astype(str)),
        }
    )
    assert set(texts(table)) == {"code -> name", "name -> code", "code -> sign", "sign -> code", "code -> group"}


def test_two_columns_decide_where_none_does_alone() -> None:
    rng = drawn()
    a, b, c = (rng.integers(0, 5, ROWS) for _ in range(3))
    far = drawn(1).permutation(25).reshape(5, 5) % 13 * 70
    table = pd.DataFrame(
        {
            "from": np.char.add("f", a.astype(str)),
            "to": np.char.add("t", b.astype(str)),
            "seat": np.char.add("s", c.astype(str)),
            "far": far[a, b],
        }
    )
    assert texts(table) == ["from, to -> far"]


def test_an_age_on_the_day_of_the_export_is_found() -> None:
    rng = drawn()
    born = pd.Series(pd.Timestamp("1940-01-01") + pd.to_timedelta(rng.integers(0, 24_000, ROWS), unit="D"))
    before = (born.dt.month * 100 + born.dt.day) > 617
    table = pd.DataFrame({"born": born, "age": 2024 - born.dt.year - before, "other": rng.permutation(born)})
    schema = infer_schema(table)
    (rule,) = find_rules(to_arrays(table, schema), schema)
    assert re.fullmatch(r"age = years\(2024-06-(1[67]|18), born\)", rule.text)
    assert [column.name for column in reduction_of(replace(schema, rules=(rule,))).schema] == ["born", "other"]
    with pytest.raises(RuleError, match="no day of the calendar"):
        Rule("age = years(2024-06-31, born)").check(table, schema)


def calendar_table(rows: int = ROWS) -> pd.DataFrame:
    """What tables have beside a timestamp: words, numbers and dates that follow from it."""
    rng = drawn()
    at = pd.Series(pd.Timestamp("2022-01-03 08:00") + pd.to_timedelta(rng.integers(0, 900 * 1440, rows), unit="min"))
    months = ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."]
    return pd.DataFrame(
        {
            "when": at,
            "mois": [months[month - 1] for month in at.dt.month],
            "wday": at.dt.day_name().str[:3],
            "weekend": (at.dt.day_of_week >= 5).astype(int),
            "quarter": "Q" + at.dt.quarter.astype(str),
            "week": at.dt.isocalendar().week.astype(int),
            "ym": at.dt.strftime("%Y-%m"),
            "hh": at.dt.hour,
            "shift": np.where(at.dt.hour < 6, "night", np.where(at.dt.hour < 14, "early", "late")),
            "amount": rng.gamma(2, 20, rows).round(2),
        }
    )


def test_words_numbers_and_dates_that_a_timestamp_decides_are_not_learned() -> None:
    table = calendar_table()
    schema = infer_schema(table)
    rules = find_rules(to_arrays(table, schema), schema)
    said = {rule.text: rule.values for rule in rules}
    assert said.keys() >= {"week = week(when)", "ym = month_start(when)", "hh = hour(when)", "weekday(when) -> wday"}
    assert said["month(when) -> mois"][:2] == ((1, "janv."), (2, "févr."))
    kept = replace(schema, rules=held_rules(schema, rules))
    assert [column.name for column in reduction_of(kept).schema] == ["when", "amount"]
    arrays = to_arrays(table, kept)
    again = reduction_of(kept).join({name: arrays[name] for name in ("when", "amount")})
    assert all(np.array_equal(again[name], values) for name, values in arrays.items())
    assert Schema.from_dict(kept.to_dict()).rules == kept.rules


def test_a_condition_on_a_word_of_the_calendar_is_one_on_days() -> None:
    table = calendar_table()
    schema = infer_schema(table)
    schema = replace(schema, rules=held_rules(schema, find_rules(to_arrays(table, schema), schema)))

    def days(where: str) -> list[tuple[str, str]]:
        spans = reduction_of(schema).allowed(parse_where(where, schema))["when"].intervals or ()
        return [tuple(str(pd.Timestamp(end, unit="s")) for end in span) for span in spans]

    assert days("ym=2023-02") == [("2023-02-01 00:00:00", "2023-02-28 23:59:00")]
    assert [first[:10] for first, _ in days("mois=mars")] == ["2022-03-01", "2023-03-01", "2024-03-01"]
    assert "when" not in reduction_of(schema).allowed(parse_where("hh=7", schema))
    with pytest.raises(ConditionError, match="contradict"):
        reduction_of(schema).allowed(parse_where("mois=mars and ym=2023-02", schema))


def test_a_rare_combination_does_not_close_the_list() -> None:
    rng = drawn()
    device = rng.choice(["phone", "desk"], ROWS)
    system = np.where(device == "phone", rng.choice(["iOS", "Android"], ROWS), rng.choice(["Linux", "macOS"], ROWS))
    table = pd.DataFrame({"device": device, "system": system})
    assert texts(table) == ["system -> device"]
    table.loc[table.index[device == "phone"][:30], "system"] = "Linux"
    assert texts(table) == ["combinations of device, system"]
    table.loc[5, ["device", "system"]] = ["desk", "iOS"]  # one row of its own: another one may come
    assert texts(table) == []


def test_gaps_go_together() -> None:
    rng = drawn()
    state = rng.choice(["open", "shut", "lost"], ROWS)
    value = pd.Series(rng.normal(0, 1, ROWS).round(3))
    table = pd.DataFrame(
        {"state": state, "a": value.where(state != "open"), "b": (2 * value + 1).where(state == "shut")}
    )
    table["c"] = pd.Series(rng.normal(0, 1, ROWS).round(3)).where(table["b"].notna())
    said = set(texts(table))
    assert {"a is missing exactly if state = 'open'", "c is missing exactly if b is missing"} <= said
    assert "if state = 'lost' then b is missing" in said
    assert "if a is missing then b is missing" not in said  # a is missing exactly if the state is open
    assert "if state = 'open' then b is missing" in said


def test_a_zero_that_an_ordering_implies_is_no_rule_of_its_own() -> None:
    rng = drawn()
    seen = rng.poisson(1, ROWS) * rng.integers(1, 400, ROWS)
    table = pd.DataFrame({"seen": seen, "clicked": rng.binomial(seen, rng.random(ROWS))})
    assert texts(table) == ["clicked <= seen"]


def test_empty_and_tiny_tables_have_no_rules() -> None:
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [2.0, 3.0, 4.0]})
    assert texts(table) == []
    schema = infer_schema(table)
    assert find_rules({}, schema) == ()


def test_a_schema_is_read_without_numpy() -> None:
    code = "import sys, tabular.schema; assert 'numpy' not in sys.modules and 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_columns_are_screened_together_as_each_would_be_alone():
    rng = np.random.default_rng(0)
    key = np.where(rng.random(300) < 0.1, -1, rng.integers(0, 7, 300))
    followed = np.where(key >= 0, key % 3, rng.integers(0, 3, 300))
    columns = [followed, np.where(rng.random(300) < 0.3, -1, followed), rng.integers(0, 2, 300), followed.copy()]
    columns[3][np.flatnonzero(key == 2)[-1]] = 0  # one row breaks it
    found = calendar._agreeing(key, np.stack(columns))
    assert found.tolist() == [True, True, False, False] == [agreeing(key, column) for column in columns]
    # Of a date that is hardly ever known no row may be among the first ones: that tells nothing against any column.
    assert calendar._agreeing(np.full(300, -1), np.stack(columns)).all()


def test_the_words_of_a_date_that_is_seldom_known_are_found():
    rng = np.random.default_rng(0)
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 700, 20_000), unit="D")
    known = np.arange(20_000) % 400 == 7
    table = pd.DataFrame(
        {"sent": day.where(known), "named": np.where(known, day.day_name(), rng.choice(list("abc"), 20_000))}
    )
    table["rest"] = rng.normal(size=20_000)
    schema = infer_schema(table, overrides={"sent": "datetime", "named": "categorical"})
    found = find_rules(to_arrays(table, schema), schema, seed=1)  # none of the first rows has a date
    assert "weekday(sent) -> named" in [rule.text for rule in found]
