"""A fit goes on only under the settings that it began with, and a run keeps every one of them."""

from __future__ import annotations

import inspect
import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tabllm  # noqa: F401 (registers its generators)
from tabular.dp.settings import Privacy
from tabular.errors import RunError
from tabular.progress import Reporter, Task
from tabular.registry import create, load_run

#: Settings of a fit that is over in no time, and differ from every default.
NEURAL = {"steps": 4, "epochs": 7.0, "batch_size": 20, "seed": 3, "rare_below": 1, "device": "cpu"}
NANO = {**NEURAL, "learning_rate": 3e-3, "bins": 16, "layers": 1, "width": 16, "heads": 2}
LM = {
    **NEURAL,
    "batch_size": 8,
    "learning_rate": 3e-3,
    "engine": "torch",
    "precision": "fp32",
    "tuning": "lora",
    "serialization": "table",
    "accumulate": 2,
    "checkpointing": True,
    "rank": 3,
    "temperature": 0.9,
    "top_k": 40,
    "top_p": 0.95,
    "random_weights": True,
    "bins": 16,
    "lora_scale": 1.5,
    "lora_dropout": 0.1,
    "lora_layers": 1,
    "max_cell_tokens": 30,
}
GIVEN = {
    "nano": NANO,
    "ctgan": {
        **NEURAL,
        "embedding_dim": 8,
        "generator_dim": (9,),
        "discriminator_dim": (11, 10),
        "generator_lr": 1e-3,
        "generator_decay": 1e-5,
        "discriminator_lr": 3e-3,
        "discriminator_decay": 1e-4,
        "discriminator_steps": 2,
        "log_frequency": False,
        "pac": 2,
        "numbers": "quantiles",
        "calibrate": False,
    },
    "tvae": {
        **NEURAL,
        "embedding_dim": 6,
        "compress_dims": (9,),
        "decompress_dims": (10,),
        "learning_rate": 3e-3,
        "l2scale": 1e-4,
        "loss_factor": 1.5,
        "numbers": "quantiles",
        "calibrate": False,
    },
    "tabddpm": {
        **NEURAL,
        "num_timesteps": 6,
        "d_layers": (8,),
        "dropout": 0.1,
        "learning_rate": 1e-3,
        "weight_decay": 1e-3,
        "target": "device",
        "sampling_steps": 3,
        "calibrate": False,
    },
    "tabcascade": {
        **NEURAL,
        "width": 8,
        "depth": 1,
        "dropout": 0.1,
        "flow_steps": 3,
        "learning_rate": 2e-3,
        "weight_decay": 1e-3,
    },
    "lm": LM,
}
#: Another value of each setting.
OTHER = {
    "steps": 5,
    "epochs": 8.0,
    "batch_size": 10,
    "seed": 4,
    "rare_below": 2,
    "learning_rate": 4e-3,
    "bins": 20,
    "layers": 2,
    "width": 12,
    "heads": 4,
    "embedding_dim": 7,
    "generator_dim": (8,),
    "discriminator_dim": (8,),
    "generator_lr": 2e-3,
    "generator_decay": 1e-3,
    "discriminator_lr": 1e-4,
    "discriminator_decay": 1e-3,
    "discriminator_steps": 1,
    "log_frequency": True,
    "pac": 1,
    "numbers": "modes",
    "calibrate": True,
    "compress_dims": (8,),
    "decompress_dims": (8,),
    "l2scale": 1e-2,
    "loss_factor": 3.0,
    "num_timesteps": 7,
    "d_layers": (9,),
    "dropout": 0.2,
    "weight_decay": 1e-2,
    "target": None,
    "sampling_steps": 2,
    "depth": 2,
    "flow_steps": 4,
    "precision": "bf16",
    "tuning": "dora",
    "serialization": "csv",
    "accumulate": 1,
    "checkpointing": False,
    "rank": 2,
    "temperature": 0.8,
    "top_k": 30,
    "top_p": 0.9,
    "random_weights": False,
    "max_cell_tokens": None,
    "lora_scale": 1.0,
    "lora_dropout": 0.0,
    "lora_layers": 2,
}
#: What says how a machine computes, and not what.
OF_THE_MACHINE = {"device", "engine", "verbose"}
#: Of the base model of an LM, which is another folder, and of private fits, which have tests of their own.
ELSEWHERE = OF_THE_MACHINE | {"base", "revision", "privacy"}


