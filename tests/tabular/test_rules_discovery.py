"""Rules found in the rows: planted ones are, and none in columns that have nothing to do with each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabular import infer_schema, to_arrays
from tabular.rules import Rule, find_rules

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from rule_tables import planted_table, shuffled

ROWS = 600


def found(table: pd.DataFrame) -> list[Rule]:
    schema = infer_schema(table)
    return list(find_rules(to_arrays(table, schema), schema))


def texts(table: pd.DataFrame) -> list[str]:
    return [rule.text for rule in found(table)]


def drawn(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", ["orders", "weather", "shops"])
def test_every_row_keeps_what_is_found(name: str) -> None:
    table, planted = planted_table(name, ROWS)
    schema = infer_schema(table)
    rules = find_rules(to_arrays(table, schema), schema)
    assert {rule.text for rule in rules} >= {texts[0] for texts in planted if " = " in texts[0] or "<=" in texts[0]}
    assert all(rule.check(table, schema).all() for rule in rules)


@pytest.mark.parametrize("name", ["orders", "adverts", "people", "weather", "plans", "shops"])
def test_nothing_is_found_in_shuffled_columns(name: str) -> None:
    table, _ = planted_table(name, ROWS)
    for seed in range(3):
        assert texts(shuffled(table, seed)) == []


def test_a_chain_is_told_by_its_neighbours() -> None:
    rng = drawn()
    first = rng.integers(0, 500, ROWS)
    second = first + rng.integers(0, 300, ROWS)
    table = pd.DataFrame({"c": second + rng.integers(0, 900, ROWS), "a": first, "b": second})
    assert set(texts(table)) == {"0 <= b - a <= 300", "0 <= c - b <= 900"}


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


def test_what_rounds_to_a_few_numbers_is_not_computed() -> None:
    a = drawn().uniform(0, 60, ROWS).round(2)
    assert texts(pd.DataFrame({"a": a, "adult": (a >= 18).astype(int), "band": (a // 20).astype(int)})) == []


def test_empty_and_tiny_tables_have_no_rules() -> None:
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [2.0, 3.0, 4.0]})
    assert texts(table) == []
    schema = infer_schema(table)
    assert find_rules({}, schema) == ()


def test_a_schema_is_read_without_numpy() -> None:
    code = "import sys, tabular.schema; assert 'numpy' not in sys.modules and 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
