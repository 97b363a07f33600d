"""Keys: reading them, the graph of tables, matching values, proposals, and the file of links."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabular.errors import TableError, UsageError
from tabular.links.graph import TableGraph
from tabular.links.keys import Key, check_parent_column, check_single_columns, parse_key, positions_in_parent
from tabular.links.links_file import Links, read_links, write_links
from tabular.links.proposing import propose_keys

USERS_EVENTS = Key("users", "id", "events", "user_id")
COLUMNS = {"users": ["id", "age"], "events": ["id", "user_id", "page"], "clicks": ["event", "page"], "pages": ["name"]}
CLICKS = Key("events", "id", "clicks", "event")
PAGES = Key("pages", "name", "events", "page")


def test_a_key_is_read_and_written() -> None:
    assert parse_key("users.id=events.user_id", COLUMNS) == USERS_EVENTS
    assert parse_key(USERS_EVENTS.text, COLUMNS) == USERS_EVENTS
    odd = {"a.b": ["c=d"], "e": ["f.g"]}
    assert parse_key("a.b.c=d=e.f.g", odd) == Key("a.b", "c=d", "e", "f.g")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("users.id", "PARENT.COLUMN=CHILD.COLUMN"),
        ("users.name=events.user_id", "'id', 'age'"),
        ("people.id=events.user_id", "the tables are users, events"),
    ],
)
def test_what_is_no_key_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_key(text, COLUMNS)


def test_a_key_of_several_columns_is_refused_and_two_keys_to_one_column_are_not() -> None:
    tables = {
        "weather": pd.DataFrame({"origin": ["a", "a", "b"], "hour": [1, 2, 1]}),
        "flights": pd.DataFrame({"from": ["a", "b"], "to": ["b", "a"], "at": [1, 1]}),
        "airports": pd.DataFrame({"faa": ["a", "b"]}),
    }
    airports = [Key("airports", "faa", "flights", column) for column in ("from", "to")]
    check_single_columns(airports, tables)
    weather = [Key("weather", "origin", "flights", "from"), Key("weather", "hour", "flights", "at")]
    with pytest.raises(UsageError, match=r"weather are named by origin, hour together.*likewise from, at in flights"):
        check_single_columns([*airports, *weather], tables)


def test_values_match_whatever_type_they_have() -> None:
    child = pd.Series([3.0, np.nan, 1.0, 9.0, 1.5])
    assert positions_in_parent(child, pd.Series([1, 2, 3])).tolist() == [2, -1, 0, -2, -2]
    assert positions_in_parent(pd.Series(["3", None, "1"]), pd.Series([1, 2, 3])).tolist() == [2, -1, 0]
    kinds = pd.Series(["b", "a", "b"], dtype="category")
    assert positions_in_parent(kinds, pd.Series(["a", "b"])).tolist() == [1, 0, 1]


def test_a_parent_names_each_row_once() -> None:
    check_parent_column(USERS_EVENTS, pd.Series([1, 2]))
    with pytest.raises(TableError, match=r"'2' in more than one row.*events\.user_id=users\.id"):
        check_parent_column(USERS_EVENTS, pd.Series([1, 2, 2]))
    with pytest.raises(TableError, match="empty in row 2"):
        check_parent_column(USERS_EVENTS, pd.Series(["a", None]))


def test_the_graph_puts_parents_before_children() -> None:
    graph = TableGraph.of(
        {"clicks": COLUMNS["clicks"], **COLUMNS},
        [CLICKS, PAGES, USERS_EVENTS, Key("pages", "name", "clicks", "page")],
        ["pages"],
    )
    assert graph.tables.index("users") < graph.tables.index("events") < graph.tables.index("clicks")
    assert graph.made == ("users", "events", "clicks")
    assert graph.roots == ("users",)
    assert graph.primary("events") == USERS_EVENTS
    assert graph.lookups("events") == (PAGES,)
    assert graph.children("users") == (USERS_EVENTS,)
    unkept = TableGraph.of(COLUMNS, [CLICKS, PAGES, USERS_EVENTS])
    assert unkept.primary("events") == PAGES
    assert unkept.secondary("events") == (USERS_EVENTS,)
    assert unkept.secondary_children("users") == (USERS_EVENTS,)
    assert unkept.named_by("events") == ("id",)


@pytest.mark.parametrize(
    ("keys", "kept", "says"),
    [
        ([USERS_EVENTS, CLICKS], (), "'pages' is joined to no other"),
        ([USERS_EVENTS, CLICKS, PAGES], ("countries",), "--keep names 'countries'"),
        ([USERS_EVENTS, CLICKS, PAGES], ("events",), "events cannot be kept"),
        ([USERS_EVENTS, CLICKS, PAGES, Key("clicks", "event", "users", "age")], (), "circle"),
        ([USERS_EVENTS, CLICKS, PAGES, Key("events", "id", "events", "page")], (), "to itself"),
        ([USERS_EVENTS, CLICKS, PAGES, Key("pages", "name", "events", "user_id")], (), r"Two keys.*events\.user_id"),
        ([USERS_EVENTS, CLICKS, PAGES], tuple(COLUMNS), "nothing to learn"),
        ([PAGES, Key("users", "id", "events", "id"), CLICKS], (), "must give the rows of events"),
    ],
)
def test_tables_that_cannot_be_put_in_order_are_refused(keys: list[Key], kept: tuple[str, ...], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        TableGraph.of(COLUMNS, keys, kept)


def test_keys_are_proposed_by_values_and_names() -> None:
    number = np.arange(200)
    tables = {
        "events": pd.DataFrame({"id": number + 1, "user_id": number % 90 + 1, "spot": [f"P{i % 12}" for i in number]}),
        "users": pd.DataFrame({"id": np.arange(1, 101), "age": np.arange(100) % 50}),
        "profiles": pd.DataFrame({"user_id": np.arange(1, 101), "note": ["x", "y"] * 50}),
        "places": pd.DataFrame({"code": [f"P{i}" for i in range(20)], "size": np.arange(20) / 3}),
    }
    found = {each.key.text: each.share for each in propose_keys(tables)}
    assert found == {
        "users.id=profiles.user_id": 1.0,
        "places.code=events.spot": 1.0,
        "users.id=events.user_id": 1.0,
    }
    missing = pd.concat([tables["events"], pd.DataFrame({"id": range(300, 350), "user_id": 1000, "spot": "P1"})])
    shares = {each.key.text: each.share for each in propose_keys({**tables, "events": missing})}
    assert shares["users.id=events.user_id"] == pytest.approx(0.8)
    assert propose_keys({"a": tables["users"], "b": tables["places"]}) == []


@pytest.mark.parametrize("name", ["links.toml", "links.json"])
def test_links_go_to_a_file_and_back(tmp_path: Path, name: str) -> None:
    if name.endswith(".toml"):
        pytest.importorskip("tomllib")
    links = Links((USERS_EVENTS.text, 'a."b"=c.ä'), ("pages",), {"events": "time"})
    write_links(links, tmp_path / name)
    assert read_links(tmp_path / name) == links
    (tmp_path / name).write_text('{"keys": 3}' if name.endswith(".json") else "keys = 3")
    with pytest.raises(UsageError, match=f"{name} cannot be read as links"):
        read_links(tmp_path / name)
    with pytest.raises(UsageError, match="no file"):
        read_links(tmp_path / "absent.json")
