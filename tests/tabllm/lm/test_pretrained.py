"""A pretrained model as a synthesizer: every kind of column, runs that can be read back, and what is refused."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabllm.lm import pretrained
from tabllm.lm.engines import memory
from tabllm.lm.pretrained import PretrainedLM
from tabular.errors import ConditionError, EngineError, RunError, TableError, TabllmError, UsageError
from tabular.registry import create, load_run

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_models import folder_of

FORMS = ("compact", "great", "csv", "table")


def visits(rows: int = 150) -> pd.DataFrame:
    """Every kind of column."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "id": [f"V{number:05d}" for number in range(rows)],
            "device": pd.Categorical(rng.choice(["ios", "android", "web"], rows)),
            "clicked": rng.random(rows) < 0.3,
            "age": rng.integers(18, 90, rows),
            "spend": np.round(rng.exponential(20, rows), 2),
            "day": pd.Timestamp("2024-02-27") + pd.to_timedelta(rng.integers(0, 30, rows), unit="D"),
            "note": rng.choice(
                ["came back after a long while away", "first visit of this person here", "nothing"], rows
            ),
            "always": "x",
        }
    )
    frame.loc[rng.random(rows) < 0.2, "spend"] = np.nan
    frame.loc[rng.random(rows) < 0.2, "device"] = None
    return frame


@pytest.fixture(scope="module")
def long_folder(tmp_path_factory):
    """A GPT-2 that reads rows of free text."""
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("long")
    shutil.copytree(folder_of("gpt2"), folder, dirs_exist_ok=True)
    config = AutoConfig.from_pretrained(folder)
    config.n_positions = config.max_position_embeddings = 512
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


def model(folder, **options) -> PretrainedLM:
    given = {"base": str(folder), "engine": "torch", "device": "cpu", "steps": 3, "batch_size": 8, **options}
    return PretrainedLM(**given)


@pytest.fixture(scope="module")
def fitted(long_folder):
    return model(long_folder).fit(visits())


@pytest.mark.parametrize("tuning", ["full", "lora"])
@pytest.mark.parametrize("form", FORMS)
def test_a_run_gives_the_same_rows_when_it_is_read_back(long_folder, tmp_path, form, tuning):
    table = visits()
    made = model(long_folder, serialization=form, tuning=tuning).fit(table)
    made.save(tmp_path / "run")
    rows = made.sample(40, seed=3)
    again = load_run(tmp_path / "run", device="cpu", engine="torch")
    pd.testing.assert_frame_equal(again.sample(40, seed=3), rows)
    assert list(rows.columns) == list(table.columns)
    assert rows["device"].dtype.categories.tolist() == ["android", "ios", "web"]
    assert rows["clicked"].dtype == bool
    assert rows["age"].between(table["age"].min(), table["age"].max()).all()
    assert rows["spend"].dropna().between(table["spend"].min(), table["spend"].max()).all()
    assert (rows["spend"].dropna() == rows["spend"].dropna().round(2)).all()
    assert rows["day"].between(table["day"].min(), table["day"].max()).all()
    assert set(rows["always"]) == {"x"}
    assert rows["id"].is_unique
    facts = again.describe()
    assert facts["serialization"] == form
    assert facts["tuning"] == tuning
    assert facts["held_out_loss"] > 0
    assert not [path for path in (tmp_path / "run").rglob("*") if path.suffix in (".pkl", ".bin", ".pt")]


@pytest.mark.parametrize("form", FORMS)
def test_every_row_keeps_the_conditions(long_folder, form):
    made = model(long_folder, serialization=form).fit(visits())
    rows = made.sample(60, where=["age between 30 and 40", "device in [ios, web]", "day >= 2024-03-10", "spend > 5"])
    assert len(rows) == 60
    assert rows["age"].between(30, 40).all()
    assert set(rows["device"]) <= {"ios", "web"}
    assert (rows["day"] >= "2024-03-10").all()
    assert (rows["spend"] > 5).all()
    assert made.sample(20, where="spend is missing")["spend"].isna().all()
    with pytest.raises(ConditionError, match="device"):
        made.sample(5, where="device=phone")


