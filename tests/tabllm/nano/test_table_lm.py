"""The generator as a user meets it: what goes in comes out in kind, conditions hold, runs keep."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pandas as pd
import pytest

from tabllm import TableLM
from tabular.errors import ConditionError, RunError, UsageError
from tabular.progress import Reporter, Task
from tabular.sampling.strata import fair_strata, probe, sample_strata


def mixed(rows: int = 2000) -> pd.DataFrame:
    """One column of each kind; ``vip`` is rare, and who has the plan ``paid`` has a high ``spend``."""
    rng = np.random.default_rng(0)
    paid = rng.random(rows) < 0.25
    table = pd.DataFrame(
        {
            "id": [f"U{i:05d}" for i in range(rows)],
            "age": rng.integers(18, 90, rows),
            "spend": np.where(paid, rng.uniform(500, 900, rows), rng.lognormal(2, 1, rows)).round(2),
            "device": rng.choice(["ios", "android", "desktop"], rows, p=[0.5, 0.3, 0.2]),
            "clicked": rng.random(rows) < 0.3,
            "seen": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, rows), unit="D"),
            "plan": pd.Categorical(np.where(paid, "paid", "free")),
            "ad": [f"ad-{i:04d}" for i in rng.integers(0, 40, rows)],
            "vip": (rng.random(rows) < 0.02).astype(int),
            "constant": 7,
            "empty": np.full(rows, np.nan),
            "comment": [" ".join(rng.choice(["fine", "slow", "good", "bad"], 12)) for _ in range(rows)],
        }
    )
    table.loc[rng.random(rows) < 0.2, "spend"] = np.nan
    table.loc[rng.random(rows) < 0.1, "device"] = None
    return table


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return mixed()


@pytest.fixture(scope="module")
def model(small, table) -> TableLM:
    return small(steps=500, batch_size=64, bins=30, learning_rate=5e-3).fit(table)


def test_rates_can_be_the_same_in_every_group(model):
    cells = probe(model, ["clicked", "device"], 400)
    made = pd.concat(sample_strata(model, fair_strata(cells, 400)))
    rates = made.groupby(made["device"].fillna("?"))["clicked"].mean()
    assert len(rates) > 2
    assert rates.max() - rates.min() < 0.1  # a group of 40 rows can be one row off


def test_rows_have_the_columns_dtypes_bounds_and_categories_of_the_table(model, table):
    made = model.sample(3000)
    assert made.dtypes.to_dict() == table.dtypes.to_dict()
    assert list(made.columns) == list(table.columns)
    for name in ("age", "spend", "seen"):
        assert made[name].min() >= table[name].min()
        assert made[name].max() <= table[name].max()
    for name in ("device", "plan", "ad", "vip", "constant"):
        assert set(made[name].dropna()) <= set(table[name].dropna())
    assert (made["spend"].dropna().round(2) == made["spend"].dropna()).all()
    assert made["id"].is_unique
    assert made["id"].str.fullmatch(r"U\d{5}").all()
    assert made["empty"].isna().all()
    assert set(" ".join(made["comment"]).split()) == {"fine", "slow", "good", "bad"}


def test_missing_cells_and_categories_come_at_their_rates(model, table):
    made = model.sample(5000)
    for name in ("spend", "device"):
        assert made[name].isna().mean() == pytest.approx(table[name].isna().mean(), abs=0.03)
    assert made["clicked"].mean() == pytest.approx(table["clicked"].mean(), abs=0.03)


def test_what_hangs_together_in_the_table_does_in_the_rows(model):
    made = model.sample(2000, where="plan=paid")
    assert (made["spend"].dropna() >= 400).mean() > 0.8  # independent columns would give 0.25


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ({"vip": 1}, lambda t: t["vip"] == 1),
        ("age>=85", lambda t: t["age"] >= 85),
        ("spend between 10 and 10.5", lambda t: t["spend"].between(10, 10.5)),
        ("device in [ios, desktop]", lambda t: t["device"].isin(["ios", "desktop"])),
        ("device is missing", lambda t: t["device"].isna()),
        ("seen >= 2024-03-20", lambda t: t["seen"] >= "2024-03-20"),
        ("clicked=true", lambda t: t["clicked"]),
        (
            ["ad=ad-0017", "plan=paid", "age<40"],
            lambda t: (t["ad"] == "ad-0017") & (t["plan"] == "paid") & (t["age"] < 40),
        ),
    ],
)
def test_all_of_ten_thousand_rows_keep_the_condition(model, where, holds):
    made = model.sample(10_000, where=where)
    assert len(made) == 10_000
    assert holds(made).all()


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(model):
    first, again, other = (model.sample(200, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_the_same_fit_gives_the_same_model(small, table):
    made = [small(steps=20, seed=5).fit(table).sample(100) for _ in range(2)]
    pd.testing.assert_frame_equal(*made)


def test_parts_add_up_and_identifiers_do_not_repeat(model, monkeypatch):
    monkeypatch.setattr(TableLM, "_part_rows", 700)
    parts = list(model.sample_batches(1500))
    assert [len(part) for part in parts] == [700, 700, 100]
    assert pd.concat(parts)["id"].is_unique


def test_missing_cells_are_completed_in_the_light_of_their_row_and_known_ones_are_kept(model, table):
    rng = np.random.default_rng(1)
    known = table.drop(columns="empty").dropna().reset_index(drop=True)
    holes = known.copy()
    names = ["age", "spend", "device", "plan", "ad"]
    pattern = pd.DataFrame(rng.random((len(known), len(names))) < 0.3, columns=names)
    for name in names:
        holes[name] = holes[name].mask(pattern[name])
    filled = model.complete(holes.assign(empty=np.nan))
    assert not filled[names].isna().any(axis=None)
    for name in names:
        assert (filled[name][~pattern[name]] == known[name][~pattern[name]]).all()
    was_paid = (known["plan"] == "paid") & ~pattern["plan"]
    was_free = (known["plan"] == "free") & ~pattern["plan"]
    assert filled.loc[pattern["spend"] & was_paid, "spend"].median() > 400
    assert filled.loc[pattern["spend"] & was_free, "spend"].median() < 100


def test_a_run_read_again_gives_the_same_rows_and_tells_what_it_holds(model, tmp_path):
    model.save(tmp_path / "run")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {
        ".tabllm",
        "schema.json",
        "config.json",
        "codec.json",
        "model.safetensors",
        "history.jsonl",
        "README.md",
        "margins.json",
    }
    again = TableLM.load(tmp_path / "run", device="cpu")
    pd.testing.assert_frame_equal(again.sample(300, seed=9), model.sample(300, seed=9))
    assert json.loads(json.dumps(again.describe(), allow_nan=False))["parameters"] > 0
    told = (tmp_path / "run" / "README.md").read_text()
    assert "`device`" in told
    assert "3 categories" in told


def test_a_run_whose_files_do_not_fit_is_refused(model, tmp_path):
    model.save(tmp_path / "run")
    path = tmp_path / "run" / "codec.json"
    codec = json.loads(path.read_text())
    del codec["columns"]["plan"]
    path.write_text(json.dumps(codec))
    with pytest.raises(RunError, match="damaged"):
        TableLM.load(tmp_path / "run")


def test_conditions_that_cannot_hold_are_refused(model):
    with pytest.raises(ConditionError, match="age"):
        model.sample(5, where="age>=200")
    with pytest.raises(UsageError, match="rows"):
        model.sample(0)


def holed(table: pd.DataFrame, names: list[str], share: float = 0.4) -> pd.DataFrame:
    """The table with cells of these columns missing."""
    rng = np.random.default_rng(3)
    made = table.copy()
    for name in names:
        made[name] = made[name].mask(rng.random(len(made)) < share)
    return made


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ("age = 33", lambda t: t["age"] == 33),
        ("age != 33", lambda t: t["age"] != 33),
        ("age in [20, 30, 40]", lambda t: t["age"].isin([20, 30, 40])),
        ("spend is missing", lambda t: t["spend"].isna()),
        ("spend is not missing", lambda t: t["spend"].notna()),
        ({"spend": (600, 601)}, lambda t: t["spend"].between(600, 601)),
        ("device != ios", lambda t: t["device"] != "ios"),
        ("plan = free", lambda t: t["plan"] == "free"),
        ("clicked = 0", lambda t: ~t["clicked"]),
        ("seen = 2024-02-03", lambda t: t["seen"] == "2024-02-03"),
        ("constant = 7", lambda t: t["constant"] == 7),
        ({"device": ["ios", None]}, lambda t: t["device"].isin(["ios"]) | t["device"].isna()),
        (
            {"device": "ios", "clicked": True, "plan": "paid", "vip": 0, "age": ">=80", "seen": "<2024-02-01"},
            lambda t: (
                (t["device"] == "ios")
                & t["clicked"]
                & (t["plan"] == "paid")
                & (t["vip"] == 0)
                & (t["age"] >= 80)
                & (t["seen"] < "2024-02-01")
            ),
        ),
    ],
)
def test_conditions_on_every_kind_of_column_hold_in_every_row(model, where, holds):
    made = model.sample(1000, where=where)
    assert len(made) == 1000
    assert holds(made).all()


def test_a_condition_that_always_holds_changes_no_distribution(model):
    free, conditioned = model.sample(6000), model.sample(6000, where="age>=18")
    assert conditioned["age"].mean() == pytest.approx(free["age"].mean(), abs=1.5)
    assert (conditioned["plan"] == "paid").mean() == pytest.approx((free["plan"] == "paid").mean(), abs=0.04)


def test_the_shape_of_numbers_and_dates_is_near_that_of_the_table(model, table):
    made = model.sample(5000)
    for name in ("age", "spend", "seen"):
        real, found = table[name].dropna(), made[name].dropna()
        quantiles = [0.1, 0.25, 0.5, 0.75]
        place = [(real < value).mean() for value in found.quantile(quantiles)]
        assert place == pytest.approx(quantiles, abs=0.06)


@pytest.mark.parametrize("rows", [1, 2, 999])
def test_exactly_as_many_rows_come_and_their_index_begins_at_zero(model, rows):
    made = model.sample(rows)
    assert made.index.equals(pd.RangeIndex(rows))


def test_rows_come_in_random_order(model):
    made = model.sample(4000)
    assert abs(made["clicked"].astype(float).autocorr()) < 0.08
    assert abs((made["plan"] == "paid").astype(float).autocorr()) < 0.08


def test_conditioned_parts_differ_from_each_other_and_each_keeps_the_condition(model, monkeypatch):
    monkeypatch.setattr(TableLM, "_part_rows", 300)
    parts = list(model.sample_batches(900, where="plan=paid", seed=5))
    assert [len(part) for part in parts] == [300] * 3
    assert all((part["plan"] == "paid").all() for part in parts)
    assert not parts[0]["age"].equals(parts[1]["age"])


def test_completing_keeps_the_columns_the_dtypes_and_the_known_cells(model, table):
    names = ["age", "spend", "device", "plan", "ad", "seen"]
    known = table.iloc[100:400].reset_index(drop=True)
    holes = holed(known, names)
    before = holes.copy()
    filled = model.complete(holes)
    pd.testing.assert_frame_equal(holes, before)
    assert list(filled.columns) == list(holes.columns)
    for name in names:
        there = holes[name].notna()
        assert filled[name].notna().all()
        assert (filled[name][there] == known[name][there]).all()
        assert filled[name].dtype == holes[name].dtype
    for name in ("device", "plan", "ad"):
        assert set(filled[name]) <= set(table[name].dropna())
    pd.testing.assert_frame_equal(filled, model.complete(holes))
    assert not filled.equals(model.complete(holes, seed=99))


def test_a_row_of_nothing_but_holes_is_completed(model, table):
    names = ["age", "spend", "device", "plan", "ad", "seen", "clicked", "vip"]
    empty = table.iloc[:20].astype({"clicked": "boolean", "vip": "Int64"})
    empty[names] = empty[names].apply(lambda column: column.mask(np.ones(20, dtype=bool)))
    assert model.complete(empty)[names].notna().all(axis=None)


def test_a_table_without_holes_is_completed_to_itself(model, table):
    whole = table.drop(columns="empty").dropna().reset_index(drop=True).assign(empty=np.nan)
    pd.testing.assert_frame_equal(model.complete(whole), whole)


def test_completing_keeps_the_index(model, table):
    holes = holed(table[100:140], ["age", "device"])
    pd.testing.assert_index_equal(model.complete(holes).index, holes.index)


def test_a_negative_seed_of_a_sample_is_refused_in_words(model):
    with pytest.raises(UsageError, match="seed"):
        model.sample(3, seed=-1)


def test_a_run_read_again_keeps_conditions_completes_alike_and_is_saved_the_same(model, table, tmp_path):
    model.save(tmp_path / "run")
    again = TableLM.load(tmp_path / "run", device="cpu")
    where = ["plan=paid", "age between 30 and 40", "spend is not missing"]
    pd.testing.assert_frame_equal(again.sample(200, where=where), model.sample(200, where=where))
    holes = holed(table[:60], ["age", "device"])
    pd.testing.assert_frame_equal(again.complete(holes), model.complete(holes))
    again.save(tmp_path / "copy")
    for path in (tmp_path / "run").iterdir():
        if path.name != "model.safetensors":
            assert (tmp_path / "copy" / path.name).read_bytes() == path.read_bytes()


def test_progress_is_told_of_every_row_and_step(small, table):
    told: dict[str, float] = {}

    class Told(Reporter):
        @contextlib.contextmanager
        def task(self, label, total, unit):
            class Adding(Task):
                def advance(self, amount=1, text=""):
                    told[label] = told.get(label, 0) + amount

            yield Adding()

    model = small(steps=7).fit(table, progress=Told())
    model.sample(321, progress=Told(), refine=False)
    model.complete(table[:50], progress=Told())
    assert told == {"Learning": 7, "Sampling": 321, "Completing": 50}
