"""The command line with a pretrained model: one small fit, and everything that can be done with its run."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_models import folder_of


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> Path:
    """A folder with ``visits.csv``, ``base/`` and a run, fitted once."""
    from tabllm.cli.main import main

    folder = tmp_path_factory.mktemp("lm")
    shutil.copytree(folder_of("gpt2"), folder / "base")
    rng = np.random.default_rng(0)
    pd.DataFrame(
        {
            "age": rng.integers(18, 60, 200),
            "device": rng.choice(["ios", "web"], 200),
            "clicked": rng.integers(0, 2, 200),
        }
    ).to_csv(folder / "visits.csv", index=False)
    with pytest.raises(SystemExit) as exit_:
        main(
            [
                "--quiet",
                "fit",
                str(folder / "visits.csv"),
                "-m",
                str(folder / "base"),
                "-o",
                str(folder / "run"),
                "--steps",
                "4",
                "--batch-size",
                "8",
                "--engine",
                "torch",
                "--device",
                "cpu",
            ]
        )
    assert not exit_.value.code
    return folder


def test_fit_says_how_much_memory_it_needs(here, run_tabllm):
    done = run_tabllm("fit", "visits.csv", "-m", "./base", "--steps", 2, "--device", "cpu", "--engine", "torch")
    assert done.code == 0, done.err
    assert " of memory: weights " in " ".join(done.err.split())
    assert Path("visits-run/model/model.safetensors").is_file()


def test_rows_are_made_with_conditions(here, run_tabllm):
    done = run_tabllm("sample", "run", "-n", 50, "-w", "clicked=1", "-w", "age<30", "-o", "s.csv", "--device", "cpu")
    assert done.code == 0, done.err
    made = pd.read_csv("s.csv")
    assert len(made) == 50
    assert set(made["clicked"]) == {1}
    assert made["age"].max() < 30


def test_the_same_seed_gives_the_same_file(here, run_tabllm):
    for name in ("a.csv", "b.csv"):
        assert run_tabllm("sample", "run", "-n", 30, "--seed", 4, "-o", name, "--device", "cpu").code == 0
    assert Path("a.csv").read_text() == Path("b.csv").read_text()


def test_likelier_values_where_that_is_asked_for(here, run_tabllm):
    done = run_tabllm("sample", "run", "-n", 30, "--top-k", 1, "-o", "s.csv", "--device", "cpu")
    assert done.code == 0, done.err
    assert len(pd.read_csv("s.csv").drop_duplicates()) == 1


def test_weights_of_fewer_bits(here, run_tabllm):
    pytest.importorskip("mlx_lm")
    done = run_tabllm("sample", "run", "-n", 20, "--precision", "4bit", "-o", "s.csv", "--device", "cpu")
    assert done.code == 0, done.err
    assert len(pd.read_csv("s.csv")) == 20


def test_what_a_run_is(here, run_tabllm):
    done = run_tabllm("info", "run", "--json", "-")
    assert done.code == 0
    facts = json.loads(done.out)
    assert facts["serialization"] == "compact"
    assert facts["tuning"] == "full"
    assert facts["steps"] == 4


def test_missing_cells_are_filled(here, run_tabllm):
    holes = pd.read_csv("visits.csv").head(20).astype(object)
    holes.loc[::2, "age"] = None
    holes.to_csv("holes.csv", index=False)
    done = run_tabllm("impute", "run", "holes.csv", "-o", "filled.csv", "--device", "cpu")
    assert done.code == 0, done.err
    filled = pd.read_csv("filled.csv")
    assert not filled.isna().any(axis=None)
    assert (filled["age"][1::2] == holes["age"][1::2].astype(int)).all()


def test_a_plain_folder_is_written(here, run_tabllm):
    done = run_tabllm("export", "run", "-o", "plain")
    assert done.code == 0, done.err
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= {
        p.name for p in Path("plain").iterdir()
    }
    assert run_tabllm("export", "run", "-o", "plain").code == 2, "an existing folder is not replaced unasked"
    done = run_tabllm("export", "run", "-o", "adapter", "--adapter", "peft")
    assert (done.code, Path("adapter").exists()) == (2, False)
    assert "it has no adapter: export it without --adapter" in " ".join(done.err.split())


def test_an_adapter_is_written_alone(here, run_tabllm):
    done = run_tabllm(
        "fit",
        "visits.csv",
        "-m",
        "./base",
        "--tuning",
        "lora",
        "--steps",
        1,
        "--device",
        "cpu",
        "--engine",
        "torch",
        "-o",
        "lora",
    )
    assert done.code == 0, done.err
    shutil.rmtree("base")  # no weight of the model is needed
    for form, name in (("peft", "adapter_model.safetensors"), ("mlx", "adapters.safetensors")):
        done = run_tabllm("export", "lora", "-o", form, "--adapter", form)
        assert done.code == 0, done.err
        assert {path.name for path in Path(form).iterdir()} == {name, "adapter_config.json", "README.md", ".tabllm"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("-m", "gpt-2"), 2, "did you mean 'gpt2'"),
        (("-m", "./nowhere"), 2, "./nowhere"),
        (("-m", "nano", "--precision", "4bit"), 2, "'nano' has no option 'precision'"),
        (("-m", "./base", "--precision", "4bit", "--tuning", "full"), 2, "--tuning lora"),
        (("-m", "./base", "--precision", "4bit", "--engine", "torch", "--device", "cpu"), 1, "--engine mlx"),
        (("-m", "./base", "--learning-rate", "-1"), 2, "-1.0 is not in the range x>0"),
    ],
)
def test_what_cannot_be_is_one_sentence(here, run_tabllm, monkeypatch, arguments, code, said):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "bitsandbytes" else found(name))
    done = run_tabllm("fit", "visits.csv", "-o", "other-run", *arguments)
    assert done.code == code
    assert said in done.message
    assert not Path("other-run").exists()


def test_a_killed_sample_goes_on(here, run_tabllm, monkeypatch):
    from tabllm.lm import pretrained

    monkeypatch.setattr(pretrained, "PART_ROWS", 20)
    assert run_tabllm("sample", "run", "-n", 70, "-o", "whole.csv", "--device", "cpu").code == 0
    original = pretrained.LmSampler.sample
    calls = []

    def stop_at_the_third(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    monkeypatch.setattr(pretrained.LmSampler, "sample", stop_at_the_third)
    done = run_tabllm("sample", "run", "-n", 70, "-o", "s.csv", "--device", "cpu")
    assert done.code == 130
    assert "s.csv.partial/ holds 40 rows" in done.err
    done = run_tabllm("sample", "run", "-n", 70, "-o", "s.csv", "--device", "cpu")
    assert done.code == 0
    assert len(calls) == 5, "two parts are left to make"
    assert Path("s.csv").read_bytes() == Path("whole.csv").read_bytes()