@pytest.mark.parametrize("form", FORMS)
def test_missing_cells_are_filled_and_others_kept(long_folder, form):
    table = visits()
    made = model(long_folder, serialization=form).fit(table)
    holes = table.head(30).astype({"clicked": object, "age": float})
    holes.loc[holes.index[::3], "age"] = np.nan
    holes.loc[holes.index[5], holes.columns != "always"] = None
    filled = made.complete(holes)
    assert not filled.drop(columns="note").isna().any(axis=None)
    for name in ("age", "spend", "clicked"):
        there = holes[name].notna()
        assert (filled[name][there].astype(float) == holes[name][there].astype(float)).all()
    assert (filled["device"] == holes["device"])[holes["device"].notna()].all()
    pd.testing.assert_frame_equal(made.complete(holes), filled)


def test_parts_that_are_done_are_left_out_and_the_others_are_the_same(fitted, monkeypatch):
    monkeypatch.setattr(pretrained, "PART_ROWS", 20)
    whole = list(fitted.sample_batches(70, seed=1))
    assert [len(part) for part in whole] == [20, 20, 20, 10]
    rest = list(fitted.sample_batches(70, seed=1, done=40))
    pd.testing.assert_frame_equal(pd.concat(rest), pd.concat(whole[2:]))
    assert pd.concat(whole)["id"].is_unique


def test_larger_models_have_smaller_parts():
    assert [pretrained._part_rows(size) for size in (1e6, 150e6, 300e6, 1.3e9, 70e9)] == [4096, 4096, 2048, 256, 256]


def test_random_weights_need_none_to_read(tmp_path):
    folder = tmp_path / "bare"
    shutil.copytree(folder_of("gpt2"), folder)
    made = model(folder, random_weights=True, tuning="lora", rank=2).fit(visits()[["device", "age"]])
    made.save(tmp_path / "run")
    again = PretrainedLM.load(tmp_path / "run", device="cpu", engine="torch")
    pd.testing.assert_frame_equal(again.sample(20, seed=0), made.sample(20, seed=0))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"serialization": "xml"}, "serialization must be one of compact, great, csv, table, not 'xml'"),
        ({"tuning": "qlora"}, "tuning must be one of auto, full, lora, dora, not 'qlora'"),
        ({"precision": "2bit"}, "precision must be one of auto, fp32, .* not '2bit'"),
        ({"tuning": "full", "precision": "4bit", "engine": "auto"}, "take --tuning lora"),
        ({"steps": 0}, "steps must be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0"),
        ({"temperature": 0}, "temperature must be above 0"),
        ({"seed": -1}, "seed must be 0 or above"),
    ],
)
def test_settings_out_of_range_are_refused(options, said):
    with pytest.raises(UsageError, match=said):
        model(folder_of("gpt2"), **options).check()


def test_bits_that_torch_does_not_have_here_are_refused_with_the_way_out(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "bitsandbytes" else found(name))
    with pytest.raises(EngineError, match="take --engine mlx"):
        model(folder_of("gpt2"), precision="4bit").check()


def test_a_row_that_is_too_long_is_refused_before_training(tmp_path):
    with pytest.raises(TableError, match=r"up to \d+ tokens and the model reads 96: take --serialization compact"):
        model(folder_of("gpt2"), serialization="great").fit(visits())


def test_what_the_machine_cannot_hold_is_refused_with_advice(monkeypatch):
    monkeypatch.setattr(memory, "machine_memory", lambda engine, device: 1e6)
    with pytest.raises(EngineError, match=r"GB are there: take --tuning lora, --precision bf16"):
        model(folder_of("gpt2")).fit(visits()[["device", "age"]])