class Stopping(Reporter):
    """Is Ctrl-C at update number ``at``, and remembers what was noted."""

    def __init__(self, at: int) -> None:
        self.at, self.notes = at, []

    def note(self, message: str) -> None:
        self.notes.append(message)

    @contextmanager
    def task(self, label, total, unit):
        yield _StoppingTask(self.at)


class _StoppingTask(Task):
    def __init__(self, at: int) -> None:
        self.at, self.done = at, 0

    def advance(self, amount=1, text=""):
        self.done += amount
        if amount and self.done > self.at:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"device": rng.choice(["ios", "web"], 60), "spend": rng.gamma(2, 20, 60).round(1)})


@pytest.fixture(scope="module", params=GIVEN)
def name_and_settings(request, tmp_path_factory):
    settings = dict(GIVEN[request.param])
    if request.param == "lm":
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(Path(__file__).parent))
            from tiny_models import make_model
        settings["base"] = str(make_model(tmp_path_factory.mktemp("models") / "base"))
    return request.param, settings


def begun(name, settings, table, folder, at) -> list[str]:
    """What is noted of a fit that is interrupted after ``at`` updates."""
    reporter = Stopping(at)
    with pytest.raises(KeyboardInterrupt):
        create(name, **settings).fit(table, progress=reporter, checkpoint=folder)
    return [note for note in reporter.notes if note.startswith("Going on")]


def test_a_fit_under_any_other_setting_begins_anew(name_and_settings, table, tmp_path, monkeypatch):
    monkeypatch.setattr("tabllm.lm.training.trainer.FineTuning.checkpoint_seconds", 0.0)
    name, settings = name_and_settings
    assert begun(name, settings, table, tmp_path / "first", 2) == []
    for option in set(inspect.signature(type(create(name, **settings))).parameters) - ELSEWHERE:
        changed = {**settings, option: OTHER[option]}
        shutil.copytree(tmp_path / "first", tmp_path / option)
        assert begun(name, changed, table, tmp_path / option, 0) == [], option
    assert begun(name, settings, table, tmp_path / "first", 2) != []


def test_a_run_gives_every_setting_back(name_and_settings, table, tmp_path):
    name, settings = name_and_settings
    create(name, **settings).fit(table).save(tmp_path / "run")
    again = load_run(tmp_path / "run", device="cpu")
    wanted = {option: value for option, value in settings.items() if option not in OF_THE_MACHINE}
    if "base" in wanted:  # a run names a local base without saying where it lies
        wanted["base"] = Path(wanted["base"]).name
    assert {option: getattr(again, option) for option in wanted} == wanted
    defaults = inspect.signature(type(again)).parameters
    assert not [option for option, value in wanted.items() if value == defaults[option].default]


def test_a_run_without_recorded_settings_has_the_defaults(name_and_settings, table, tmp_path):
    """Runs of older versions tell the architecture at most."""
    name, settings = name_and_settings
    model = create(name, **settings).fit(table)
    model.save(tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    config = json.loads(path.read_text())
    shape = (
        "embedding_dim",
        "generator_dim",
        "compress_dims",
        "decompress_dims",
        "num_timesteps",
        "d_layers",
        "width",
        "depth",
        "target",
        "numbers",
        "calibrate",
    )
    config["options"] = {option: value for option, value in config["options"].items() if option in shape}
    path.write_text(json.dumps(config))
    again = load_run(tmp_path / "run", device="cpu")
    assert again.settings()["seed"] == 3
    assert again.settings()["epochs"] == inspect.signature(type(again)).parameters["epochs"].default


def test_settings_that_cannot_be_are_told_as_damage(table, tmp_path):
    create("nano", **NANO).fit(table).save(tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    config = json.loads(path.read_text())
    for change in ({"batch_size": -1}, {"no_such_option": 1}, {"steps": "many"}):
        path.write_text(json.dumps({**config, "options": {**config["options"], **change}}))
        with pytest.raises(RunError, match="damaged"):
            load_run(tmp_path / "run", device="cpu")


def test_a_private_run_says_what_was_asked_for_but_not_the_seed_of_its_noise(table, tmp_path):
    privacy = Privacy(3.0, clip=0.5, public_schema=True, noise_seed=1)
    create("nano", **NANO, privacy=privacy).fit(table).save(tmp_path / "run")
    assert "noise_seed" not in (tmp_path / "run" / "config.json").read_text()
    assert load_run(tmp_path / "run", device="cpu").privacy == Privacy(3.0, clip=0.5, public_schema=True)
