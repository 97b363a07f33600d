"""Columns that never fall from row to row: found, shown, and kept by every file that is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tabular import Schema, infer_schema, to_arrays
from tabular.errors import RuleError
from tabular.progress import Reporter
from tabular.rules import Rule, find_rules, with_rules
from tabular.rules.completing import settle
from tabular.rules.reducing.file_order import in_file_order, order_of, without_order
from tabular.rules.reducing.held import check_held, held_rules
from tabular.rules.reducing.reduction import reduction_of

ROWS = 300
ORDER = ("increasing(id)", "increasing(time)", "increasing(bytes)", "decreasing(left)", "increasing(day)")


def log(missing: float = 0.0) -> pd.DataFrame:
    """A log: its rows stand in the order of their timestamps, and what follows from these does."""
    rng = np.random.default_rng(0)
    time = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 30 * 86400, ROWS)), unit="s"))
    table = pd.DataFrame(
        {
            "id": np.arange(ROWS) + 1001,
            "time": time,
            "day": time.dt.strftime("%Y-%m-%d"),
            "done": time + pd.to_timedelta(rng.integers(1, 9000, ROWS), unit="s"),
            "bytes": np.cumsum(rng.integers(0, 900, ROWS)),
            "left": 9000 - np.cumsum(rng.random(ROWS)).round(2),
            "status": rng.choice(["ok", "late", "lost"], ROWS),
            "size": rng.normal(size=ROWS).round(2),
        }
    )
    return table.mask((rng.random(table.shape) < missing) & (table.columns != "id"))


@pytest.fixture(scope="module", params=[0.0, 0.1])
def learned(request: pytest.FixtureRequest) -> tuple[pd.DataFrame, Schema]:
    table = log(request.param)
    return table, with_rules(table)


def broken(rows: pd.DataFrame, schema: Schema) -> dict[str, int]:
    counts = {rule.text: int((~rule.check(rows, schema)).sum()) for rule in schema.rules}
    return {text: count for text, count in counts.items() if count}


def test_a_log_is_in_order_and_a_shuffled_one_is_not(learned: tuple[pd.DataFrame, Schema]) -> None:
    table, schema = learned
    assert {rule.text for rule in schema.rules} >= set(ORDER)
    assert not broken(table, schema)
    assert Schema.from_dict(schema.to_dict()).rules == schema.rules
    dealt = table.sample(frac=1, random_state=0).reset_index(drop=True)
    assert "creasing" not in " ".join(rule.text for rule in find_rules(to_arrays(dealt, schema), schema))
    assert broken(dealt, schema).keys() == set(ORDER)


def test_files_in_parts_are_in_order_and_go_on_where_they_were_left(learned: tuple[pd.DataFrame, Schema]) -> None:
    table, schema = learned
    dealt = table.sample(frac=1, random_state=1).reset_index(drop=True).assign(id=table["id"])

    def made(done: int) -> Iterator[pd.DataFrame]:
        assert done == 0
        yield from (dealt[start : start + 70] for start in range(0, ROWS, 70))

    whole = pd.concat(in_file_order(schema, 70, 0, made), ignore_index=True)
    assert not broken(whole, schema)
    pd.testing.assert_series_equal(whole["id"], table["id"])
    assert sorted(whole["size"].dropna()) == sorted(table["size"].dropna())
    rest = list(in_file_order(schema, 70, 140, made))
    pd.testing.assert_frame_equal(pd.concat(rest, ignore_index=True), whole[140:].reset_index(drop=True))
    plain = replace(schema, rules=())
    assert next(iter(in_file_order(plain, 70, 0, made))).equals(dealt[:70])


def test_a_file_whose_rows_stand_otherwise_has_no_such_rules(learned: tuple[pd.DataFrame, Schema]) -> None:
    _, schema = learned
    assert {rule.text for rule in schema.rules} - {rule.text for rule in without_order(schema).rules} == set(ORDER)
    assert without_order(without_order(schema)) == without_order(schema)
    order = order_of(schema)
    assert order is not None
    assert order.columns >= {"time", "bytes", "left"}
    assert order_of(without_order(schema)) is None


def test_holes_are_filled_between_their_neighbours(learned: tuple[pd.DataFrame, Schema]) -> None:
    table, schema = learned
    given, rng, reduced = to_arrays(table, schema), np.random.default_rng(1), reduction_of(schema)
    holes = {name: table[name].isna().to_numpy() for name in schema.names}
    holes = {
        name: hole | (rng.random(ROWS) < 0.3) if name in ("time", "left", "day") else hole
        for name, hole in holes.items()
    }
    parts = dict(reduced.split(to_arrays(log(), schema)).items())

    def again(which: np.ndarray) -> dict[str, np.ndarray]:
        return reduced.join({name: values[rng.integers(0, ROWS, len(which))] for name, values in parts.items()})

    found = settle(again(np.arange(ROWS)), given, holes, schema, again, Reporter())
    assert all(rule.kept(found, schema).all() for rule in schema.rules)
    assert all(np.array_equal(found[name][~hole], given[name][~hole]) for name, hole in holes.items())


def test_rows_that_stand_in_another_order_are_told_of(recwarn: pytest.WarningsRecorder) -> None:
    schema = with_rules(log())
    given = to_arrays(log()[::-1].reset_index(drop=True), schema)
    holes = {name: np.arange(ROWS) % 9 == (name == "time") for name in schema.names}
    settle(
        given, given, holes, schema, lambda which: {name: values[which] for name, values in given.items()}, Reporter()
    )
    assert any("'increasing(time)'" in str(each.message) for each in recwarn)


def test_of_two_columns_that_other_rules_are_about_the_first_sorts_the_rows() -> None:
    table = log()
    table["done"] = table["done"].cummax()
    schema = infer_schema(table)
    both = (Rule("time <= done"), Rule("increasing(time)"), Rule("increasing(done)"))
    assert held_rules(schema, both) == both[:2]
    with pytest.raises(RuleError, match=r"'increasing\(done\)' cannot be kept"):
        check_held(replace(schema, rules=both))
    order = order_of(replace(schema, rules=both[1:]))
    assert order is not None
    assert (order.by, order.alone) == ("time", (("done", False),))
    with pytest.raises(RuleError, match="in no order"):
        Rule("increasing(status)").check(table, schema)
