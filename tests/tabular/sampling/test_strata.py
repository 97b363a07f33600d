"""Samples with the shares that were asked for, drawn stratum by stratum."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabular.encoding.arrays import from_arrays, to_arrays
from tabular.encoding.unmodelled import unmodelled
from tabular.errors import ConditionError, UsageError
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter, Task
from tabular.sampling import strata
from tabular.sampling.strata import balanced_strata, fair_strata, probe, sample_strata
from tabular.synthesizer import Synthesizer
from tabular.where.conditions import parse_where, satisfied


class Urn(Synthesizer):
    """Draws rows of the table with replacement, and new identifiers."""

    name = "urn"

    def fit(self, table, *, schema=None, progress=None, checkpoint=None):
        self.schema, self.table = schema or infer_schema(table), table
        return self

    def sample_batches(self, n, *, where=None, seed=None, progress=None, done=0):
        rng = np.random.default_rng(seed)
        kept = satisfied(to_arrays(self.table, self.schema), parse_where(where, self.schema))
        if not kept.any():
            raise ConditionError("No row keeps to all of these conditions.")
        rows = self.table.iloc[rng.choice(np.flatnonzero(kept), n)]
        arrays = to_arrays(rows, self.schema)
        arrays["id"] = unmodelled(self.schema["id"], n, rng, start=0, seed=seed or 0, present=True)
        with (progress or Reporter()).task("Sampling", n, "rows") as task:
            task.advance(n)
        yield from_arrays(arrays, self.schema)

    def save(self, directory):
        raise NotImplementedError

    @classmethod
    def load(cls, directory, *, device="auto"):
        raise NotImplementedError


@pytest.fixture
def people() -> pd.DataFrame:
    """2,000 people: 30 % women; 10 % of the women and 40 % of the men are rich; the job of some is not known."""
    rng = np.random.default_rng(0)
    woman = np.arange(2000) < 600
    rich = np.where(woman, np.arange(2000) % 10 == 0, np.arange(2000) % 5 < 2)
    jobs = pd.Series(rng.choice(["clerk", "cook", "judge"], 2000))
    return pd.DataFrame(
        {
            "id": np.arange(1, 2001),
            "sex": np.where(woman, "w", "m"),
            "income": np.where(rich, ">50K", "<=50K"),
            "job": jobs.where(rng.random(2000) > 0.2),
            "age": rng.integers(17, 91, 2000),
        }
    )


@pytest.fixture
def urn(people):
    return Urn().fit(people)


def test_the_fixture_has_an_identifier(urn):
    assert urn.schema["id"].kind == "identifier"


def test_every_combination_has_as_many_rows(urn):
    made = pd.concat(sample_strata(urn, balanced_strata(probe(urn, ["sex", "income"], 400), 400)))
    assert made.groupby(["sex", "income"]).size().tolist() == [100, 100, 100, 100]
    assert len(made) == 400


def test_rows_that_cannot_be_shared_out_equally_go_one_each(urn):
    made = pd.concat(sample_strata(urn, balanced_strata(probe(urn, ["job"], 11), 11)))
    assert sorted(made["job"].value_counts().tolist()) == [3, 4, 4]


def test_a_missing_cell_is_no_category_to_balance(urn):
    cells = probe(urn, ["job"], 100)
    assert len(cells.counts) == 4
    assert [stratum.values for stratum in balanced_strata(cells, 30)] == [
        {"job": "clerk"},
        {"job": "cook"},
        {"job": "judge"},
    ]


def test_the_target_no_longer_depends_on_the_group_and_both_keep_their_shares(urn):
    cells = probe(urn, ["income", "sex"], 20_000)
    made = pd.concat(sample_strata(urn, fair_strata(cells, 5000)))
    rates = made.groupby("sex")["income"].apply(lambda values: (values == ">50K").mean())
    assert abs(rates["w"] - rates["m"]) < 1e-3
    assert rates["m"] == pytest.approx(0.31, abs=0.02)  # 0.3 * 0.1 + 0.7 * 0.4
    assert (made["sex"] == "w").mean() == pytest.approx(0.3, abs=0.02)


def test_a_group_may_be_a_combination_and_a_missing_cell(urn):
    cells = probe(urn, ["income", "sex", "job"], 20_000)
    made = pd.concat(sample_strata(urn, fair_strata(cells, 4000)))
    rates = made.fillna({"job": "?"}).groupby(["sex", "job"])["income"].apply(lambda values: (values == ">50K").mean())
    assert len(rates) == 8
    assert rates.max() - rates.min() < 0.01


def test_within_a_stratum_other_columns_are_as_they_were_learned(urn, people):
    made = pd.concat(sample_strata(urn, balanced_strata(probe(urn, ["sex"], 4000), 4000)))
    assert made["age"].mean() == pytest.approx(people["age"].mean(), abs=1.5)


def test_parts_are_mixed_and_identifiers_do_not_come_twice(urn, monkeypatch):
    monkeypatch.setattr(strata, "PART_ROWS", 100)
    parts = list(sample_strata(urn, balanced_strata(probe(urn, ["sex"], 250), 250)))
    assert [len(part) for part in parts] == [100, 100, 50]
    assert all((part["sex"] == "w").mean() == 0.5 for part in parts)
    assert not parts[0]["sex"].is_monotonic_increasing
    assert not parts[0]["sex"].is_monotonic_decreasing
    assert pd.concat(parts)["id"].is_unique
    assert list(parts[1].index) == list(range(100))


def test_the_same_seed_gives_the_same_rows_and_what_is_done_is_left_out(urn, monkeypatch):
    monkeypatch.setattr(strata, "PART_ROWS", 100)
    wanted = balanced_strata(probe(urn, ["sex", "income"], 250), 250)
    first, again = (list(sample_strata(urn, wanted, seed=3)) for _ in range(2))
    rest = list(sample_strata(urn, wanted, seed=3, done=100))
    assert pd.concat(first).equals(pd.concat(again))
    assert pd.concat(rest).equals(pd.concat(first[1:]))
    assert not pd.concat(first).equals(pd.concat(sample_strata(urn, wanted, seed=4)))


@pytest.mark.parametrize("where", ["age>=50", ["age>=50"], {"age": ">=50"}])
def test_other_conditions_hold_too(urn, where):
    made = pd.concat(sample_strata(urn, balanced_strata(probe(urn, ["sex"], 100, where=where), 100), where=where))
    assert made["age"].min() >= 50
    assert made["sex"].value_counts().tolist() == [50, 50]


def test_one_bar_tells_of_all_rows(urn, monkeypatch):
    monkeypatch.setattr(strata, "PART_ROWS", 100)
    moved = []

    class Counting(Reporter):
        def task(self, label, total, unit):
            bar = Task()
            bar.advance = lambda amount=1, text="": moved.append(amount)
            moved.clear()
            return super().task(label, total, unit) if total != 250 else _opened(bar)

    wanted = balanced_strata(probe(urn, ["sex"], 250), 250)
    list(sample_strata(urn, wanted, progress=Counting(), done=100))
    assert sum(moved) == 250


def _opened(bar):
    import contextlib

    return contextlib.nullcontext(bar)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["colour"], "no column 'colour'"),
        (["age"], "--kind age=categorical"),
        (["id"], "identifier"),
        (["sex", "sex"], "named twice"),
    ],
)
def test_columns_that_have_no_shares_are_refused(urn, columns, words):
    with pytest.raises(UsageError, match=words):
        probe(urn, columns, 100)


def test_too_many_combinations_and_too_few_rows_are_refused(urn, monkeypatch):
    cells = probe(urn, ["sex", "income"], 100)
    with pytest.raises(UsageError, match="at least 4"):
        balanced_strata(cells, 3)
    monkeypatch.setattr(strata, "MAX_CELLS", 3)
    with pytest.raises(UsageError, match="4 combinations"):
        probe(urn, ["sex", "income"], 100)


def test_a_stratum_that_cannot_be_made_is_named(urn):
    wanted = [strata.Stratum({"sex": "w", "income": ">50K"}, 5)]
    with pytest.raises(ConditionError, match=r"sex=w, income=>50K cannot be made"):
        list(sample_strata(urn, wanted, where="sex=m"))
