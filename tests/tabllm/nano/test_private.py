"""Private fits of nano."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pandas as pd
import pytest
import torch

from tabllm import TableLM
from tabllm.decoding.orders import draw_orders
from tabllm.nano import table_lm
from tabllm.nano.config import NanoConfig, initial_weights
from tabllm.nano.engines.torch_engine import TorchEngine
from tabular import OutputError, Reporter, UsageError
from tabular.dp import updates
from tabular.dp.clipping import clipped_sum
from tabular.dp.settings import Privacy
from tabular.dp.streams import SecretStreams
from tabular.dp.updates import NoisyGradient

SIZES, GROUPS = (2, 4, 4, 6), np.array([0, 1, 2, 3])
SMALL = {"steps": 8, "batch_size": 30, "layers": 1, "width": 16, "heads": 2, "device": "cpu"}


def private(**changes) -> Privacy:
    return Privacy(**{"epsilon": 3.0, "public_schema": True, "noise_seed": 1, **changes})


def fresh() -> TorchEngine:
    config = NanoConfig(SIZES, width=16, layers=2, heads=2)
    return TorchEngine(config, initial_weights(config, np.zeros(config.vocabulary), seed=0))


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    tokens = np.stack([rng.integers(0, size, 24) for size in SIZES], axis=1)
    return tokens, draw_orders(24, GROUPS, plain_share=0.3, rng=rng)


def test_the_gradient_of_every_row_is_clipped_as_in_a_loop(batch):
    engine = fresh()
    engine.start_training(weight_decay=0.0, average=0.9, state=None)
    weights = list(engine.weights.values())
    tokens, order = map(torch.from_numpy, batch)

    def loss(rows):
        return engine._field_losses(engine.weights, tokens[rows], order[rows]).sum()

    found, norms = clipped_sum(lambda: loss(slice(None)), weights, 24, 0.8)
    wanted = [torch.zeros_like(weight) for weight in weights]
    for row in range(24):
        gradients = torch.autograd.grad(loss(slice(row, row + 1)), weights)
        norm = float(torch.cat([gradient.ravel() for gradient in gradients]).norm())
        assert float(norms[row]) == pytest.approx(norm, rel=1e-3)
        for total, gradient in zip(wanted, gradients, strict=True):
            total += gradient * min(1.0, 0.8 / norm)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kernels", [None, {(6, 10): np.full((4, 4), 0.5, np.float32) + np.eye(4, dtype=np.float32)}])
def test_without_noise_and_clipping_the_private_update_is_the_plain_one(batch, kernels):
    plain, without_noise = fresh(), fresh()
    gradient = NoisyGradient(rows=24, sample_rate=1.0, clip=math.inf, noise_multiplier=0.0)
    for engine in (plain, without_noise):
        engine.start_training(weight_decay=0.1, average=0.9, state=None, kernels=kernels)
    for _ in range(10):
        plain.train_step(*batch, 1e-3)
        without_noise.private_train_step(*batch, 1e-3, gradient, np.random.default_rng(0))
    found = without_noise.averaged()
    for name, value in plain.averaged().items():
        np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=2e-5, err_msg=name)


def test_a_private_update_that_runs_out_of_memory_is_made_again_with_the_same_noise(visits_table, monkeypatch):
    whole = TableLM(privacy=private(), **SMALL).fit(visits_table)
    clipped, notes = updates.clipped_sum, []

    def cramped(loss, weights, rows, clip):
        if rows > 8:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return clipped(loss, weights, rows, clip)

    monkeypatch.setattr(updates, "clipped_sum", cramped)
    reporter = Reporter()
    reporter.note = notes.append
    found = TableLM(privacy=private(), **SMALL).fit(visits_table, progress=reporter)
    assert [note.partition("micro-batches of ")[2] for note in notes if "Out of memory" in note] == [
        "15 rows from here on.",
        "7 rows from here on.",
    ]
    for name, value in whole._engine.numpy_weights().items():
        np.testing.assert_allclose(found._engine.numpy_weights()[name], value, atol=1e-4, err_msg=name)


def test_an_update_may_draw_no_row():
    engine = fresh()
    engine.start_training(weight_decay=0.0, average=0.9, state=None)
    before = engine.numpy_weights()
    gradient = NoisyGradient(rows=24, sample_rate=0.01, clip=1.0, noise_multiplier=1.0)
    none = np.empty((0, 4), np.int64)
    engine.private_train_step(none, none, 1e-3, gradient, np.random.default_rng(0))
    assert all(np.isfinite(value).all() for value in engine.numpy_weights().values())
    assert not np.array_equal(before["wte"], engine.numpy_weights()["wte"])


def test_the_run_tells_the_epsilon_of_opacus_for_the_steps_really_taken(visits_table, tmp_path, monkeypatch):
    from opacus.accountants import PRVAccountant

    taken = []
    step = TorchEngine.private_train_step

    def counted(self, tokens, order, rate, gradient, noise):
        taken.append((gradient.noise_multiplier, gradient.sample_rate))
        step(self, tokens, order, rate, gradient, noise)

    monkeypatch.setattr(TorchEngine, "private_train_step", counted)
    model = TableLM(privacy=private(), **SMALL).fit(visits_table)
    model.save(tmp_path / "run")
    again = TableLM.load(tmp_path / "run", device="cpu")
    told = again.facts["privacy"]
    accountant = PRVAccountant()
    accountant.step(noise_multiplier=told["columns_noise_multiplier"], sample_rate=1.0)
    for noise, rate in taken:
        accountant.step(noise_multiplier=noise, sample_rate=rate)
    assert told["epsilon"] == accountant.get_epsilon(told["delta"]) <= 3.0
    assert told["steps"] == len(taken) == 8
    assert not [name for name in again.facts if "loss" in name]
    assert all(set(look) == {"step", "epoch", "seconds"} for look in again.history)
    pd.testing.assert_frame_equal(model.sample(40), again.sample(40))
    assert again.sample(200, where="clicked=1")["clicked"].eq(1).all()
    assert np.isfinite(again.log_prob(model.sample(40))).all()


def test_the_start_knows_no_more_of_the_rows_than_the_noisy_columns(visits_table):
    model = TableLM(privacy=private(schema_share=0.0), **{**SMALL, "learning_rate": 1e-9}).fit(visits_table)
    shares = model.sample(3000)["clicked"].value_counts(normalize=True)
    assert shares[1] == pytest.approx(0.5, abs=0.05)  # a tenth in the table


def test_mlx_is_refused_with_the_way_out():
    with pytest.raises(UsageError, match="--engine torch"):
        TableLM(engine="mlx", privacy=private()).check()


def test_the_noise_of_a_released_update_is_not_found_by_trying_seeds_of_32_bits(visits_table, monkeypatch):
    start: dict[str, np.ndarray] = {}
    numbers: list[int] = []
    begin = TorchEngine.start_training

    def recorded(self, **options):
        start.update(self.numpy_weights())
        numbers.extend(row for ids in options["kernels"] for row in range(*ids))
        begin(self, **options)

    monkeypatch.setattr(TorchEngine, "start_training", recorded)
    secret = 0x1234_5678_9ABC_DEF0
    model = TableLM(privacy=private(noise_seed=secret, epsilon=0.5), **{**SMALL, "steps": 1}).fit(visits_table)
    released = model._engine.numpy_weights()
    first = next(iter(released))  # its noise is drawn first
    moved = np.delete(released[first] - start[first], numbers, axis=0).ravel()  # what no kernel mixed

    def sigmas(noise):
        own = np.delete(np.asarray(noise), numbers, axis=0).ravel()
        return abs(np.corrcoef(moved, own)[0, 1]) * moved.size**0.5

    def of_seed(seed):
        """As torch's generator on a processor gives it, coins before noise: it uses the low 32 bits alone."""
        generator = torch.Generator().manual_seed(seed)
        torch.rand(len(visits_table), generator=generator)
        return torch.randn(released[first].shape, generator=generator)

    digest = hashlib.sha256(secret.to_bytes(8, "big") + bytes(8)).digest()
    right = [secret, int.from_bytes(digest[:8], "big") >> 1]
    wrong = np.random.default_rng(0).integers(0, 2**32, 10_000).tolist()
    assert max(sigmas(of_seed(seed % 2**32)) for seed in right + wrong) < 5.5  # 4 in 10,000 of 10,000 do by chance
    key = SecretStreams.from_seed(secret)
    assert sigmas(key.generator("noise", 0).standard_normal(released[first].shape, dtype=np.float32)) > 7


def test_a_run_that_could_not_be_saved_is_made_again_of_the_same_noise(visits_table, tmp_path, monkeypatch):
    def full(*arguments):
        raise OutputError("disk full")

    write = table_lm.write_run
    monkeypatch.setattr(table_lm, "write_run", full)
    asked = private(noise_seed=None, schema_share=0.9)
    first = TableLM(privacy=asked, **SMALL).fit(visits_table, checkpoint=tmp_path / "partial")
    with pytest.raises(OutputError, match="disk full"):
        first.save(tmp_path / "run")
    monkeypatch.setattr(table_lm, "write_run", write)
    second = TableLM(privacy=asked, **SMALL).fit(visits_table, checkpoint=tmp_path / "partial")
    second.save(tmp_path / "run")
    pd.testing.assert_frame_equal(first.sample(30), second.sample(30))
    assert not (tmp_path / "partial" / "noise.json").exists()
