"""The generator as a user meets it: what goes in comes out in kind, conditions hold, runs keep."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabllm import TableLM
from tabllm.decoding.backend import choose_backend
from tabllm.nano import table_lm
from tabular import read_table
from tabular.errors import ConditionError, RunError, TableError, TabllmError, UsageError
from tabular.progress import Reporter, Task
from tabular.sampling.strata import fair_strata, probe, sample_strata

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[2]))
    from real_tables import TABLES

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
        TableLM(**settings).check()


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(UsageError, match="abacus"):
        choose_backend("torch", "abacus")


def test_a_model_that_has_learned_nothing_says_so():
    with pytest.raises(UsageError, match="fit"):
        TableLM(**SMALL).sample(3)


def test_conditions_that_cannot_hold_are_refused(model):
    with pytest.raises(ConditionError, match="age"):
        model.sample(5, where="age>=200")
    with pytest.raises(UsageError, match="rows"):
        model.sample(0)


@pytest.mark.parametrize(("folder", "file"), TABLES.items())
def test_any_real_table_goes_through(shared_data, folder, file):
    real = read_table(shared_data(folder) / file).sample(3000, random_state=0).reset_index(drop=True)
    model = TableLM(**SMALL, steps=30).fit(real)
    made = model.sample(2000)
    assert made.dtypes.to_dict() == real.dtypes.to_dict()
    for column in model.schema:
        found = made[column.name].dropna()
        if column.is_numeric:
            known, found = pd.to_numeric(real[column.name]), pd.to_numeric(found)  # their text is kept as written
            assert found.min() >= known.min()
            assert found.max() <= known.max()
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


# -- every kind of column, and what a user may ask of it ------------------------------------------------------------
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
    monkeypatch.setattr(table_lm, "PART_ROWS", 300)
    parts = list(model.sample_batches(900, where="plan=paid", seed=5))
    assert [len(part) for part in parts] == [300] * 3
    assert all((part["plan"] == "paid").all() for part in parts)
    assert not parts[0]["age"].equals(parts[1]["age"])


def test_a_large_sample_comes_in_parts_of_bounded_size(monkeypatch):
    table = pd.DataFrame(
        {"id": [f"K{i:07d}" for i in range(0, 200 * 48_271, 48_271)], "a": list("xy") * 100, "b": [0, 1, 1, 0] * 50}
    )
    model = TableLM(**SMALL, steps=5).fit(table)
    monkeypatch.setattr(table_lm, "PART_ROWS", 60_000)
    sizes, seen = [], set()
    for part in model.sample_batches(300_000):
        sizes.append(len(part))
        seen.update(part["id"])
    assert sum(sizes) == len(seen) == 300_000
    assert max(sizes) <= 60_000


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


def commented() -> tuple[pd.DataFrame, TableLM]:
    """A table with texts and identifiers, some texts missing, and its model."""
    rng = np.random.default_rng(0)
    words = ["good", "bad", "fine", "slow", "again", "hello"]
    table = pd.DataFrame(
        {
            "id": [f"U{i:05d}" for i in range(400)],
            "amount": rng.normal(size=400).round(2),
            "plan": pd.Categorical(rng.choice(["a", "b", "c"], 400)),
            "comment": [" ".join(rng.choice(words, 12)) for _ in range(400)],
        }
    )
    table.loc[::3, "comment"] = None
    return table, TableLM(**SMALL, steps=5).fit(table)


def test_missing_texts_are_completed_every_one():
    table, model = commented()
    assert model.complete(table)["comment"].notna().all()


def test_identifiers_that_are_completed_are_unlike_those_that_are_known():
    table, model = commented()
    holes = table.copy()
    holes.loc[:50, "id"] = None
    assert model.complete(holes)["id"].is_unique


def test_a_categorical_that_lists_fewer_categories_is_completed():
    table, model = commented()
    holes = table[:50].copy()
    holes["plan"] = pd.Categorical(["a"] * 25 + [None] * 25)
    assert model.complete(holes)["plan"].notna().all()


@pytest.mark.parametrize(
    ("values", "where"),
    [
        (np.arange(2000) % 40 * 10, "x between 3 and 7"),
        (np.append(np.random.default_rng(0).normal(0, 1, 1800).round(3), [999.0] * 200), "x between 500 and 600"),
    ],
)
def test_a_condition_between_all_values_of_the_table_is_refused_in_words(values, where):
    table = pd.DataFrame({"x": values, "y": list("ab") * 1000})
    with pytest.raises(ConditionError, match="x"):
        TableLM(**SMALL, steps=5).fit(table).sample(5, where=where)


def test_a_learning_rate_at_which_training_diverges_is_said_in_words():
    table = pd.DataFrame({"x": np.arange(300) % 7, "y": list("abc") * 100})
    with pytest.raises(TabllmError, match="learning"):
        TableLM(**SMALL, steps=40, learning_rate=1e6).fit(table)


def test_a_negative_seed_of_a_sample_is_refused_in_words(model):
    with pytest.raises(UsageError, match="seed"):
        model.sample(3, seed=-1)


def test_a_number_of_many_values_that_are_all_frequent_can_be_learned():
    table = pd.DataFrame({"minute": np.repeat(np.arange(300), 40), "busy": [0, 1] * 6000})
    made = TableLM(**SMALL, steps=5).fit(table).sample(500, where="minute between 100 and 109")
    assert made["minute"].between(100, 109).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": -1},
        {"steps": 0},
        {"batch_size": 0},
        {"learning_rate": 0},
        {"learning_rate": -1e-3},
        {"bins": 0},
        {"layers": 0},
        {"width": 0},
        {"heads": -2},
        {"heads": 3},
    ],
)
def test_a_setting_out_of_range_is_refused_by_its_name(settings):
    with pytest.raises(UsageError, match=next(iter(settings))):
        TableLM(**settings).check()


@pytest.mark.parametrize("call", ["sample", "complete", "save", "sample_batches"])
def test_whatever_needs_a_fit_says_so(call, table, tmp_path):
    model = TableLM(**SMALL)
    arguments = {"sample": (3,), "complete": (table,), "save": (tmp_path / "run",), "sample_batches": (3,)}
    with pytest.raises(UsageError, match="fit"):
        list(getattr(model, call)(*arguments[call]) or [])
    assert list(tmp_path.iterdir()) == []


def test_rare_categories_are_folded_where_that_is_asked_for():
    rng = np.random.default_rng(0)
    names = np.append(rng.choice(["ios", "web"], 500), ["Ada Lovelace", "Alan Turing"])
    table = pd.DataFrame({"device": names, "clicked": rng.integers(0, 2, 502)})
    made = TableLM(**SMALL, steps=5, rare_below=5).fit(table).sample(3000)
    assert not {"Ada Lovelace", "Alan Turing"} & set(made["device"])


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


def test_the_order_and_the_index_of_the_columns_of_a_table_do_not_matter_to_what_is_asked():
    table = pd.DataFrame({"b": [1.25, 2.5, None] * 30, "a": list("xyz") * 30}, index=range(90, 0, -1))
    made = TableLM(**SMALL, steps=5).fit(table).sample(40)
    assert list(made.columns) == ["b", "a"]
    assert made.dtypes.to_dict() == table.dtypes.to_dict()
    assert set(made["b"].dropna()) <= {1.25, 2.5}


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, None, 3] * 10, dtype="Int64"),
        pd.Series([1, 2, 3] * 10, dtype="int8"),
        pd.Series([0.1, 0.2, 0.3] * 10, dtype="float32"),
        pd.Series([True, None, False] * 10, dtype="boolean"),
        pd.Series([True, None, False] * 10, dtype="object"),
        pd.Series(["a", None, "b"] * 10, dtype="string"),
        pd.Series(pd.Categorical(["lo", "hi", None] * 10, categories=["lo", "hi"], ordered=True)),
        pd.Series(pd.to_datetime(["2024-01-01 10:00", "2024-05-05 11:30", None] * 10)),
        pd.Series(pd.to_datetime(["2024-01-01", "2024-05-05", None] * 10)).dt.tz_localize("Europe/Berlin"),
        pd.Series(["2024-01-01", "2024-05-05", None] * 10),
    ],
    ids=lambda column: str(column.dtype),
)
def test_a_column_of_any_dtype_comes_back_in_kind(column):
    table = pd.DataFrame({"x": column, "y": list("ab") * 15})
    made = TableLM(**SMALL, steps=5).fit(table).sample(60)
    assert made["x"].dtype == column.dtype
    assert set(made["x"].dropna()) <= set(column.dropna())
    assert made["x"].isna().any() == column.isna().any()


def test_progress_is_told_of_every_row_and_step(table):
    told: dict[str, float] = {}

    class Told(Reporter):
        @contextlib.contextmanager
        def task(self, label, total, unit):
            class Adding(Task):
                def advance(self, amount=1, text=""):
                    told[label] = told.get(label, 0) + amount

            yield Adding()

    small = TableLM(**SMALL, steps=7).fit(table, progress=Told())
    small.sample(321, progress=Told(), refine=False)
    small.complete(table[:50], progress=Told())
    assert told == {"Learning": 7, "Sampling": 321, "Completing": 50}
