"""What a parent says ahead of its children: of what kind they are, and where they begin and end."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabllm.links.aggregates import Aggregates, ascending_column
from tabllm.links.context import Family
from tabllm.links.learning import Prepared, prepare, read_own, with_parents
from tabllm.links.model import LinkedTables
from tabllm.links.siblings import Siblings
from tabllm.links.tables import Given, TablePlan
from tabular.encoding.arrays import to_arrays
from tabular.links.graph import TableGraph
from tabular.links.keys import parse_key
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter


def visits(shuffled: bool = False, each: int = 12) -> pd.DataFrame:
    """Visits of 60 users, so many of each, in order of time: of every second user on phones."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(60), each)
    days = user % 7 + rng.exponential(2, len(user)).cumsum() - np.repeat(np.arange(60) * 2.0 * each, each)
    table = pd.DataFrame(
        {
            "user": user,
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta((days * 86_400).astype(int), "s"),
            "device": np.where(rng.random(len(user)) < np.where(user % 2, 0.95, 0.05), "phone", "desk"),
            "price": rng.normal(10, 1, len(user)).round(2),
        }
    )
    if shuffled:
        return table.sample(frac=1, random_state=0, ignore_index=True)
    return table.sort_values("at", ignore_index=True)


def learned(table: pd.DataFrame, time: str = "") -> Aggregates:
    own = table.drop(columns="user")
    schema = infer_schema(own)
    arrays, owner = to_arrays(own, schema), table["user"].to_numpy()
    return Aggregates.of("visits", schema, arrays, owner, 61, ["device", "price"], {"user"}, time=time)


def prepared(table: pd.DataFrame) -> Prepared:
    """What a model of the visits of 61 users is fitted to."""
    tables = {"users": pd.DataFrame({"user": range(61), "age": np.arange(61) % 5 * 10 + 20}), "visits": table}
    columns = {name: list(each.columns) for name, each in tables.items()}
    graph = TableGraph.of(columns, [parse_key("users.user=visits.user", columns)], ())
    place = with_parents(graph, tables, Reporter())
    own = {
        name: read_own(name, tables[name], graph, place, time="", seed=0, rare_below=0, progress=Reporter())
        for name in tables
    }
    users = prepare("users", tables, graph, place, own, {}, times={}, seed=0)
    return prepare("visits", tables, graph, place, own, {"users": users.learned}, times={}, seed=0)


def test_the_column_in_which_siblings_ascend_is_found() -> None:
    def found(table: pd.DataFrame) -> str:
        own = table.drop(columns="user")
        schema = infer_schema(own)
        return ascending_column(schema, to_arrays(own, schema), table["user"].to_numpy())

    ordered, shuffled = visits(), visits(shuffled=True)
    numbers = [table["user"] + table.groupby("user").cumcount() for table in (ordered, shuffled)]
    assert found(ordered.assign(number=numbers[0])) == "at"
    assert found(shuffled.assign(number=numbers[1])) == "number"
    assert found(shuffled) == ""
    assert found(shuffled.assign(number=1)) == ""
    assert learned(shuffled).order == ""
    assert learned(shuffled, time="at").order == "at"


def test_parents_are_told_of_what_kind_their_rows_are_and_over_what_time() -> None:
    table = visits()
    said = learned(table)
    assert [column.name for column in said.columns] == ["kind of visits, 1", said.first, said.span]
    assert (said.order, said.first, said.span) == ("at", "first at of visits", "span of at of visits")
    assert said.in_order
    times = table.groupby("user")["at"]
    first = (times.min() - pd.Timestamp(0)).dt.total_seconds().to_numpy()
    span = (times.max() - times.min()).dt.total_seconds().to_numpy()
    np.testing.assert_array_equal(said.arrays[said.first][:60], first)
    np.testing.assert_array_equal(said.arrays[said.span][:60], span)
    kinds = said.arrays["kind of visits, 1"]
    assert len(np.unique(kinds[:60:2])) == 1  # of users at a desk
    assert set(kinds[:60:2]).isdisjoint(kinds[1:60:2])
    # The last parent has no rows.
    assert kinds[60] == -1
    assert np.isnan(said.arrays[said.first][60])
    assert said.columns[0].missing_rate == pytest.approx(1 / 61)


def test_a_row_is_given_where_it_would_be_at_one_pace() -> None:
    siblings = Siblings.of(np.array([0, 0, 0, 1, 2, -1]))
    ends = np.array([10.0, 5.0, np.nan]), np.array([15.0, 0.0, np.nan])
    found = Family(siblings, {}, {}, {}, ends).arrays([Given("due", "", "at", "due")], np.arange(6))
    np.testing.assert_array_equal(found["due"], [10, 17.5, 25, 5, np.nan, np.nan])


