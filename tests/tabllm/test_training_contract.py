"""What the training of every generator keeps to: it is interrupted and goes on, and it outlives a loss of NaN."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tabllm  # noqa: F401 (registers its generators)
from tabular import Privacy, Reporter
from tabular.registry import create, model_names
from tabular.training import loop

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parent))
    from tiny_models import make_model

#: Updates of each fit; the update (from 0) at which something happens, and how many lie between evaluations.
STEPS, AT, EVAL_EVERY = 6, 4, 3
TINY: dict[str, Any] = {"steps": STEPS, "device": "cpu", "seed": 3, "batch_size": 20}
#: Of generators that other options make smaller, or that need some.
OPTIONS: dict[str, dict[str, Any]] = {
    "ctgan": {"generator_dim": [8], "discriminator_dim": [8], "calibrate": False},
    "tabddpm": {"d_layers": [8], "num_timesteps": 4, "calibrate": False},
    "tvae": {"compress_dims": [8], "decompress_dims": [8], "calibrate": False},
    "tabcascade": {"width": 8},
    "nano": {"width": 16, "heads": 2, "layers": 1},
    "lm": {"batch_size": 8, "serialization": "table"},
    "sequences": {"by": "user", "time": "day"},
}
#: Names of 'lm' with weights that are downloaded; generators with two engines; generators that can be private.
DOWNLOADS = ("gpt2", "distilgpt2", "deepseek-coder-1.3b")
ENGINES, PRIVATE = ("nano", "lm"), ("nano", "tvae", "tabddpm")


@dataclass(frozen=True)
class Case:
    """A generator, and options beside those of its name."""

    name: str
    options: dict[str, Any]


def cases() -> list[Case]:
    names = [name for name in (*model_names(), "sequences") if name not in DOWNLOADS]
    plain = [Case(name, {}) for name in names if name not in ENGINES]
    engines = [Case(name, {"engine": engine}) for name in ENGINES for engine in ("torch", "mlx")]
    privacy = Privacy(3.0, public_schema=True, noise_seed=1)
    return plain + engines + [Case(name, {"privacy": privacy}) for name in PRIVATE]


@pytest.fixture(scope="module", params=cases(), ids=lambda case: f"{case.name} {' '.join(map(str, case.options))}")
def case(request) -> Case:
    if request.param.options.get("engine") == "mlx":
        pytest.importorskip("mlx.core")
    return request.param


@pytest.fixture(scope="module", autouse=True)
def few_evaluations():
    """One every third update, so that fits are interrupted between two; and little is made to calibrate by."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tabular.neural.base.EVALUATIONS", 2)
        patch.setattr("tabular.neural.base.CALIBRATION_ROWS", 200)
        patch.setattr("tabllm.nano.private_trainer.EVALUATIONS", 2)
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> str:
    return str(make_model(tmp_path_factory.mktemp("models") / "base"))


@pytest.fixture(scope="module")
def table(case) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    device, spend = rng.choice(["ios", "web"], 80), rng.gamma(2, 20, 80).round(1)
    found = pd.DataFrame({"device": device, "spend": spend, "clicks": rng.poisson(2, 80)})
    if case.name == "sequences":
        found["day"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 90, 80), unit="D")
        found["user"] = [f"c{number // 4:02d}" for number in range(80)]
    return found


def fitted(case: Case, base: str, table: pd.DataFrame, **how: Any):
    options = {**TINY, **OPTIONS.get(case.name, {}), **case.options}
    return create(case.name, **options, **({"base": base} if case.name == "lm" else {})).fit(table, **how)


@pytest.fixture(scope="module")
def whole(case, base, table) -> pd.DataFrame:
    """Rows of the fit that nothing befell."""
    return fitted(case, base, table).sample(40)


class Watched:
    """Notes the updates of every learner, and has something happen once, at update ``at``."""

    def __init__(self, monkeypatch, at: int, happen) -> None:
        self.updates: list[int] = []
        self.learner = None
        begin = loop._Run._begin

        def begun(run) -> None:
            begin(run)
            self.learner, step = run.learner, run.learner.step

            def watched(number: int) -> Any:
                self.updates.append(number)
                if number == at and self.updates.count(at) == 1:
                    happen(run.learner)
                return step(number)

            run.learner.step = watched

        monkeypatch.setattr(loop._Run, "_begin", begun)


class Notes(Reporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, message: str) -> None:
        self.lines.append(message)


def test_an_interrupted_fit_goes_on_to_the_same_rows(case, base, table, whole, tmp_path, monkeypatch):
    seen = Watched(monkeypatch, AT, lambda learner: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        fitted(case, base, table, checkpoint=tmp_path)
    notes = Notes()
    resumed = fitted(case, base, table, checkpoint=tmp_path, progress=notes)
    first = AT + 1 if seen.learner.resumes_anywhere else EVAL_EVERY
    if case.name != "sequences":  # which has several networks
        assert seen.updates == [*range(AT + 1), *range(first, STEPS)]
    assert f"Going on from step {first:,} of {STEPS}." in notes.lines
    pd.testing.assert_frame_equal(resumed.sample(40), whole)
    if "privacy" in case.options:
        assert resumed.facts["privacy"]["steps"] == STEPS


def ruin(learner) -> None:
    """Make every weight and moment NaN."""
    state = learner.on_host(learner.state())
    learner.restore({name: value * np.nan if value.dtype.kind == "f" else value for name, value in state.items()})


def test_a_fit_outlives_weights_that_are_not_numbers(case, base, table, tmp_path, monkeypatch):
    seen, notes = Watched(monkeypatch, AT, ruin), Notes()
    model = fitted(case, base, table, checkpoint=tmp_path, progress=notes)
    assert [note for note in notes.lines if note.endswith("at half the step size.")]
    assert seen.updates[-1] == STEPS - 1
    assert all(np.isfinite(list(entry.values())).all() for entry in model.history)
    assert np.isfinite(model.sample(40)["spend"]).all()
    if "privacy" in case.options:  # what a lost update cost is spent, and it is not made again
        assert seen.updates == list(range(STEPS))
        assert model.facts["privacy"]["steps"] == STEPS
    else:
        assert len(seen.updates) > STEPS
