"""The gradient of every row, clipped: held against one row after the other."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tabular.dp.clipping import clipped_sum
from tabular.dp.updates import NoisyGradient
from tabular.neural.encoding.spans import Spans
from tabular.neural.layers.first_layer import FirstLayer


class Everything(nn.Module):
    """Each way in which a weight is used by the networks here: layers, parts of one, embeddings, norms, a number."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 6)
        self.norm = nn.LayerNorm(6)
        self.inner = nn.Linear(6, 6)
        self.head = nn.Linear(6, 5)
        self.entry = FirstLayer(3, Spans([3, 4], torch.device("cpu")), 6)
        self.spread = nn.Parameter(torch.tensor([0.5, 2.0, 1.0]))

    def forward(self, ids: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        steps = self.norm(self.embedding(ids))  # (rows, steps, 6)
        steps = F.gelu(self.inner(steps)) + steps + self.entry(x, ids[:, :2] % 3)[:, None]
        first = F.linear(steps[:, 0], self.head.weight[:2], self.head.bias[:2])
        last = F.linear(steps[:, -1], self.head.weight[2:], self.head.bias[2:])
        off = ((x - last) / self.spread.clamp(0.1, 1.5)).square().sum()
        return (first.square().sum() + off) / len(ids)


@pytest.fixture(scope="module")
def case():
    torch.manual_seed(0)
    model = Everything()
    return model, list(model.parameters()), torch.randint(7, (9, 4)), torch.randn(9, 3)


def one_by_one(model, weights, ids, x, clip):
    """(clipped sum, norms), a row at a time."""
    total, norms = [torch.zeros_like(weight) for weight in weights], []
    for row in range(len(ids)):
        gradients = torch.autograd.grad(model(ids[row : row + 1], x[row : row + 1]), weights)
        norm = math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients))
        for place, gradient in enumerate(gradients):
            total[place] += gradient * min(1.0, clip / norm)
        norms.append(norm)
    return total, torch.tensor(norms)


@pytest.mark.parametrize("clip", [0.5, 20.0, math.inf])
def test_the_sum_of_clipped_gradients_is_that_of_a_plain_loop(case, clip):
    model, weights, ids, x = case
    found, norms = clipped_sum(lambda: model(ids, x), weights, len(ids), clip)
    wanted, loop_norms = one_by_one(model, weights, ids, x, clip)
    torch.testing.assert_close(norms, loop_norms, rtol=1e-4, atol=1e-5)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_one_row_moves_the_sum_by_no_more_than_the_norm_it_is_clipped_to(case):
    model, weights, ids, x = case
    wild = x.clone()
    wild[3] *= 1e4  # its gradient is enormous

    def total(numbers, rows):
        ids_, rows = ids[numbers], rows[numbers]
        return torch.cat([part.ravel() for part in clipped_sum(lambda: model(ids_, rows), weights, len(ids_), 0.7)[0]])

    everybody = torch.arange(9)
    without = everybody[everybody != 3]
    assert float((total(everybody, wild) - total(without, wild)).norm()) == pytest.approx(0.7, rel=1e-3)
    assert float((total(everybody, wild) - total(everybody, x)).norm()) <= 1.4 + 1e-3


def test_a_batch_without_rows_has_no_gradient(case):
    model, weights, ids, x = case
    sums, norms = clipped_sum(lambda: model(ids[:0], x[:0]), weights, 0, 1.0)
    assert not len(norms)
    assert not any(part.any() for part in sums)


def test_a_weight_that_is_used_twice_is_refused(case):
    model, weights, ids, x = case
    with pytest.raises(RuntimeError, match="used twice"):
        clipped_sum(lambda: model(ids, x) + model(ids, x), weights, len(ids), 1.0)


def test_noise_has_its_deviation_and_an_empty_draw_is_noise_alone():
    weight = torch.zeros(400, 500, requires_grad=True)
    gradient = NoisyGradient(rows=1000, sample_rate=0.02, clip=3.0, noise_multiplier=2.0)
    generator = np.random.default_rng(0)
    (found,) = gradient(lambda rows: weight.sum(), torch.empty(0, dtype=torch.int64), [weight], generator)
    assert float(found.std()) == pytest.approx(2.0 * 3.0 / 20, rel=0.01)
    assert float(found.mean()) == pytest.approx(0.0, abs=0.003)


def test_rows_are_drawn_by_independent_coins():
    gradient = NoisyGradient(rows=500, sample_rate=0.1, clip=1.0, noise_multiplier=1.0)
    generator = np.random.default_rng(0)
    draws = [gradient.draw(generator) for _ in range(400)]
    sizes = np.array([len(drawn) for drawn in draws])
    assert sizes.mean() == pytest.approx(50, abs=1.5)
    assert sizes.std() == pytest.approx(math.sqrt(500 * 0.1 * 0.9), rel=0.15)
    assert all(len(np.unique(drawn)) == len(drawn) for drawn in draws)


def test_rows_beyond_a_chunk_add_up(monkeypatch, case):
    model, weights, ids, x = case
    gradient = NoisyGradient(rows=9, sample_rate=1.0, clip=0.5, noise_multiplier=0.0)
    everybody = torch.arange(9)
    whole = gradient(lambda rows: model(ids[rows], x[rows]), everybody, weights, np.random.default_rng(0))
    monkeypatch.setattr("tabular.dp.updates.CHUNK_ROWS", 4)
    parts = gradient(lambda rows: model(ids[rows], x[rows]), everybody, weights, np.random.default_rng(0))
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other)
