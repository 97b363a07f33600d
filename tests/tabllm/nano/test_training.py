"""Training learns, and stops where nothing more is to be learned."""

from __future__ import annotations

import numpy as np
import pytest

from tabllm.decoding.orders import draw_orders, order_with_first
from tabllm.nano.config import NanoConfig, initial_weights
from tabllm.nano.engines.torch_engine import TorchEngine
from tabllm.nano.trainer import Plan, plan_training, train
from tabular.progress import Reporter

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
    return Plan(**{"steps": 60, "batch_rows": 64, "eval_every": 10, "learning_rate": 5e-3, "seed": 0, **changes})


def test_the_held_out_loss_falls_far_below_that_of_independent_fields(tokens):
    done = train(fresh(), tokens, GROUPS, plan(steps=200, eval_every=50), progress=Reporter())
    independent = np.log(2) + 2 * np.log(4)
    # The orders that are looked at give columns at random: the second copy is free, whichever comes first.
    assert done.history[-1]["held_out_loss"] < independent - 0.9 * np.log(4)
    assert [entry["step"] for entry in done.history] == [50, 100, 150, 200]


def test_training_stops_when_the_held_out_loss_rises_and_the_best_weights_are_kept():
    noise = np.random.default_rng(0).integers(0, (2, 4, 4), (80, 3)).astype(np.int32)
    engine = fresh()
    done = train(engine, noise, GROUPS, plan(steps=3000, batch_rows=16, eval_every=20), progress=Reporter())
    assert done.stopped_early
    losses = [entry["held_out_loss"] for entry in done.history]
    assert losses.index(min(losses)) == len(losses) - 4  # three evaluations without a better one
    last = engine.averaged()
    assert any((done.weights[name] != last[name]).any() for name in last)


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
