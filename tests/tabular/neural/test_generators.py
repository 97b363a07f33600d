"""CTGAN, TVAE and their kin as synthesizers: what every one of them must keep to."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from tabular import ConditionError, RunError, TableError, UsageError, create, infer_schema, load_run
from tabular.machine.devices import choose_torch_device
from tabular.neural import ctgan as ctgan_module
from tabular.neural.draws import ConditionalDraws
from tabular.sampling.strata import balanced_strata, probe, sample_strata

SMALL = {
    "ctgan": {"steps": 30, "batch_size": 50, "generator_dim": (16,), "discriminator_dim": (16, 8)},
    "tabcascade": {"steps": 60, "batch_size": 50, "width": 16, "flow_steps": 2},
    "tabddpm": {"steps": 150, "batch_size": 50, "d_layers": (16, 16), "num_timesteps": 10, "target": "device"},
    "tvae": {"steps": 30, "batch_size": 50, "compress_dims": (16,), "decompress_dims": (16,), "embedding_dim": 4},
}
MODELS = list(SMALL)


def small(name: str, **options):
    return create(name, **{**SMALL[name], "device": "cpu", **options})


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = 600
    device = rng.choice(["ios", "android", "web"], rows, p=[0.5, 0.4, 0.1])
    return pd.DataFrame(
        {
            "user": [f"u{place:04d}" for place in range(rows)],
            "device": device,
            "clicked": rng.random(rows) < np.where(device == "web", 0.4, 0.05),
            "age": rng.integers(18, 90, rows),
            "spent": np.where(rng.random(rows) < 0.6, 0.0, rng.gamma(2, 20, rows).round(2)),
            "score": np.where(rng.random(rows) < 0.25, np.nan, rng.normal(0, 1, rows)),
            "seen": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10_000, rows), unit="h"),
            "city": pd.Categorical(rng.choice(list("abcdef"), rows)),
            "note": [f"some words of {word} text {place}" for place, word in enumerate(rng.choice(["x", "y"], rows))],
        }
    )


@pytest.fixture(scope="module", params=MODELS)
def fitted(request, table):
    return small(request.param).fit(table)


def test_rows_have_the_form_of_the_table(fitted, table):
    made = fitted.sample(2000)
    assert len(made) == 2000
    assert list(made) == list(table)
    assert made.dtypes.to_dict() == table.dtypes.to_dict()
    assert set(made["device"]) <= set(table["device"])
    assert set(made["city"]) <= set(table["city"])
    for name in ("age", "spent", "score", "seen"):
        assert made[name].min() >= table[name].min()
        assert made[name].max() <= table[name].max()
    np.testing.assert_allclose(made["spent"], made["spent"].round(2))
    assert made["user"][:500].is_unique
    assert not made.drop(columns="score").isna().any().any()
    assert made["score"].isna().mean() == pytest.approx(table["score"].isna().mean(), abs=0.05)
    assert (made["spent"] == 0).mean() == pytest.approx((table["spent"] == 0).mean(), abs=0.06)


def test_a_cascade_of_many_columns_is_loaded_as_it_was_saved(table, tmp_path, monkeypatch):
    # Its waves are a sparse tensor then, which no network can be made with that has no memory.
    monkeypatch.setattr("tabular.neural.networks.cascade.MOST_WAVES", 0)
    model = small("tabcascade", steps=2).fit(table)
    model.save(tmp_path / "run")
    pd.testing.assert_frame_equal(load_run(tmp_path / "run").sample(20, seed=1), model.sample(20, seed=1))


def test_every_combination_can_have_as_many_rows(fitted):
    cells = probe(fitted, ["device", "clicked"], 120)
    made = pd.concat(sample_strata(fitted, balanced_strata(cells, 120)))
    assert made.groupby(["device", "clicked"]).size().tolist() == [20] * 6
    assert made["user"].is_unique


def test_each_column_has_the_distribution_of_the_table(fitted, table):
    """So few updates teach a network little; the calibration must bring this about."""
    made = fitted.sample(20_000)
    shares = made["device"].value_counts(normalize=True) - table["device"].value_counts(normalize=True)
    assert shares.abs().max() < 0.03
    for name in ("age", "spent", "score"):
        positions = np.linspace(0.05, 0.95, 19)
        gap = made[name].dropna().quantile(positions) - table[name].dropna().quantile(positions)
        assert gap.abs().max() < 0.12 * (table[name].max() - table[name].min()), name


def test_the_seed_fixes_the_rows_and_parts_can_be_resumed(fitted, table, monkeypatch):
    monkeypatch.setattr("tabular.neural.base.NeuralSynthesizer._part_rows", 100)
    first = fitted.sample(250, seed=5)
    pd.testing.assert_frame_equal(first, fitted.sample(250, seed=5))
    assert not first.equals(fitted.sample(250, seed=6))
    rest = pd.concat(fitted.sample_batches(250, seed=5, done=100), ignore_index=True)
    pd.testing.assert_frame_equal(first[100:].reset_index(drop=True), rest)


@pytest.mark.parametrize("name", MODELS)
def test_two_fits_with_one_seed_are_the_same(name, table):
    np.random.default_rng().random()
    first, second, other = (small(name, seed=seed).fit(table).sample(100) for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(first, second)
    assert not first.equals(other)


def test_a_run_comes_back_whole(fitted, tmp_path, table):
    fitted.save(tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        ".tabllm",
        "config.json",
        "schema.json",
        "codec.json",
        "model.safetensors",
        "history.jsonl",
        "README.md",
        "margins.json",
    }
    again = load_run(tmp_path / "run", device="cpu")
    assert type(again) is type(fitted)
    assert again.describe() == fitted.describe()
    pd.testing.assert_frame_equal(again.sample(300, where="age>=30"), fitted.sample(300, where="age>=30"))
    readme = (tmp_path / "run" / "README.md").read_text()
    assert "`spent`" in readme
    assert "no formal guarantee" in readme
    assert table["user"][0] not in readme


def test_a_run_of_another_device_loads_here(fitted, tmp_path):
    """What a run says of the device that it was fitted on is a record; its weights belong to none."""
    fitted.save(tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["fit"]["device"] == "cpu"
    assert "device" not in config["options"]
    config["fit"]["device"] = "mps"
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    again = load_run(tmp_path / "run", device="cpu")
    assert again.describe()["device"] == "mps"
    pd.testing.assert_frame_equal(again.sample(100), fitted.sample(100))


@pytest.mark.skipif(choose_torch_device() == "cpu", reason="torch has no accelerator here")
@pytest.mark.parametrize("name", MODELS)
def test_a_run_goes_from_an_accelerator_to_the_processor_and_back(name, table, tmp_path):
    there = choose_torch_device()
    for first, second in ((there, "cpu"), ("cpu", there)):
        small(name, device=first).fit(table).save(tmp_path / first)
        made = load_run(tmp_path / first, device=second).sample(500)
        assert (made["spent"] == 0).mean() == pytest.approx((table["spent"] == 0).mean(), abs=0.1)


def test_a_damaged_run_is_told_in_one_sentence(fitted, tmp_path):
    fitted.save(tmp_path / "run")
    weights = load_file(tmp_path / "run" / "model.safetensors")
    name = next(name for name in weights if name.startswith("network/") and weights[name].ndim == 2)
    for broken in ({**weights, name: weights[name][:1]}, {n: v for n, v in weights.items() if n != name}):
        shutil.copytree(tmp_path / "run", tmp_path / "broken", dirs_exist_ok=True)
        save_file(broken, tmp_path / "broken" / "model.safetensors")
        with pytest.raises(RunError, match="damaged"):
            load_run(tmp_path / "broken")


@pytest.mark.parametrize(
    "where", ["device=web", "clicked=true", "age between 30 and 40", "score is missing", "device=web and spent>10"]
)
def test_conditions_are_kept_by_every_row(fitted, where, table):
    made = fitted.sample(40, where=where)
    meaning = {
        "device=web": lambda t: t["device"] == "web",
        "clicked=true": lambda t: t["clicked"],
        "age between 30 and 40": lambda t: t["age"].between(30, 40),
        "score is missing": lambda t: t["score"].isna(),
        "device=web and spent>10": lambda t: (t["device"] == "web") & (t["spent"] > 10),
    }
    assert len(made) == 40
    assert meaning[where](made).all()


def test_a_condition_that_no_row_meets_is_given_up(fitted, monkeypatch):
    monkeypatch.setattr("tabular.neural.draws.PATIENT_ROWS", 2000)
    monkeypatch.setattr("tabular.neural.draws.LEAST_SHARE", 0.9)
    with pytest.raises(ConditionError, match=r"Only \d+ of [\d,]+ rows .* loosen the condition, or fit 'nano'"):
        fitted.sample(3000, where="age=18 and device=web and clicked=true")
    with pytest.raises(ConditionError, match="No value of 'age'"):
        fitted.sample(10, where="age>200")


def _no_target(name: str) -> dict[str, None]:
    return {"target": None} if name == "tabddpm" else {}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    "columns",
    [["age", "score"], ["device", "city"], ["spent"], ["device", "user"]],
    ids=["numbers", "categories", "one", "identifier"],
)
def test_tables_of_one_kind_of_column(name, columns, table):
    part = table[columns] if len(columns) > 1 else table[columns].assign(same=1)
    made = small(name, **_no_target(name)).fit(part).sample(20)
    assert made.dtypes.to_dict() == part.dtypes.to_dict()
    assert len(made) == 20


@pytest.mark.parametrize("name", MODELS)
def test_many_categories_need_few_inputs(name):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"id": rng.integers(0, 10_000, 20_000).astype(str), "clicked": rng.integers(0, 2, 20_000)})
    schema = infer_schema(table, overrides={"id": "categorical"})
    model = small(name, **_no_target(name)).fit(table, schema=schema)
    assert len(schema["id"].categories) > 8000
    assert model.facts["parameters"] < 100_000
    made = model.sample(5000)
    assert set(made["id"]) <= set(table["id"])
    assert made["id"].nunique() > 1000


def test_conditions_of_wide_tables_have_no_weights_in_the_last_layer_and_older_runs_keep_theirs(
    table, tmp_path, monkeypatch
):
    columns = table[["device", "age", "city"]].head(100)
    small("ctgan", steps=2).fit(columns).save(tmp_path / "older")
    monkeypatch.setattr(ctgan_module, "MOST_TO_OUTPUTS", 0)
    model = small("ctgan", steps=2).fit(columns)
    assert set(model.sample(20, where="device=web")["device"]) == {"web"}
    model.save(tmp_path / "wide")
    monkeypatch.undo()
    for name, last in (("older", True), ("wide", False)):
        assert ("network/asked.1" in load_file(tmp_path / name / "model.safetensors")) == last
        assert len(load_run(tmp_path / name, device="cpu").sample(5)) == 5


def test_a_named_target_is_given_and_costs_no_tries(table, monkeypatch):
    model = small("tabddpm", steps=5).fit(table)
    calls = []
    draw = ConditionalDraws._draw
    monkeypatch.setattr(ConditionalDraws, "_draw", lambda self, rows, *a: calls.append(rows) or draw(self, rows, *a))
    assert set(model.sample(1000, where="device in [web, ios]")["device"]) == {"web", "ios"}
    assert sum(calls) <= 1100
    shares = model.sample(20_000)["device"].value_counts(normalize=True)
    assert (shares - table["device"].value_counts(normalize=True)).abs().max() < 0.02
    with pytest.raises(UsageError, match="'age' is integer, and tabddpm can be told classes only"):
        small("tabddpm", target="age").fit(table)
    with pytest.raises(UsageError, match="no column 'nope' to be the target"):
        small("tabddpm", target="nope").fit(table)
    many = table.assign(city=[f"city {place % 300}" for place in range(len(table))])
    with pytest.raises(UsageError, match="300 categories, and tabddpm can be told fewer than 256"):
        small("tabddpm", target="city").fit(many, schema=infer_schema(many, overrides={"city": "categorical"}))
    same = small("tabddpm", steps=2, target="same").fit(table.assign(same="x"))
    assert set(same.sample(10)["same"]) == {"x"}
    with pytest.raises(UsageError, match="cannot be more than num_timesteps"):
        create("tabddpm", num_timesteps=10, sampling_steps=20)


def test_settings_out_of_range_are_refused(table):
    with pytest.raises(UsageError, match="multiple of pac"):
        create("ctgan", batch_size=55, pac=10)
    with pytest.raises(UsageError, match="batch_size must be above 0"):
        create("tvae", batch_size=0)
    with pytest.raises(UsageError, match="has no option 'epoch'; did you mean 'epochs'"):
        create("tvae", epoch=1)
    with pytest.raises(TableError, match=r"has 6 rows, and ctgan looks at 10 at once"):
        create("ctgan", pac=10).fit(table[:6])
    with pytest.raises(UsageError, match="call fit"):
        create("ctgan").sample(1)
    with pytest.raises(UsageError, match="1 or more"):
        small("tvae", steps=1).fit(table[:50]).sample(0)
