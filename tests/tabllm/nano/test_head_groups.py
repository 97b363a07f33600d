"""Heads of like size are multiplied together to the losses and gradients that each has alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tabllm.decoding.orders import draw_orders
from tabllm.nano.config import NanoConfig, initial_weights
from tabllm.nano.engines import head_groups as module
from tabllm.nano.engines.head_groups import MANY_HEADS, head_groups
from tabllm.nano.engines.torch_engine import TorchEngine

SIZES = (3, 5, 2, 7, 1, 6, 40, 8, 33, 2)
SHARES = (1.0, 0.5, 0.0)


@pytest.fixture(params=[0, 3])
def config(request) -> NanoConfig:
    return NanoConfig(SIZES, width=16, layers=2, heads=2, given=request.param)


def start(config: NanoConfig) -> dict[str, np.ndarray]:
    """Weights large enough that a wrong step shows."""
    rng = np.random.default_rng(0)
    begin = initial_weights(config, rng.normal(size=config.vocabulary), seed=0)
    return {name: (value + rng.normal(0, 0.3, value.shape)).astype(np.float32) for name, value in begin.items()}


def batch(config: NanoConfig) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    rows = np.stack([rng.integers(0, size, 12) for size in config.sizes], axis=1)
    fields = np.arange(len(config.sizes))
    shuffled = np.stack([np.r_[fields[: config.given], rng.permutation(fields[config.given :])] for _ in rows])
    return rows, shuffled if config.given else draw_orders(len(rows), fields, plain_share=0.3, rng=rng)


def engines(name: str, config: NanoConfig, monkeypatch) -> list:
    """One that multiplies heads one by one, and one that does so in groups."""
    if name == "torch":
        kind = TorchEngine
    else:
        kind = pytest.importorskip("tabllm.nano.engines.mlx_engine", reason="MLX is not installed here").MlxEngine
    alone = kind(config, start(config))
    monkeypatch.setattr(module, "MANY_HEADS", 2)
    return [alone, kind(config, start(config))]


def test_every_drawn_field_is_in_one_group_with_its_own_tokens(config, monkeypatch):
    monkeypatch.setattr(module, "MANY_HEADS", 2)
    groups = head_groups(config)
    assert sorted(np.concatenate([g.fields for g in groups])) == list(range(config.given, len(SIZES)))
    assert len(groups) < len(SIZES) - config.given
    for group in groups:
        for field, ids, padding in zip(group.fields, group.tokens, group.padding[:, 0], strict=True):
            own = np.arange(config.offsets[field], config.offsets[field + 1])
            assert ids[padding == 0].tolist() == own.tolist()
            assert (ids[padding < 0] == own[0]).all()
            assert len(ids) <= 1.5 * len(own)


def test_a_table_of_few_columns_has_no_groups():
    assert head_groups(NanoConfig((2,) * (MANY_HEADS - 1), width=16)) == []
    assert head_groups(NanoConfig((2,) * MANY_HEADS, width=16, given=1)) == []
    assert len(head_groups(NanoConfig((2,) * MANY_HEADS, width=16))) == 1


@pytest.mark.parametrize("name", ["torch", "mlx"])
def test_losses_are_those_of_each_head_alone(name, config, monkeypatch):
    found = []
    for engine in engines(name, config, monkeypatch):
        engine.start_training(state=None, weight_decay=0.0, average=0.9, orthogonal=False)
        found.append(engine.losses(*batch(config), SHARES))
    assert found[0].shape == (len(SHARES), len(SIZES))
    assert (found[0][:, config.given :] > 0).sum() >= 3 * (len(SIZES) - config.given - 1)  # but of one token
    assert np.abs(found[0] - found[1]).max() < 1e-4


@pytest.mark.parametrize("name", ["torch", "mlx"])
def test_updates_are_those_of_each_head_alone(name, config, monkeypatch):
    found = []
    for engine in engines(name, config, monkeypatch):
        engine.start_training(state=None, weight_decay=0.1, average=0.0, orthogonal=False)
        losses = [float(engine.train_step(*batch(config), 1e-3)) for _ in range(4)]
        found.append((losses, engine.averaged()))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-3)
    assert found[0][0][-1] < found[0][0][0]
    for name, value in found[0][1].items():
        # The bias of keys changes no probability: of its gradient AdamW sees rounding alone.
        tolerance = 1e-2 if name.endswith("c_attn.bias") else 5e-4
        assert np.abs(value - found[1][1][name]).max() < tolerance, name


def test_gradients_are_those_of_each_head_alone(config, monkeypatch):
    found = []
    for engine in engines("torch", config, monkeypatch):
        weights = {name: torch.tensor(value, requires_grad=True) for name, value in start(config).items()}
        engine._field_losses(weights, *map(torch.from_numpy, batch(config))).sum().backward()
        found.append({name: weight.grad for name, weight in weights.items()})
    for name, gradient in found[0].items():
        assert gradient.abs().max() > 0, name
        assert (gradient - found[1][name]).abs().max() < 1e-4, name
