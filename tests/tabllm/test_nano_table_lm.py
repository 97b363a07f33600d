"""The generator as a user meets it: what goes in comes out in kind, conditions hold, runs keep."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tabllm import TableLM
from tabllm.nano import table_lm
from tabllm.nano.backend import choose_backend
from tabular import read_table
from tabular.errors import ConditionError, EngineError, RunError, TableError, UsageError

SMALL = {"engine": "torch", "device": "cpu", "width": 32, "layers": 1, "heads": 2}


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
def model(table) -> TableLM:
    return TableLM(**SMALL, steps=500, batch_size=64, bins=30, learning_rate=5e-3).fit(table)


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


def test_the_same_fit_gives_the_same_model(table):
    made = [TableLM(**SMALL, steps=20, seed=5).fit(table).sample(100) for _ in range(2)]
    pd.testing.assert_frame_equal(*made)


def test_parts_add_up_and_identifiers_do_not_repeat(model, monkeypatch):
    monkeypatch.setattr(table_lm, "PART_ROWS", 700)
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
    assert names == {"schema.json", "config.json", "codec.json", "model.safetensors", "history.jsonl", "README.md"}
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


@pytest.mark.parametrize("rows", [2, 3, 30])
def test_tiny_tables_can_be_learned(rows):
    tiny = pd.DataFrame({"a": [1, 2, 3] * 10, "b": list("xyz") * 10})[:rows]
    made = TableLM(**SMALL, steps=5).fit(tiny).sample(50)
    assert set(made["b"]) <= set(tiny["b"])


def test_a_single_row_is_refused():
    with pytest.raises(TableError):
        TableLM(**SMALL).fit(pd.DataFrame({"a": [1], "b": [2]}))


def test_many_columns_of_many_values_can_be_learned():
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(300, 60)).round(3), columns=[f"c{i}" for i in range(60)])
    made = TableLM(**SMALL, steps=5).fit(wide).sample(100)
    assert made.shape == (100, 60)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"epochs": 0}, "epochs"),
        ({"width": 30, "heads": 4}, "width"),
        ({"seed": -1}, "seed"),
        ({"engine": "jax"}, "jax"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, named):
    with pytest.raises(UsageError, match=named):
        TableLM(**settings)


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(EngineError, match="abacus"):
        choose_backend("torch", "abacus")


def test_a_model_that_has_learned_nothing_says_so():
    with pytest.raises(UsageError, match="fit"):
        TableLM(**SMALL).sample(3)


def test_conditions_that_cannot_hold_are_refused(model):
    with pytest.raises(ConditionError, match="age"):
        model.sample(5, where="age>=200")
    with pytest.raises(UsageError, match="rows"):
        model.sample(0)


@pytest.mark.parametrize(
    ("folder", "file"),
    [
        ("bank_marketing_full", "bank_full.csv.gz"),
        ("california_housing", "housing.csv.gz"),
        ("hillstrom_email_64k", "hillstrom.csv.gz"),
        ("magic_gamma", "magic_gamma.csv.gz"),
        ("online_shoppers", "online_shoppers_intention.csv.gz"),
        ("adult", "adult_train.csv.gz"),
    ],
)
def test_any_real_table_goes_through(shared_data, folder, file):
    real = read_table(shared_data(folder) / file).sample(3000, random_state=0).reset_index(drop=True)
    model = TableLM(**SMALL, steps=30).fit(real)
    made = model.sample(2000)
    assert made.dtypes.to_dict() == real.dtypes.to_dict()
    for column in model.schema:
        found = made[column.name].dropna()
        if column.is_numeric:
            assert found.min() >= real[column.name].min()
            assert found.max() <= real[column.name].max()
        else:
            assert set(found) <= set(real[column.name])
        assert made[column.name].isna().mean() == pytest.approx(real[column.name].isna().mean(), abs=0.02)


def test_a_rare_conversion_is_given_every_time(shared_data):
    real = read_table(shared_data("hillstrom_email_64k") / "hillstrom.csv.gz").sample(8000, random_state=0)
    made = TableLM(**SMALL, steps=60).fit(real).sample(10_000, where="conversion=1")
    assert (made["conversion"] == 1).sum() == 10_000


def test_a_category_of_thousands_of_values_takes_two_tokens_and_can_be_asked_for():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"zip": [f"{z:05d}" for z in rng.integers(10_000, 13_000, 9000)], "sex": rng.choice(["f", "m"], 9000)}
    )
    model = TableLM(**SMALL, steps=20).fit(table)
    assert model.facts["tokens_per_row"] == 3
    wanted = sorted(set(table["zip"]))[:2]
    assert set(model.sample(500, where={"zip": wanted})["zip"]) <= set(wanted)
    assert set(model.sample(500)["zip"]) <= set(table["zip"])