def test_adapters_and_checkpointing_need_less_memory():
    from tabllm.hub.facts import read_facts
    from tabllm.lm.engines.base import Tuning

    facts = read_facts(folder_of("gpt2"))

    def needed(tuning, **options):
        return memory.training_memory(
            facts,
            precision="fp32",
            tuning=tuning,
            rows=32,
            tokens=40,
            used=100,
            engine="torch",
            device="cpu",
            **options,
        ).total

    lora, last = Tuning("lora", rank=2), Tuning("lora", rank=2, layers=1)
    sizes = [needed(each) for each in (Tuning("full"), lora, last, Tuning("lora", rank=2, checkpointing=True))]
    assert sizes == sorted(sizes, reverse=True)
    assert needed(last, vocabulary=True) > needed(last), "gradients of the embedding go through all blocks"
    assert memory.machine_memory("torch", "cpu") > 1e8


def test_a_model_that_has_learned_nothing_says_so():
    with pytest.raises(UsageError, match="call fit"):
        model(folder_of("gpt2")).sample(1)


def test_names_that_are_no_model_are_refused():
    with pytest.raises(UsageError, match="no model 'gtp2'; did you mean 'gpt2'"):
        create("gtp2")
    with pytest.raises(UsageError, match="has no option 'bins_'"):
        create("gpt2", bins_=3)
    with pytest.raises(TabllmError, match="nowhere"):
        create("./nowhere", engine="torch", device="cpu").fit(visits())


class TestDamagedRuns:
    @pytest.fixture
    def run(self, tmp_path):
        base = tmp_path / "base"
        shutil.copytree(folder_of("gpt2"), base)
        model(base, tuning="lora", rank=2).fit(visits()[["device", "age"]]).save(tmp_path / "run")
        return tmp_path / "run"

    def test_without_its_adapter(self, run):
        (run / "trained.safetensors").unlink()
        with pytest.raises(RunError, match=r"lacks its file trained.safetensors"):
            load_run(run)

    def test_with_half_an_adapter(self, run):
        path = run / "trained.safetensors"
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(RunError, match="is damaged"):
            load_run(run)

    def test_without_its_codec(self, run):
        (run / "codec.json").unlink()
        with pytest.raises(RunError, match=r"lacks its file codec.json"):
            load_run(run)

    def test_without_its_tokenizer(self, run):
        (run / "model" / "tokenizer.json").unlink()
        with pytest.raises(RunError, match="tokenizer"):
            load_run(run)

    def test_whose_base_is_gone(self, run, tmp_path):
        shutil.rmtree(tmp_path / "base")
        with pytest.raises(TabllmError, match="base"):
            load_run(run).sample(5)

    def test_that_is_of_a_newer_version(self, run):
        config = json.loads((run / "config.json").read_text())
        (run / "config.json").write_text(json.dumps({**config, "version": 99}))
        with pytest.raises(RunError, match="newer tabllm"):
            load_run(run)

    def test_asked_for_what_it_cannot_do(self, run):
        with pytest.raises(UsageError, match="takes no 'frequency'"):
            load_run(run, frequency=3)


def test_a_bin_that_partly_keeps_a_condition_counts_by_its_part():
    """With tokens of the table's own a number is a bin; asked for a part of the range, bins on its ends are cut."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"size": np.round(rng.uniform(0, 1000, 3000), 1), "kind": rng.choice(["a", "b"], 3000)})
    made = model(folder_of("gpt2"), serialization="table", bins=4, steps=40, batch_size=32).fit(table)
    asked = made.sample(4000, where="size >= 400", seed=1)["size"]
    assert asked.min() >= 400
    # Four bins of 250: of the second two fifths are left. Were it counted whole, 43 % of the rows would lie in it.
    free = made.sample(20_000, seed=2)["size"]
    wanted = ((free >= 400) & (free < 500)).sum() / (free >= 400).sum()
    assert ((asked < 500).mean()) == pytest.approx(wanted, abs=0.03)
