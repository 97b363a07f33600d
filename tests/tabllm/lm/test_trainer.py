"""The training loop over any engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tabllm.lm.engines.base import Tuning
from tabllm.lm.training import trainer
from tabllm.lm.training.trainer import learning_rate, plan_training, train
from tabular.errors import TabllmError
from tabular.progress import Reporter, Task
from tabular.storage.checkpoint import Checkpoint
from tabular.training import loop

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_models import engine_of, folder_of, text_codec


def plan(steps=24, **options):
    _codec, choices = text_codec("compact")
    return plan_training(len(choices), steps=steps, **{"batch_rows": 16, "learning_rate": 3e-3, "seed": 0, **options})


def fit(the_plan, *, method="full", checkpoint=None, progress=None, engine=None):
    codec, choices = text_codec("compact")
    engine = engine or engine_of("torch", folder_of("gpt2"))
    trained = train(
        engine, codec, choices, the_plan, Tuning(method, rank=4), progress=progress or Reporter(), checkpoint=checkpoint
    )
    return engine, trained


@pytest.mark.parametrize("method", ["full", "lora"])
def test_what_was_not_learned_from_becomes_likelier(method):
    _, trained = fit(plan(), method=method)
    losses = [look["held_out_loss"] for look in trained.history]
    assert losses[0] - min(losses) > 1
    assert [look["step"] for look in trained.history] == sorted({look["step"] for look in trained.history})
    assert sum(trained.column_losses.values()) == pytest.approx(min(losses), rel=1e-5)
    assert trained.tokens > 0


def test_the_same_seed_learns_the_same():
    one, other = (fit(plan(6))[1] for _ in range(2))
    assert [look["held_out_loss"] for look in one.history] == [look["held_out_loss"] for look in other.history]
    assert fit(plan(6, seed=1))[1].history[-1]["held_out_loss"] != one.history[-1]["held_out_loss"]


def test_a_checkpoint_does_not_wait_for_an_evaluation_that_is_long_in_coming(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "MOST_CHECKPOINT_SECONDS", 0.0)
    written = []
    monkeypatch.setattr(Checkpoint, "write", lambda self, now, best, facts: written.append(facts["step"]))
    fit(plan(4, evaluations=1), checkpoint=tmp_path / "run.partial")
    assert written == [1, 2, 3]


class Interrupting(Reporter):
    """Presses Ctrl-C after some steps."""

    def __init__(self, after: int) -> None:
        self.after = after

    def task(self, label, total, unit):
        from contextlib import contextmanager

        outer = self

        class Counting(Task):
            done = 0

            def advance(self, amount=1, text=""):
                self.done += amount
                if self.done == outer.after:
                    import signal

                    signal.raise_signal(signal.SIGINT)

        @contextmanager
        def begun():
            yield Counting()

        return begun()


def test_an_interrupted_run_of_adapters_goes_on_to_the_same_weights(tmp_path):
    the_plan = plan(12)
    _engine, whole = fit(the_plan, method="lora")
    with pytest.raises(KeyboardInterrupt):
        fit(the_plan, method="lora", checkpoint=tmp_path, progress=Interrupting(7))
    notes = []
    reporter = Reporter()
    reporter.note = notes.append
    _again, resumed = fit(the_plan, method="lora", checkpoint=tmp_path, progress=reporter)
    assert notes == ["Going on from step 7 of 12."]
    assert [look["step"] for look in resumed.history] == [look["step"] for look in whole.history]
    np.testing.assert_allclose(
        [look["held_out_loss"] for look in resumed.history],
        [look["held_out_loss"] for look in whole.history],
        rtol=1e-5,
    )
    for name, value in whole.weights.items():
        np.testing.assert_allclose(resumed.weights[name], value, atol=1e-5)


def test_a_checkpoint_of_other_settings_is_not_gone_on_from(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(plan(12), checkpoint=tmp_path, progress=Interrupting(7))
    _, trained = fit(plan(5), checkpoint=tmp_path)
    assert trained.history[-1]["step"] == 5


def test_training_ends_when_nothing_is_gained(monkeypatch):
    monkeypatch.setattr(trainer, "PATIENCE", 2)
    _engine, trained = fit(plan(400, learning_rate=0.02, evaluations=100))
    assert trained.stopped_early
    losses = [look["held_out_loss"] for look in trained.history]
    best = losses.index(min(losses))
    assert len(losses) == best + 3
    assert trained.history[-1]["step"] < 400


def test_the_best_weights_are_kept_not_the_last(monkeypatch):
    codec, choices = text_codec("compact")
    engine, trained = fit(plan(60, learning_rate=0.05, evaluations=20))
    held_out = np.random.default_rng([0, 0]).permutation(len(choices))[: trainer.Plan.held_out_rows(len(choices))]
    engine.start_training(Tuning("full"), codec.used, trainer.level_masks(codec, codec.used), weight_decay=0.0)
    batch = trainer.BatchMaker(codec).make(choices[held_out], np.tile(np.arange(len(codec.names)), (len(held_out), 1)))
    loss = engine.losses(batch, len(codec.names)).sum() / len(held_out)
    assert loss == pytest.approx(min(look["held_out_loss"] for look in trained.history), rel=1e-4)


def test_a_run_that_diverges_at_every_step_size_says_so():
    with pytest.raises(TabllmError, match=r"Training diverged: after .* smaller step sizes; .* below 1e\+30"):
        fit(plan(10, learning_rate=1e30))


@pytest.mark.parametrize("engine_name", ["torch", "mlx"])
def test_a_loss_that_is_not_a_number_goes_back_to_the_best_weights_at_half_the_step(monkeypatch, engine_name):
    rates = []

    engine = engine_of(engine_name, folder_of("gpt2"))
    update, notes = engine.train_step, []

    def ruined_once(batches, rate, *spread):
        rates.append(rate)
        return update(batches, float("nan") if len(rates) == 5 else rate, *spread)

    monkeypatch.setattr(engine, "train_step", ruined_once)
    reporter = Reporter()
    monkeypatch.setattr(reporter, "note", notes.append)
    _, trained = fit(plan(8, evaluations=4), engine=engine, progress=reporter)
    assert trained.restarts == 1
    assert any("half the step size" in note for note in notes)
    steps = [look["step"] for look in trained.history]
    assert steps == sorted(set(steps))
    assert steps[-1] == 8
    again = rates[6:]  # from the best look on, each update anew
    first = 8 - len(again)
    assert again == [trainer.learning_rate(plan(8, evaluations=4), step) / 2 for step in range(first, 8)]
    assert all(np.isfinite(value).all() for value in trained.weights.values())


@pytest.mark.parametrize("engine_name", ["torch", "mlx"])
def test_a_training_that_ended_holds_no_moments(engine_name):
    engine = engine_of(engine_name, folder_of("gpt2"))
    codec, _ = text_codec("compact")
    engine.start_training(Tuning("full"), codec.used, trainer.level_masks(codec, codec.used), weight_decay=0.0)
    training = engine.training
    moments = {
        f"{label}/{name}": np.zeros_like(value)
        for name, value in engine.trained().items()
        for label in ("exp_avg", "exp_avg_sq")
    }
    engine.load_trained(engine.trained(), {**moments, "step": np.array(1)})
    assert len(training.state()) > 1
    engine.finish_training()
    assert len(training.state()) <= 1  # whoever still refers to it


def test_the_plan_follows_the_size_of_the_table():
    small = plan_training(200, learning_rate=1e-3, seed=0)
    large = plan_training(200_000, learning_rate=1e-3, seed=0)
    assert small.steps == 100
    assert large.steps == 3000
    assert plan_training(5, learning_rate=1e-3, seed=0).batch_rows <= 4
    assert plan_training(3200, epochs=2, learning_rate=1e-3, seed=0).steps == 2 * (3040 // 32)
    assert plan_training(3200, steps=7, epochs=2, learning_rate=1e-3, seed=0).steps == 7
    assert plan_training(100, batch_rows=8, pieces=50, learning_rate=1e-3, seed=0).pieces == 8


def test_the_rate_warms_up_and_falls():
    the_plan = plan(100)
    rates = [learning_rate(the_plan, step) for step in range(100)]
    assert rates[0] < rates[2] < rates[4]
    assert max(rates) == pytest.approx(3e-3, rel=0.02)
    assert rates[-1] == pytest.approx(3e-4, rel=0.05)
    assert rates[5:] == sorted(rates[5:], reverse=True)


def test_looks_cost_a_small_share_of_the_work():
    for steps, rows in ((20, 10_000), (200, 3000), (3000, 50_000)):
        the_plan = plan_training(rows, steps=steps, batch_rows=16, learning_rate=1e-3, seed=0)
        looks = steps / the_plan.eval_every
        assert 2 <= looks <= 20
        looked_at = looks * trainer.Plan.held_out_rows(rows)
        assert looked_at <= 0.2 * 3 * steps * 16 or looks <= 3


def test_batches_hold_rows_of_like_length_and_every_row_once():
    codec, choices = text_codec("compact")
    the_plan = plan(100, batch_rows=8)
    per_epoch = len(choices) // 8
    batches = trainer._batches(codec, choices, the_plan, 0, per_epoch)
    rows = [next(batches) for _ in range(per_epoch)]
    assert len(set(np.concatenate(rows).tolist())) == per_epoch * 8
    lengths = codec.tokens_per_row(choices)
    within = np.mean([np.ptp(lengths[part]) for part in rows])
    assert within < 0.5 * np.ptp(lengths)
    later = trainer._batches(codec, choices, the_plan, 5, per_epoch)
    assert (next(later) == rows[5]).all(), "a resumed run goes on with the batch that comes next"


def test_an_update_that_runs_out_of_memory_is_made_again_in_smaller_micro_batches(monkeypatch):
    """There is memory for 8 rows of 16; gradients of the update that failed are there, and are forgotten."""
    _, expected = fit(plan(3))
    engine = engine_of("torch", folder_of("gpt2"))
    begin, notes, reporter = engine.start_training, [], Reporter()

    def started(*given, **options):
        begin(*given, **options)
        losses = engine.training._target_losses

        def cramped(batch):
            found = losses(batch)
            if found.requires_grad and batch.rows > 8:
                found.sum().backward()
                raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB.")
            return found

        monkeypatch.setattr(engine.training, "_target_losses", cramped)

    monkeypatch.setattr(engine, "start_training", started)
    monkeypatch.setattr(reporter, "note", notes.append)
    _, trained = fit(plan(3), engine=engine, progress=reporter)
    assert [note for note in notes if "memory" in note] == [
        "Out of memory after 0 steps: each batch goes through the model in micro-batches of 8 rows from here on."
    ]
    for mine, theirs in zip(trained.history, expected.history, strict=True):
        assert mine["train_loss"] == pytest.approx(theirs["train_loss"], rel=1e-4)


@pytest.mark.parametrize("calls", [1, 4], ids=["the first moment", "a moment of the second weight"])
def test_no_memory_for_the_optimizers_moments_leaves_nothing_half_made(monkeypatch, calls):
    """The first update makes two moments for each weight, of which none is there until all can be."""
    _, expected = fit(plan(2))
    made, whole = [], torch.zeros_like

    def cramped(like, *given, **options):
        made.extend([like] * isinstance(like, torch.nn.Parameter))
        if len(made) == calls:
            made.append(like)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return whole(like, *given, **options)

    monkeypatch.setattr(torch, "zeros_like", cramped)
    _, trained = fit(plan(2))
    assert len(made) > calls
    for mine, theirs in zip(trained.history, expected.history, strict=True):
        assert mine["train_loss"] == pytest.approx(theirs["train_loss"], rel=1e-4)
