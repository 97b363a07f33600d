"""The two engines of nano compute the same, and go on from each other's work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tabllm.decoding.orders import draw_orders
from tabllm.nano.config import NanoConfig, initial_weights
from tabllm.nano.engines import torch_engine
from tabllm.nano.engines.rank_kernel import rank_kernels
from tabllm.nano.engines.torch_engine import TorchEngine
from tabllm.nano.sampler import Sampler

pytest.importorskip("mlx.core", reason="MLX is not installed here")
from tabllm.nano.engines.mlx_engine import MlxEngine

CONFIG = NanoConfig((3, 5, 2, 7), width=16, layers=2, heads=2)
#: The second and the last field are numbers, the second with missing cells.
KERNELS = rank_kernels(
    CONFIG.offsets,
    np.concatenate([[np.nan] * 3, np.arange(4) / 30, [np.nan] * 3, np.arange(7) / 7]).astype(np.float32),
    np.arange(17) * 10,
)
ORDER = [2, 0, 3, 1]


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    """Weights large enough that a wrong step shows."""
    rng = np.random.default_rng(seed)
    start = initial_weights(CONFIG, np.zeros(CONFIG.vocabulary), seed=seed)
    return {name: (value + rng.normal(0, 0.3, value.shape)).astype(np.float32) for name, value in start.items()}


@pytest.fixture
def engines() -> list:
    return [TorchEngine(CONFIG, weights()), MlxEngine(CONFIG, weights())]


@pytest.fixture
def rows() -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.stack([rng.integers(0, size, 40) for size in CONFIG.sizes], axis=1)


def batches(rows: np.ndarray, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(2)
    return [(rows, draw_orders(len(rows), np.arange(4), plain_share=0.3, rng=rng)) for _ in range(count)]


def close(results: list, tolerance: float = 1e-4) -> None:
    assert np.abs(results[0] - results[1]).max() < tolerance


def log_odds(engine, hidden, field: int) -> np.ndarray:
    """The field's logits up to a constant."""
    logs = np.log(engine.probabilities(hidden, field))
    return logs - logs.mean(axis=1, keepdims=True)


def test_they_give_the_same_logits_in_one_chunk_and_step_by_step(engines, rows):
    tokens = rows[:, ORDER].astype(np.int32)
    found = []
    for engine in engines:
        chunk, steps = engine.new_cache(40), engine.new_cache(40)
        whole = engine.append(chunk, tokens[:, :3], ORDER, 0)
        engine.append(steps, tokens[:, :0], ORDER, 0)
        for step in range(1, 4):
            last = engine.append(steps, tokens[:, step - 1 : step], ORDER, step)
        found += [log_odds(engine, whole, ORDER[3]), log_odds(engine, last, ORDER[3])]
    for other in found[1:]:
        close([found[0], other])


def test_few_keys_of_a_row_some_and_many_are_multiplied_to_the_same_logits(rows, monkeypatch):
    tokens, found = rows[:, ORDER].astype(np.int32), []
    # The same with keys and values laid out for many fields.
    for some, many, fields in ((100, 100, 100), (0, 100, 100), (0, 0, 100), (0, 0, 0), (0, 100, 0), (100, 100, 0)):
        monkeypatch.setattr(torch_engine, "SOME_KEYS", some)
        monkeypatch.setattr(torch_engine, "MANY_KEYS", many)
        monkeypatch.setattr(torch_engine, "MANY_FIELDS", fields)
        engine = TorchEngine(CONFIG, weights())
        cache = engine.new_cache(40)
        for step in range(4):
            hidden = engine.append(cache, tokens[:, max(step - 1, 0) : step], ORDER, step)
        found.append(log_odds(engine, hidden, ORDER[3]))
        assert cache.keys.is_contiguous() == (fields > 0)
    for other in found[1:]:
        close([found[0], other], 1e-5)


def test_rows_are_repeated_in_caches_of_either_layout(rows, monkeypatch):
    tokens, index, found = rows[:, ORDER].astype(np.int32), np.array([5, 5, 0, 39, 1]), []
    for fields in (100, 0):
        monkeypatch.setattr(torch_engine, "MANY_FIELDS", fields)
        engine = TorchEngine(CONFIG, weights())
        cache = engine.new_cache(40)
        engine.append(cache, tokens[:, :2], ORDER, 0)
        cache = engine.gather(cache, index, 3)
        found.append(log_odds(engine, engine.append(cache, tokens[index, 2:3], ORDER, 3), ORDER[3]))
    close(found, 1e-5)


def test_they_give_the_same_logits_after_rows_were_repeated_and_reordered(engines, rows):
    tokens = rows[:, ORDER].astype(np.int32)
    index = np.array([5, 5, 0, 39, 1])
    found = []
    for engine in engines:
        cache = engine.new_cache(40)
        engine.append(cache, tokens[:, :1], ORDER, 0)
        cache = engine.gather(cache, index, 2)
        found.append(log_odds(engine, engine.append(cache, tokens[index, 1:2], ORDER, 2), ORDER[2]))
    close(found)


def test_they_draw_the_same_rows_from_one_seed(engines):
    drawn = [Sampler(engine, [-1] * 4).sample(500, range(4), np.random.default_rng(3)) for engine in engines]
    assert (drawn[0] == drawn[1]).all(axis=1).mean() > 0.99


def test_a_token_of_weight_zero_is_never_drawn(engines):
    keep = np.array([1, 0, 1, 0, 0], np.float32)
    for engine in engines:
        drawn = Sampler(engine, [-1] * 4).sample(300, [0, 1, 2, 3], np.random.default_rng(0), weights={1: keep})
        assert set(drawn[:, 1]) <= {0, 2}


