"""Linked tables learned and sampled: keys, numbers of children, likeness of siblings, runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabllm.links.making import with_distinct
from tabllm.links.model import LinkedTables
from tabllm.links.parents import ParentGroups
from tabllm.links.siblings import Siblings, means, modes
from tabllm.nano.table_lm import TableLM
from tabular.errors import RunError, TableError, UsageError
from tabular.schema import Column, Schema

KEYS = ["users.user_id=orders.user", "orders.id=items.order", "countries.code=users.country", "shops.shop=orders.shop"]


def shop_tables() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(0)
    users = pd.DataFrame(
        {
            "user_id": [f"U{number:04d}" for number in rng.permutation(9000)[:120] + 1000],
            "age": rng.integers(18, 80, 120),
            "country": rng.choice(["de", "fr", "xx"], 120, p=[0.6, 0.35, 0.05]),
        }
    )
    counts = np.where(users["age"] > 50, 4, 1) * rng.integers(0, 3, 120)
    user = np.repeat(np.arange(120), counts)
    shops = pd.DataFrame({"shop": np.arange(20) + 500, "size": rng.choice(["small", "large"], 20)})
    orders = pd.DataFrame(
        {
            "id": np.arange(len(user)) + 1,
            "user": users["user_id"].to_numpy()[user],
            "shop": pd.Series(rng.integers(0, 20, len(user)) + 500, dtype="Int64").where(rng.random(len(user)) > 0.1),
            "price": np.round(rng.gamma(2.0, 20.0, 120)[user] * rng.uniform(0.9, 1.1, len(user)), 2),
        }
    ).sample(frac=1, random_state=0, ignore_index=True)
    order = np.repeat(np.arange(len(orders)), rng.integers(0, 3, len(orders)))
    items = pd.DataFrame({"order": orders["id"].to_numpy()[order], "kind": rng.choice(["a", "b", "c"], len(order))})
    countries = pd.DataFrame({"code": ["de", "fr", "it"], "name": ["Germany", "France", "Italy"]})
    return {"users": users, "orders": orders, "items": items, "countries": countries, "shops": shops}


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return shop_tables()


@pytest.fixture(scope="module")
def model(tables: dict[str, pd.DataFrame]) -> LinkedTables:
    with pytest.warns(UserWarning, match="countries is kept as it is: its 3 real rows"):
        return LinkedTables(steps=2, width=32, layers=1).fit(tables, KEYS, keep=["countries"])


def test_all_keys_lead_somewhere(model: LinkedTables, tables: dict[str, pd.DataFrame]) -> None:
    made = model.sample(60, seed=1)
    assert set(made) == set(tables)
    assert {name: list(table) for name, table in made.items()} == {name: list(tables[name]) for name in made}
    assert len(made["users"]) == 60
    assert len(made["shops"]) == 10
    pd.testing.assert_frame_equal(made["countries"], tables["countries"])
    for text in KEYS:
        parent, child = (side.split(".") for side in text.split("="))
        named = made[parent[0]][parent[1]]
        assert named.is_unique
        assert made[child[0]][child[1]].dropna().isin(named).all()
        assert made[child[0]][child[1]].dtype == tables[child[0]][child[1]].dtype
    # Of the real keys none was kept, and their form was.
    assert not made["users"]["user_id"].isin(tables["users"]["user_id"]).any()
    assert made["users"]["user_id"].str.fullmatch(r"U\d{4}").all()
    assert made["users"]["country"].isna().any()  # xx names no country


def test_the_same_seed_gives_the_same_rows_and_a_run_is_read_back(model: LinkedTables, tmp_path: Path) -> None:
    model.save(tmp_path / "run")
    again = LinkedTables.load(tmp_path / "run")
    first, second, other = model.sample(30, seed=3), again.sample(30, seed=3), again.sample(30, seed=4)
    for name, table in first.items():
        pd.testing.assert_frame_equal(table, second[name])
    assert not first["users"].equals(other["users"])
    assert again.rows == 120
    assert again.main_table == "users"
    assert again.links() == model.links()
    assert "countries" in (tmp_path / "run" / "README.md").read_text()
    (tmp_path / "run" / "links.json").write_text("{}")
    with pytest.raises(RunError, match=r"links\.json"):
        LinkedTables.load(tmp_path / "run")


def test_an_interrupted_fit_goes_on_with_the_table_in_work(
    tables: dict[str, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = {name: tables[name].drop(columns=["shop", "country"], errors="ignore") for name in ("users", "orders")}

    def fit() -> LinkedTables:
        model = LinkedTables(steps=2, width=32, layers=1)
        return model.fit(both, KEYS[:1], checkpoint=tmp_path)

    def interrupt(*args: object, **given: object) -> None:
        raise KeyboardInterrupt

    learned: list[str] = []
    learn = TableLM._learn

    def counted(self: TableLM, *args: Any) -> dict[str, Any]:
        learned.append(self.name)
        return learn(self, *args)

    monkeypatch.setattr(TableLM, "_learn", counted)
    with monkeypatch.context() as patch:
        patch.setattr("tabllm.links.model.EventModel.fit", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fit()
    assert len(learned) == 1
    first = fit().sample(20)
    assert len(learned) == 2  # the users were learned by the call before
    second = fit().sample(20)
    assert len(learned) == 2
    for name in both:
        pd.testing.assert_frame_equal(first[name], second[name])


def test_times_of_a_parent_are_in_order_and_within_the_table(tables: dict[str, pd.DataFrame]) -> None:
    rng = np.random.default_rng(0)
    when = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 200 * 86_400, len(tables["orders"])), "s")
    orders = tables["orders"].drop(columns="shop").assign(when=when).sort_values("user", ignore_index=True)
    model = LinkedTables(steps=2, width=32, layers=1, seed=1)
    made = model.fit({"users": tables["users"], "orders": orders}, KEYS[:1], time={"orders": "when"}).sample(80)
    found = made["orders"]
    assert found["when"].notna().all()
    assert found["when"].between(when.min(), when.max()).all()
    assert (found.groupby("user")["when"].diff().dropna() >= pd.Timedelta(0)).all()
    assert found["when"].dtype == orders["when"].dtype
    with pytest.raises(TableError, match=r"orders\.user2 holds neither instants nor numbers"):
        model.fit(
            {"users": tables["users"], "orders": orders.assign(user2=orders["user"])},
            KEYS[:1],
            time={"orders": "user2"},
        )


def test_rows_are_told_in_blocks_that_grow() -> None:
    siblings = Siblings.counted(np.array([3, 0, 30]), 2)
    assert siblings.owner.tolist() == [0] * 3 + [2] * 30 + [-1] * 2
    assert siblings.position[-3:].tolist() == [29, 0, 0]
    assert (siblings.known <= siblings.position).all()
    assert len(siblings.steps) < 12
    assert sorted(np.concatenate(siblings.steps)) == list(range(35))
    values = np.array([1.0, np.nan, 3.0, 5.0])
    assert means(values, np.array([0, 0, 1]), np.array([3, 0, 4])).tolist()[0] == 2.0
    assert np.isnan(means(values, np.array([1]), np.array([2]))).all()
    codes, group = np.array([1, 2, 2, 0, -1]), np.array([0, 0, 0, 1, 2])
    assert modes(codes, group, np.array([0, 0, 0, 3, 4]), np.array([0, 1, 3, 4, 5])).tolist() == [-1, 1, 2, 0, -1]


def test_rows_go_to_parents_of_their_kind_in_proportion() -> None:
    arrays = {"size": np.array([0, 0, 1, 1], np.int32), "rows": np.array([3.0, 1.0, 0.0, 4.0])}
    schema = Schema(
        (Column("size", "categorical", "object", categories=("s", "l")), Column("rows", "integer", "int64")), 4
    )
    groups = ParentGroups.fit(arrays, schema, "rows", seed=0)
    assert ParentGroups.from_dict(groups.to_dict()).of(arrays).tolist() == groups.of(arrays).tolist()
    wanted = groups.of(arrays)[np.repeat([0, 1, 3], [30, 10, 40])]
    found = groups.assign(np.append(wanted, -1), arrays, np.random.default_rng(0))
    assert found[-1] == -1
    assert np.bincount(found[:-1], minlength=4).tolist() == [30, 10, 0, 40]


def test_keys_that_run_out_go_on() -> None:
    table = pd.DataFrame({"a": ["x", "x", "y"], "b": [5, 5, 9]})
    found = with_distinct(table, ("a", "b"))
    assert found["a"].is_unique
    assert found["b"].tolist() == [5, 10, 9]


def test_what_cannot_be_is_refused(tables: dict[str, pd.DataFrame], model: LinkedTables) -> None:
    with pytest.raises(UsageError, match="whole number, 1 or more"):
        model.sample(0)
    with pytest.raises(UsageError, match=r"users\.age orders rows of one parent"):
        LinkedTables().fit(tables, KEYS, keep=["countries"], time={"users": "age"})
    with pytest.raises(UsageError, match="no model 'nanoo'"):
        LinkedTables(model="nanoo").fit(tables, KEYS)
    with pytest.raises(UsageError, match="fit"):
        LinkedTables().sample(3)