def test_it_is_due_by_the_pace_of_each_stretch() -> None:
    siblings = Siblings.of(np.zeros(9, np.int64))
    # Half of the siblings in the first tenth of the way; of drawn parts of it the second is less than the first.
    ends = tuple(np.array([value]) for value in (100.0, 40.0, 0.1, 0.05, 0.55))
    found = Family(siblings, {}, {}, {}, ends).arrays([Given("due", "", "at", "due")], np.arange(9))
    np.testing.assert_allclose(found["due"], [100, 101, 102, 103, 104, 113, 122, 131, 140])


def test_of_many_rows_each_stretch_of_their_way_is_told() -> None:
    table = visits(each=33)
    said = learned(table)
    assert said.many
    assert not learned(visits()).many
    assert said.ends == (said.first, said.span, *(f"way to at {end} of visits" for end in range(1, 8)))
    of_first = table.loc[table["user"] == 0, "at"].sort_values().astype("int64").to_numpy()
    whole = (of_first - of_first[0]) / (of_first[-1] - of_first[0])
    np.testing.assert_allclose([said.arrays[part][0] for part in said.parts], whole[4:29:4])
    assert all(np.isnan(said.arrays[part][60]) for part in said.parts)


def test_of_many_rows_the_most_frequent_category_is_told_where_they_are_alike() -> None:
    shop = np.random.default_rng(1).integers(8, size=60)
    table = visits(each=33)
    table["weekday"] = pd.Series(np.random.default_rng(2).choice(["mon", "tue", "wed"], len(table)))
    table["shop"] = pd.Series(shop[table["user"]]).map("shop {}".format)
    own = table.drop(columns="user")
    schema = infer_schema(own)
    arrays, owner = to_arrays(own, schema), table["user"].to_numpy()
    given = ["device", "price", "weekday", "shop"]
    said = Aggregates.of("visits", schema, arrays, owner, 61, given, {"user"}, time="")
    names = [column.name for column in said.columns if column.name.startswith("usual")]
    assert names == ["usual shop of visits", "usual device of visits"]  # and not the day, which says nothing of a user
    np.testing.assert_array_equal(said.arrays["usual shop of visits"][owner], arrays["shop"])
    assert said.arrays["usual shop of visits"][60] == -1
    assert not any(column.name.startswith("usual") for column in learned(visits()).columns)
    found = prepared(table)
    assert {"usual shop of visits", "usual device of visits"} < {each.column for each in found.plan.given}


def test_many_rows_are_given_nothing_of_each_other() -> None:
    many, few = prepared(visits(each=33)), prepared(visits())
    assert {each.source for each in many.plan.given} == {"above", "count", "due"}
    assert many.plan.apart
    assert {"typical", "last"} < {each.source for each in few.plan.given}
    assert not few.plan.apart
    owner = np.repeat([0, 1], 50)
    assert len(Siblings.of(owner, apart=True).steps) == 1
    assert len(Siblings.of(owner).steps) > 4


def test_rows_of_a_parent_are_learned_in_order_of_the_column_in_which_they_nearly_ascend() -> None:
    table = visits(each=33)
    # As a file that is sorted by months as text: January, October, November, December, February ...
    late = table["at"] > table["at"].quantile(0.9)
    found = prepared(pd.concat([table[late], table[~late]], ignore_index=True))
    assert found.plan.order == "at"
    assert found.owners is not None
    rows = found.table.assign(owner=found.owners)
    assert rows.groupby("owner")["at"].apply(lambda at: at.is_monotonic_increasing).all()
    due = rows["due at"].astype(float)
    days = (rows["at"] - pd.Timestamp(0)).dt.total_seconds().astype(float)
    assert np.corrcoef(due, days)[0, 1] > 0.99


def test_made_rows_ascend_as_the_real_ones_and_runs_of_former_releases_are_read() -> None:
    table = visits()
    users = pd.DataFrame({"user": range(61), "age": np.arange(61) % 5 * 10 + 20})
    model = LinkedTables(steps=2, width=32, layers=1).fit({"users": users, "visits": table}, ["users.user=visits.user"])
    made = model.sample(30, seed=1)["visits"]
    assert len(made)
    assert made["at"].is_monotonic_increasing
    assert model._run is not None
    plan = model._run.plans["visits"]
    assert [each.source for each in plan.given if each.column == "at"] == ["due"]
    assert TablePlan.from_dict(plan.to_dict()) == plan
    former = {k: v for k, v in plan.to_dict().items() if k not in ("aggregates", "order", "in_order", "ends")}
    assert TablePlan.from_dict(former).ends == ()
