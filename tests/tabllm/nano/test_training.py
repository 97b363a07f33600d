"""Training learns, stops, and goes on after an interruption as if there had been none."""

from __future__ import annotations

import contextlib
import os
import signal

import numpy as np
import pytest

from tabllm.decoding.orders import draw_orders, order_with_first
from tabllm.nano.config import NanoConfig, initial_weights
from tabllm.nano.engines.torch_engine import TorchEngine
from tabllm.nano.trainer import Plan, plan_training, train
from tabular.errors import OutputError
from tabular.progress import Reporter, Task

SIZES = (2, 4, 4)
GROUPS = np.array([0, 1, 2])


@pytest.fixture
def tokens() -> np.ndarray:
    """The third field repeats the second, so there is something to learn."""
    rng = np.random.default_rng(0)
    second = rng.integers(0, 4, 600)
    return np.stack([rng.integers(0, 2, 600), second, second], axis=1).astype(np.int32)


def fresh(seed: int = 0) -> TorchEngine:
    config = NanoConfig(SIZES, width=16, layers=1, heads=2)
    return TorchEngine(config, initial_weights(config, np.zeros(config.vocabulary), seed=seed))


def plan(**changes) -> Plan:
    return Plan(**{"steps": 60, "batch_rows": 64, "look_every": 10, "learning_rate": 5e-3, "seed": 0, **changes})


class Stopping(Reporter):
    """Presses Ctrl-C at a step."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.notes: list[str] = []

    @contextlib.contextmanager
    def task(self, label, total, unit):
        outer = self

        class Counting(Task):
            def advance(self, amount=1, text=""):
                outer.left -= 1
                if outer.left == 0:
                    os.kill(os.getpid(), signal.SIGINT)

        yield Counting()

    def note(self, message):
        self.notes.append(message)


def test_the_held_out_loss_falls_far_below_that_of_independent_fields(tokens):
    done = train(fresh(), tokens, GROUPS, plan(steps=200, look_every=50), progress=Reporter())
    independent = np.log(2) + 2 * np.log(4)
    # The orders that are looked at give columns at random: the second copy is free, whichever comes first.
    assert done.history[-1]["held_out_loss"] < independent - 0.9 * np.log(4)
    assert [look["step"] for look in done.history] == [50, 100, 150, 200]


@pytest.mark.parametrize("at", [7, 35])
def test_an_interrupted_run_goes_on_to_the_same_weights(tokens, tmp_path, at):
    whole = train(fresh(), tokens, GROUPS, plan(), progress=Reporter())
    stopping = Stopping(at)
    with pytest.raises(KeyboardInterrupt):
        train(fresh(), tokens, GROUPS, plan(), progress=stopping, checkpoint=tmp_path / "left")
    going_on = Stopping(10**9)
    resumed = train(fresh(9), tokens, GROUPS, plan(), progress=going_on, checkpoint=tmp_path / "left")
    assert "Going on from step" in going_on.notes[0]
    for name, value in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], value)
    assert [look["held_out_loss"] for look in resumed.history] == [look["held_out_loss"] for look in whole.history]


@pytest.mark.parametrize("change", ["data", "plan"])
def test_a_checkpoint_of_other_data_or_settings_is_not_gone_on_from(tokens, tmp_path, change):
    with pytest.raises(KeyboardInterrupt):
        train(fresh(), tokens, GROUPS, plan(), progress=Stopping(20), checkpoint=tmp_path)
    other = tokens[::-1].copy() if change == "data" else tokens
    reporter = Stopping(10**9)
    train(fresh(), other, GROUPS, plan(seed=int(change == "plan")), progress=reporter, checkpoint=tmp_path)
    assert not reporter.notes


def test_training_stops_when_the_held_out_loss_rises_and_the_best_weights_are_kept():
    noise = np.random.default_rng(0).integers(0, (2, 4, 4), (80, 3)).astype(np.int32)
    engine = fresh()
    done = train(engine, noise, GROUPS, plan(steps=3000, batch_rows=16, look_every=20), progress=Reporter())
    assert done.stopped_early
    losses = [look["held_out_loss"] for look in done.history]
    assert losses.index(min(losses)) == len(losses) - 4  # three looks without a better one
    last = engine.averaged()
    assert any((done.weights[name] != last[name]).any() for name in last)


def test_a_checkpoint_that_cannot_be_written_is_one_sentence(tokens, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        train(fresh(), tokens, GROUPS, plan(steps=10), progress=Reporter(), checkpoint=tmp_path / "file" / "left")


def test_the_plan_follows_the_size_of_the_table_and_what_was_asked_for():
    assert plan_training(2, learning_rate=1e-3, seed=0).batch_rows == 16
    assert plan_training(10**7, learning_rate=1e-3, seed=0).steps == 4000
    assert plan_training(1000, epochs=2, batch_rows=50, learning_rate=1e-3, seed=0).steps == 38
    assert plan_training(1000, steps=5, learning_rate=1e-3, seed=0).steps == 5


def test_orders_are_permutations_that_keep_the_halves_of_a_value_together():
    groups = np.array([0, 1, 1, 2])
    orders = draw_orders(4000, groups, plain_share=0.5, rng=np.random.default_rng(0))
    assert (np.sort(orders, axis=1) == np.arange(4)).all()
    first_half = np.argmax(orders == 1, axis=1)
    assert (orders[np.arange(4000), first_half + 1] == 2).all()
    plain = (orders == np.arange(4)).all(axis=1).mean()
    assert 0.5 < plain < 0.95
    assert order_with_first([3, 0], 4) == [0, 3, 1, 2]
