"""Linked tables compared: keys that lead nowhere, numbers of children, and what goes with what."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from eval.links import LinksReport, compare_links
from eval.links.page import links_page
from eval.links.terminal import render_links
from tabular.errors import UsageError
from tabular.links.graph import TableGraph
from tabular.links.keys import Key
from tabular.terminal import terminal

KEY = Key("users", "id", "events", "user")
PLACE = Key("places", "name", "events", "place")


def tables(seed: int, *, users: int = 200, alike: bool = True) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    age = rng.integers(20, 80, users)
    counts = rng.poisson(2 + 4 * (age > 50))
    user = np.repeat(np.arange(users), counts)
    habit = rng.normal(size=users)[user] if alike else rng.normal(size=len(user))
    events = pd.DataFrame({"user": user, "spent": habit + 0.2 * rng.normal(size=len(user))})
    events["place"] = rng.choice(["a", "b"], len(user))
    return {
        "users": pd.DataFrame({"id": np.arange(users), "age": age}),
        "events": events,
        "places": pd.DataFrame({"name": ["a", "b", "c"]}),
    }


@pytest.fixture(scope="module")
def graph() -> TableGraph:
    return TableGraph.of({name: list(table) for name, table in tables(0).items()}, [KEY, PLACE], ["places"])


@pytest.fixture(scope="module", autouse=True)
def one_draw() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eval.links.comparison.DRAWS", 1)
        patch.setattr("eval.links.comparison.DETECTION_DRAWS", 1)
        yield


@pytest.fixture(scope="module")
def good(graph: TableGraph) -> LinksReport:
    return compare_links(tables(0), tables(1), graph)


def test_other_real_tables_are_near_the_noise_floor(good: LinksReport) -> None:
    users, places = good.keys
    assert good.all_valid
    assert users.questions is not None
    assert users.detection is not None
    assert users.questions.keys() == {"cardinality", "parent and child", "siblings"}
    for found in users.questions.values():
        assert found.value is not None
        assert found.floor is not None
        assert found.value < 3 * found.floor + 0.02
    assert users.detection > 0.7
    assert places.kept
    assert places.questions is None


def test_what_is_wrong_is_seen(good: LinksReport, graph: TableGraph) -> None:
    bad = tables(1, alike=False)
    bad["events"]["user"] = np.random.default_rng(0).permutation(bad["events"]["user"])
    bad["events"].loc[:4, "user"] = 10_000
    found = compare_links(tables(0), bad, graph)
    assert not found.all_valid
    assert found.keys[0].valid_percent == pytest.approx(100 * (1 - 5 / len(bad["events"])))
    assert found.keys[0].questions is not None
    assert good.keys[0].questions is not None
    ours, theirs = (report.questions["siblings"].value for report in (good.keys[0], found.keys[0]))
    assert ours is not None
    assert theirs is not None
    assert theirs > 0.3 > 0.1 > ours  # the mean of two columns, one of them by chance alone
    assert found.keys[0].detection is not None
    assert found.keys[0].detection < 0.5
    twice = tables(1)
    twice["users"].loc[1, "id"] = 0
    assert not compare_links(tables(0), twice, graph).keys[0].unique


def test_the_report_is_plain_data_and_is_drawn(good: LinksReport, capsys: pytest.CaptureFixture[str]) -> None:
    assert LinksReport.from_dict(json.loads(json.dumps(good.to_dict()))) == good
    render_links(good, terminal(), details=True)
    shown = capsys.readouterr().out
    assert "users.id=events.user" in shown
    assert "likeness of siblings" in shown


def test_the_page_draws_every_compared_key_and_escapes_names(good: LinksReport) -> None:
    text = links_page({"nano": good, "<b>other": good}, facts={"real tables": "shop"})
    assert "<b>" not in text
    found = re.findall(r'id="([^"]+)"', text)
    assert len(found) == len(set(found))
    assert {re.sub("^#", "", each) for each in re.findall(r'href="(#[^"]+)"', text)} <= set(found)
    drawn = good.keys[0].pictures
    assert drawn is not None
    assert good.keys[1].pictures is None  # nothing is compared with a lookup table
    assert sum(drawn.children.real_percent) == pytest.approx(100)
    assert {matrix.name for matrix in drawn.pairs} == {"age, spent", "age, place"}
    for matrix in drawn.pairs:
        assert np.sum(matrix.synthetic_percent, axis=1) == pytest.approx(100)
    alone = links_page(good)
    bars = drawn.siblings is not None
    assert alone.count('role="img"') == 1 + 3 * len(drawn.pairs) + bars + len(drawn.families) + len(drawn.categories)
    assert "2 of 2 keys" in alone
    with pytest.raises(UsageError, match="no report"):
        links_page({})


def test_tables_that_lack_something_are_refused(graph: TableGraph) -> None:
    lacking = tables(1)
    lacking["users"] = lacking["users"].drop(columns="age")
    with pytest.raises(UsageError, match="'users' has no column 'age'"):
        compare_links(tables(0), lacking, graph)
    del lacking["places"]
    with pytest.raises(UsageError, match="no synthetic table"):
        compare_links(tables(0), {"events": lacking["events"]}, graph)