def test_fields_that_are_always_given_have_no_loss_and_the_others_the_same(engines, rows):
    given = replace(CONFIG, given=2)
    tokens, order = batches(rows, 1)[0]
    order = np.where(order[:, :1] % 2, [0, 1, 2, 3], [0, 1, 3, 2])  # the given ones first, the others in any order
    for engine, part in zip(engines, (TorchEngine(given, weights()), MlxEngine(given, weights())), strict=True):
        for each in (engine, part):
            each.start_training(weight_decay=0.1, average=0.9, state=None)
        whole, found = (each.losses(tokens, order, (1.0, 0.5)) for each in (engine, part))
        assert not found[:, :2].any()
        assert found[:, 2:] == pytest.approx(whole[:, 2:])
        part.train_step(tokens, order, 1e-3)
        head = given.offsets[2]
        moved = part.numpy_weights()["head.bias"] != weights()["head.bias"]
        assert not moved[:head].any()
        assert moved[head:].any()
    assert NanoConfig.from_dict(given.to_dict()) == CONFIG


def test_gradients_where_fields_are_given_are_those_of_the_losses_of_the_others(rows):
    tokens, _ = batches(rows, 1)[0]
    found = []
    for config in (CONFIG, replace(CONFIG, given=2)):
        engine = TorchEngine(config, weights())
        engine.start_training(weight_decay=0.1, average=0.9, state=None)
        order = engine.put(np.tile(np.arange(4), (len(tokens), 1)))
        losses = engine._field_losses(engine._smoothed(engine.weights), engine.put(tokens), order)
        losses[:, 2:].sum().backward()
        found.append({name: weight.grad.numpy() for name, weight in engine.weights.items()})
    for name, gradient in found[0].items():
        np.testing.assert_allclose(found[1][name], gradient, rtol=1e-4, atol=1e-6, err_msg=name)


def test_losses_of_many_rows_are_those_of_their_parts_together(rows, monkeypatch):
    engine = TorchEngine(CONFIG, weights())
    engine.start_training(weight_decay=0.1, average=0.9, state=None)
    batch = batches(rows, 1)[0]
    whole = engine.losses(*batch, (1.0, 0.5))
    monkeypatch.setattr(torch_engine, "FIELDS_AT_ONCE", 3 * 7)
    monkeypatch.setattr(torch_engine, "MIN_AT_ONCE", 1)
    np.testing.assert_allclose(engine.losses(*batch, (1.0, 0.5)), whole, rtol=1e-5)


@pytest.mark.parametrize(("kernels", "orthogonal"), [(None, False), (KERNELS, False), (KERNELS, True)])
def test_they_train_alike(engines, rows, kernels, orthogonal):
    for engine in engines:
        engine.start_training(weight_decay=0.1, average=0.9, state=None, kernels=kernels, orthogonal=orthogonal)
        for tokens, order in batches(rows, 5):
            engine.train_step(tokens, order, 1e-3)
    close([engine.losses(*batches(rows, 1)[0]) for engine in engines])
    plain = [engine.averaged() for engine in engines]
    close([weights["head.weight"] for weights in plain])
    states = [engine.training_state() for engine in engines]
    assert states[0].keys() == states[1].keys()
    for name in states[0]:
        # The bias of the keys has no effect, so its gradient is rounding noise, which Adam blows up.
        used = slice(None) if not name.endswith("c_attn.bias") else slice(0, CONFIG.width)
        close([state[name][..., used] if state[name].ndim else state[name] for state in states])


@pytest.mark.parametrize("orthogonal", [False, True])
@pytest.mark.parametrize(
    ("first", "second"), [(TorchEngine, TorchEngine), (MlxEngine, MlxEngine), (TorchEngine, MlxEngine)]
)
def test_training_goes_on_from_a_saved_state(first, second, rows, orthogonal):
    whole, begun = first(CONFIG, weights()), first(CONFIG, weights())
    for engine, part in ((whole, slice(0, 6)), (begun, slice(0, 3))):
        engine.start_training(weight_decay=0.1, average=0.9, state=None, kernels=KERNELS, orthogonal=orthogonal)
        for tokens, order in batches(rows, 6)[part]:
            engine.train_step(tokens, order, 1e-3)
    resumed = second(CONFIG, weights(7))
    resumed.start_training(
        weight_decay=0.1, average=0.9, state=begun.training_state(), kernels=KERNELS, orthogonal=orthogonal
    )
    for tokens, order in batches(rows, 6)[3:]:
        resumed.train_step(tokens, order, 1e-3)
    states = [whole.training_state(), resumed.training_state()]
    for name in states[0]:
        if first is second or not name.endswith("c_attn.bias"):
            close([state[name] for state in states], 1e-6 if first is second else 1e-4)


def test_a_run_fitted_by_one_samples_under_the_other(tmp_path, monkeypatch):
    from tabllm.decoding import backend
    from tabllm.nano import table_lm

    table = pd.DataFrame({"device": ["ios", "web", "web"] * 60, "age": range(180)})
    for fitted, other in (("mlx", ("torch", "cpu")), ("torch", ("mlx", "cpu"))):
        model = table_lm.TableLM(engine=fitted, device="cpu", steps=10, width=16, layers=1, heads=2).fit(table)
        model.save(tmp_path / fitted)
        expected = model.sample(200, seed=4)
        monkeypatch.setattr(table_lm, "choose_backend", lambda *_, other=other: other)
        loaded = table_lm.TableLM.load(tmp_path / fitted)
        monkeypatch.setattr(table_lm, "choose_backend", backend.choose_backend)
        assert (loaded.engine_, loaded.device_) == other
        got = loaded.sample(200, seed=4)
        assert (got["device"] == expected["device"]).mean() > 0.99
        assert (got["age"] == expected["age"]).mean() > 0.99
