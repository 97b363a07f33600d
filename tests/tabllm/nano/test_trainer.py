"""Training under awkward circumstances: stopped at any step, left with damaged checkpoints, fed with noise."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from tabllm.nano import trainer
from tabllm.nano.config import NanoConfig, initial_weights
from tabllm.nano.engines.rank_kernel import rank_kernels
from tabllm.nano.engines.torch_engine import TorchEngine
from tabllm.nano.trainer import Plan, plan_training, train
from tabular.errors import TabllmError
from tabular.progress import Reporter, Task

SIZES = (2, 5, 5)
GROUPS = np.arange(3)
PLAN = Plan(steps=30, batch_rows=32, eval_every=10, learning_rate=5e-3, seed=0)


class Counting(Reporter):
    """Counts the steps, and presses Ctrl-C once at one of them."""

    def __init__(self, stop_after: int = -1) -> None:
        self.stop_after, self.done, self.finished = stop_after, 0.0, False
        self.notes: list[str] = []

    @contextlib.contextmanager
    def task(self, label, total, unit):
        outer = self

        class Pressing(Task):
            def advance(self, amount=1, text=""):
                outer.done += amount
                if outer.done == outer.stop_after:
                    os.kill(os.getpid(), signal.SIGINT)

            def finish(self, text=""):
                outer.finished = True

        yield Pressing()

    def note(self, message):
        self.notes.append(message)


@pytest.fixture(scope="module")
def tokens() -> np.ndarray:
    """A coin, a number, and a number that follows the coin."""
    rng = np.random.default_rng(0)
    coin = rng.integers(0, 2, 400)
    return np.stack([coin, rng.integers(0, 5, 400), 4 * coin], axis=1).astype(np.int32)


#: The second field is a number.
KERNELS = rank_kernels(
    [0, 2, 7, 12], np.array([np.nan] * 2 + [0.1, 0.3, 0.5, 0.7, 0.9] + [np.nan] * 5, np.float32), np.zeros(12)
)


def fresh(tokens: np.ndarray | None = None, seed: int = 0, width: int = 16) -> TorchEngine:
    config = NanoConfig(SIZES, width=width, layers=1, heads=2)
    logs = np.zeros(config.vocabulary)
    if tokens is not None:
        counts = [np.bincount(tokens[:, f], minlength=size) + 0.1 for f, size in enumerate(SIZES)]
        logs = np.concatenate([np.log(c / c.sum()) for c in counts])
    return TorchEngine(config, initial_weights(config, logs, seed=seed))


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> None:
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(second[name], value)


@pytest.fixture(scope="module")
def whole(tokens):
    return train(fresh(), tokens, GROUPS, PLAN, progress=Reporter())


def interrupt(tokens, folder, at, plan=PLAN) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(fresh(), tokens, GROUPS, plan, progress=Counting(at), checkpoint=folder)


@pytest.mark.parametrize("at", [9, 10])
def test_a_run_stopped_at_any_step_goes_on_to_the_same_bits(tokens, whole, tmp_path, at):
    interrupt(tokens, tmp_path, at)
    going_on = Counting()
    resumed = train(fresh(seed=7), tokens, GROUPS, PLAN, progress=going_on, checkpoint=tmp_path)
    assert going_on.notes == [f"Going on from step {at} of 30."]
    assert going_on.done == 30
    assert going_on.finished
    same(whole.weights, resumed.weights)


@pytest.mark.parametrize(
    "change", [{"steps": 31}, {"batch_rows": 16}, {"eval_every": 5}, {"learning_rate": 4e-3}, {"seed": 1}]
)
def test_a_checkpoint_of_another_plan_is_left_alone(tokens, tmp_path, change):
    interrupt(tokens, tmp_path, 12)
    other, reporter = replace(PLAN, **change), Counting()
    done = train(fresh(), tokens, GROUPS, other, progress=reporter, checkpoint=tmp_path)
    assert reporter.notes == []
    same(train(fresh(), tokens, GROUPS, other, progress=Reporter()).weights, done.weights)


def test_a_run_of_smoothed_numbers_goes_on_to_the_same_bits(tokens, whole, tmp_path):
    smooth = train(fresh(), tokens, GROUPS, PLAN, progress=Reporter(), kernels=KERNELS)
    with pytest.raises(KeyboardInterrupt):
        train(fresh(), tokens, GROUPS, PLAN, progress=Counting(13), checkpoint=tmp_path, kernels=KERNELS)
    plain, reporter = Counting(), Counting()
    same(whole.weights, train(fresh(), tokens, GROUPS, PLAN, progress=plain, checkpoint=tmp_path).weights)
    assert plain.notes == []
    with pytest.raises(KeyboardInterrupt):
        train(fresh(), tokens, GROUPS, PLAN, progress=Counting(13), checkpoint=tmp_path, kernels=KERNELS)
    resumed = train(fresh(), tokens, GROUPS, PLAN, progress=reporter, checkpoint=tmp_path, kernels=KERNELS)
    assert reporter.notes == ["Going on from step 13 of 30."]
    same(smooth.weights, resumed.weights)


@pytest.mark.parametrize("change", ["one cell", "columns", "width"])
def test_a_checkpoint_of_other_data_or_of_another_shape_is_left_alone(tokens, tmp_path, change):
    interrupt(tokens, tmp_path, 12)
    other = tokens.copy()
    other[5, 1] = (other[5, 1] + 1) % 5 if change == "one cell" else other[5, 1]
    groups = np.array([0, 1, 1]) if change == "columns" else GROUPS
    reporter = Counting()
    train(fresh(width=24 if change == "width" else 16), other, groups, PLAN, progress=reporter, checkpoint=tmp_path)
    assert reporter.notes == []


def test_what_depends_on_each_other_is_learned(tokens):
    plan = replace(PLAN, steps=150, eval_every=50)
    done = train(fresh(tokens), tokens, GROUPS, plan, progress=Reporter())
    # The third follows the first whichever is given, so one bit and one number are all there is to a row.
    assert done.history[-1]["held_out_loss"] < np.log(2) + np.log(5) + 0.2
    engine = TorchEngine(fresh().config, done.weights)
    cache = engine.new_cache(2)
    hidden = engine.append(cache, np.array([[0, 2], [1, 2]], np.int32), [0, 1, 2], 0)
    share = engine.probabilities(hidden, 2)
    assert share[0, 0] > 0.9
    assert share[1, 4] > 0.9


def test_what_few_held_out_rows_say_draws_no_field_back():
    losses = np.array([[1.2, 1.0], [1.1, 1.0], [1.1, 1.0], [1.1, 1.0], [1.0, 1.0]], np.float32)
    assert trainer._chosen_shares(losses, 25).tolist() == [4, 0]
    assert trainer._chosen_shares(losses, 5).tolist() == [0, 0]
    assert trainer._chosen_shares(losses, 5, [1]).tolist() == [0, 4]


def test_a_field_that_is_learned_by_heart_is_drawn_back_to_its_marginal(monkeypatch):
    monkeypatch.setattr(trainer, "CHANCE", 0.0)  # three rows are held out
    rng = np.random.default_rng(0)
    noise = rng.integers(0, SIZES, (60, 3)).astype(np.int32)
    start = fresh(noise)
    plan = replace(PLAN, steps=400, eval_every=400, learning_rate=1e-2, batch_rows=16)
    done = train(start, noise, GROUPS, plan, progress=Reporter())
    kept = TorchEngine(start.config, done.weights)
    averaged = TorchEngine(start.config, start.averaged())
    rows, order = noise.astype(np.int64), np.tile(np.arange(3), (60, 1))
    found = []
    for engine in (kept, averaged):
        engine.start_training(weight_decay=0.0, average=0.9, state=None)
        found.append(engine.losses(rows, order).sum())
    marginal = sum(-np.mean(np.log((np.bincount(noise[:, f]) / 60)[noise[:, f]])) for f in range(3))
    assert found[1] < marginal - 0.2  # the model knew the rows by heart
    assert found[1] < found[0] < marginal + 0.1  # what is kept knows less


def test_an_early_stop_keeps_the_weights_of_the_best_look(monkeypatch):
    monkeypatch.setattr(trainer, "SHARES", (1.0,))  # no mixing: what is kept are averaged weights as they were
    noise = np.random.default_rng(1).integers(0, SIZES, (80, 3)).astype(np.int32)
    plan = Plan(steps=3000, batch_rows=16, eval_every=10, learning_rate=1e-2, seed=0)
    seen = []

    class Watched(TorchEngine):
        def losses(self, *arguments):
            seen.append(self.averaged())
            return super().losses(*arguments)

    start = fresh(noise)
    reporter = Counting()
    done = train(Watched(start.config, start.numpy_weights()), noise, GROUPS, plan, progress=reporter)
    losses = [look["held_out_loss"] for look in done.history]
    assert done.stopped_early
    assert reporter.finished
    same(seen[int(np.argmin(losses))], done.weights)
    assert len(losses) - 1 - int(np.argmin(losses)) == trainer.PATIENCE


def test_two_rows_and_batches_larger_than_the_table_are_enough(tokens):
    done = train(fresh(), tokens[:2], GROUPS, replace(PLAN, steps=3), progress=Reporter())
    assert np.isfinite(done.history[-1]["held_out_loss"])
    assert all(np.isfinite(value).all() for value in done.weights.values())


def test_the_same_seed_trains_the_same_and_another_seed_does_not(tokens, whole):
    same(whole.weights, train(fresh(), tokens, GROUPS, PLAN, progress=Reporter()).weights)
    other = train(fresh(), tokens, GROUPS, replace(PLAN, seed=1), progress=Reporter())
    assert any((other.weights[name] != value).any() for name, value in whole.weights.items())


def test_training_that_diverges_is_said_in_words(tokens):
    with pytest.raises(TabllmError, match="learning rate"):
        train(fresh(), tokens, GROUPS, replace(PLAN, learning_rate=1e6), progress=Reporter())


def test_an_update_that_runs_out_of_memory_is_made_again_in_halves(tokens, whole, monkeypatch):
    losses, updates = TorchEngine._field_losses, []

    def cramped(self, w, tokens, *rest):
        if torch.is_grad_enabled():
            updates.append(len(tokens))
            if len(updates) > 5 and len(tokens) > 8:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return losses(self, w, tokens, *rest)

    monkeypatch.setattr(TorchEngine, "_field_losses", cramped)
    reporter = Counting()
    found = train(fresh(), tokens, GROUPS, PLAN, progress=reporter)
    assert [note.partition("micro-batches of ")[2] for note in reporter.notes] == [
        "16 rows from here on.",
        "8 rows from here on.",
    ]
    for entry, expected in zip(found.history, whole.history, strict=True):
        assert entry["train_loss"] == pytest.approx(expected["train_loss"], abs=1e-5)


def test_an_update_whose_weights_have_begun_to_move_is_not_made_again(tokens, monkeypatch):
    def full(self, rate):
        raise MemoryError

    monkeypatch.setattr("tabllm.nano.engines.torch_adamw.AdamW.update", full)
    with pytest.raises(MemoryError):
        train(fresh(), tokens, GROUPS, PLAN, progress=Reporter())


def test_an_update_sees_fewer_rows_of_a_very_wide_table():
    planned = [plan_training(100_000, learning_rate=1e-3, seed=0, columns=n) for n in (15, 128, 1000, 10**5)]
    assert [plan.batch_rows for plan in planned] == [128, 128, 16, 8]


@pytest.mark.parametrize("rows", [2, 100, 5000, 10**6])
@pytest.mark.parametrize("asked", [{}, {"epochs": 0.5}, {"epochs": 3}, {"steps": 7}, {"batch_rows": 10**7}])
def test_a_plan_can_be_carried_out_whatever_was_asked_for(rows, asked):
    plan = plan_training(rows, learning_rate=1e-3, seed=0, **asked)
    assert plan.steps >= 1
    assert plan.batch_rows >= 1
    assert plan.eval_every >= 1
    assert plan.steps == asked.get("steps", plan.steps)
