"""Tokens of one number share what is learned of their neighbours, and relations between numbers are kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabllm import TableLM
from tabllm.decoding.orders import draw_orders
from tabllm.nano.config import NanoConfig, initial_weights
from tabllm.nano.engines.rank_kernel import rank_kernels, smoothed
from tabllm.nano.engines.torch_engine import TorchEngine

CONFIG = NanoConfig((3, 40, 2), width=16, layers=1, heads=2)
#: The second field is a number whose last token means "missing".
RANKS = np.concatenate([np.full(3, np.nan), (np.arange(39) + 0.5) / 39, np.full(3, np.nan)]).astype(np.float32)
KERNELS = rank_kernels(CONFIG.offsets, RANKS, np.zeros(45))


def trained(rows: np.ndarray, steps: int, kernels=KERNELS) -> TorchEngine:
    engine = TorchEngine(CONFIG, initial_weights(CONFIG, np.zeros(CONFIG.vocabulary), seed=0))
    engine.start_training(weight_decay=0.1, average=0.5, state=None, kernels=kernels)
    rng = np.random.default_rng(0)
    for _ in range(steps):
        engine.train_step(rows, draw_orders(len(rows), np.arange(3), plain_share=0.3, rng=rng), 1e-2)
    return engine


def test_categories_and_missing_cells_have_no_neighbours():
    assert list(KERNELS) == [(3, 43)]
    kernel = KERNELS[3, 43]
    np.testing.assert_array_equal(kernel[39], np.eye(40)[39])
    np.testing.assert_array_equal(kernel[:, 39], np.eye(40)[39])
    assert kernel[20, 21] > 0.1 * kernel[20, 20]
    assert kernel[20, 39 // 2 + 19] < 1e-3 * kernel[20, 20]


def test_smoothing_of_an_average_is_the_average_of_what_is_smoothed():
    rng = np.random.default_rng(0)
    first, second = (
        {"wte": rng.normal(size=(46, 4)), "head.weight": rng.normal(size=(45, 4)), "wfe": rng.normal(size=(3, 4))}
        for _ in range(2)
    )
    mean = {name: (value + second[name]) / 2 for name, value in first.items()}
    plain = [smoothed(weights, KERNELS, np) for weights in (first, second, mean)]
    for name, value in plain[2].items():
        np.testing.assert_allclose((plain[0][name] + plain[1][name]) / 2, value)
    np.testing.assert_array_equal(plain[0]["wte"][:3], first["wte"][:3])
    np.testing.assert_array_equal(plain[0]["wfe"], first["wfe"])


def test_the_plain_weights_of_a_fit_give_the_losses_of_the_smoothed_ones():
    rng = np.random.default_rng(1)
    rows = np.stack([rng.integers(0, size, 60) for size in CONFIG.sizes], axis=1)
    orders = draw_orders(60, np.arange(3), plain_share=0.3, rng=rng)
    engine = trained(rows, 20)
    plain = TorchEngine(CONFIG, engine.averaged())
    plain.start_training(weight_decay=0.1, average=0.5, state=None)
    np.testing.assert_allclose(plain.losses(rows, orders), engine.losses(rows, orders), rtol=1e-5)


def test_a_value_that_was_never_seen_is_as_likely_as_its_neighbours():
    rows = np.array([[0, 10, 0], [0, 12, 0], [1, 30, 1], [1, 32, 1]] * 8)
    found = {}
    for kernels in (KERNELS, None):
        engine = TorchEngine(CONFIG, trained(rows, 20, kernels).averaged())
        hidden = engine.append(engine.new_cache(1), np.array([[0]], np.int32), [0, 1, 2], 0)
        found[kernels is None] = engine.probabilities(hidden, 1)[0]
    smooth, free = found[False], found[True]
    assert smooth[11] > 0.5 * smooth[10]
    assert smooth[11] > 20 * smooth[31]
    assert free[11] < 0.1 * free[10]


def test_numbers_of_a_small_table_stay_correlated():
    rng = np.random.default_rng(0)
    clicks, cpc = rng.poisson(20, 500) + 1, np.exp(rng.normal(-0.7, 0.6, 500)).round(2)
    device = rng.choice(["ios", "android", "web"], 500)
    table = pd.DataFrame({"clicks": clicks, "cpc": cpc, "cost": (clicks * cpc).round(2), "device": device})
    made = TableLM(seed=0).fit(table).sample(2000)
    real = table["cpc"].corr(table["cost"])
    assert real > 0.9
    assert made["cpc"].corr(made["cost"]) > real - 0.06


def test_a_frequent_atom_may_be_unlike_its_neighbours():
    kernel = rank_kernels([0, 3], np.array([0.1, 0.11, 0.12], np.float32), np.array([5, 1000, 0]))[0, 3]
    assert kernel[1, 1] > 2 * kernel[1, 0]
    assert kernel[0, 0] < 2 * kernel[0, 1]


@pytest.mark.parametrize("order", [[2, 0, 1], [1, 2, 0]])
def test_ranks_need_not_be_in_the_order_of_the_ids(order):
    offsets, ranks, atoms = [0, 3], np.array([0.1, 0.5, 0.9], np.float32), np.array([300, 4, 0])
    kernel = rank_kernels(offsets, ranks, atoms)[0, 3]
    found = rank_kernels(offsets, ranks[order], atoms[order])[0, 3]
    np.testing.assert_allclose(found, kernel[np.ix_(order, order)])
