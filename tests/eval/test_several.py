"""Several tables are checked before any is judged, and set against each other."""

from __future__ import annotations

from contextlib import contextmanager
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from eval import compare
from eval.facts.report import PairwiseDistance
from eval.judging.side_by_side import pairwise_tables
from eval.several import compare_several
from tabular.errors import TableError
from tabular.progress import Reporter, Task


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 5)


def test_each_report_is_the_one_that_compare_makes(people):
    made = {"a": people(200, 1), "b": people(200, 2)}
    found = compare_several(people(200, 0), made, target="clicked", threads=1)
    alone = compare(people(200, 0), made["b"], target="clicked", threads=1)
    assert {**found.reports["b"].to_dict(), "seconds": None} == {**alone.to_dict(), "seconds": None}
    assert [table.title for table in found.tables][-2:] == [
        "From each other: KS or total variation, %",
        "From each other: Jensen-Shannon, %",
    ]
    assert compare_several(people(200, 0), {"a": made["a"]}, target="clicked", threads=1).tables == ()


def test_a_table_of_another_form_is_named_before_any_work(people, monkeypatch):
    monkeypatch.setattr("eval.several.compare", lambda *_, **__: pytest.fail("the work began"))
    with pytest.raises(TableError, match=r"second table.*lacks 'age'"):
        compare_several(people(50, 0), {"first": people(50, 1), "second": people(50, 1).drop(columns="age")})


def test_progress_names_the_table(people):
    class Listener(Reporter):
        heard: ClassVar[list[str]] = []

        @contextmanager
        def task(self, label, total, unit):
            self.heard.append(label)
            yield Task()

    compare_several(people(50, 0), {"a": people(50, 1), "b": people(50, 2)}, threads=1, progress=Listener())
    assert Listener.heard == ["a: Comparing", "b: Comparing"]


def test_distances_between_tables_fill_a_square():
    found = (
        PairwiseDistance("a", "b", 1.0, 2.0),
        PairwiseDistance("a", "c", 3.0, None),
        PairwiseDistance("b", "c", 5.0, 6.0),
    )
    shape, js = pairwise_tables(found, ("a", "b", "c"))
    assert [line.values for line in shape.lines] == [(None, 1.0, 3.0), (1.0, None, 5.0), (3.0, 5.0, None)]
    assert js.rows()[0] == ["a", "-", "2.00", "-"]
    assert shape.headers == ["", ">a", ">b", ">c"]


def test_columns_need_not_be_named_by_text():
    real = pd.DataFrame({0: np.arange(40.0), 1: ["a", "b"] * 20})
    found = compare_several(real, {"a": real, "b": real[[1, 0]]}, threads=1)
    assert found.tables[-1].lines[0].values == (None, 0)
