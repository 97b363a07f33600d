"""The layers' matrices take steps of one length in every direction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabllm import TableLM
from tabllm.nano.config import NanoConfig, initial_weights
from tabllm.nano.engines import orthogonal
from tabllm.nano.engines.orthogonal import STEP_SIZE, is_orthogonal, orthogonal_steps, pays_for
from tabllm.nano.engines.torch_engine import TorchEngine

CONFIG = NanoConfig((3, 4), width=8, layers=1, heads=2)


def test_steps_keep_the_directions_and_make_their_lengths_alike():
    rng = np.random.default_rng(0)
    matrices = [rng.normal(size=shape) * np.geomspace(1, 100, shape[1]) for shape in ((24, 8), (8, 8), (8, 32))]
    for matrix, step in zip(matrices, orthogonal_steps(matrices, np), strict=True):
        left, lengths, right = np.linalg.svd(matrix, full_matrices=False)
        assert step.shape == matrix.shape
        found = np.diag(left.T @ step @ right.T) / (STEP_SIZE * max(matrix.shape) ** 0.5)
        usable = lengths > lengths.max() / 100
        assert ((found[usable] > 0.4) & (found[usable] < 1.6)).all()
        np.testing.assert_allclose(
            left @ np.diag(found) @ right * STEP_SIZE * max(matrix.shape) ** 0.5, step, atol=1e-6
        )


def test_long_tables_of_mostly_numbers_are_learned_with_them():
    rng = np.random.default_rng(0)
    numbers = pd.DataFrame({"x": rng.normal(size=60), "y": rng.normal(size=60), "kind": ["a", "b"] * 30})
    words = numbers.assign(other=["c", "d", "d"] * 20)
    begin, seen = TorchEngine.start_training, []
    assert not pays_for(60, 3, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(orthogonal, "MIN_ROWS", 60)
        patch.setattr(
            TorchEngine, "start_training", lambda self, **o: (seen.append(o["orthogonal"]), begin(self, **o))[1]
        )
        for table in (numbers, words):
            TableLM(engine="torch", device="cpu", steps=1, width=8, layers=1, heads=1).fit(table)
    assert seen == [True, False]


def test_a_matrix_without_a_gradient_stays():
    np.testing.assert_array_equal(orthogonal_steps([np.zeros((8, 4))], np)[0], np.zeros((8, 4)))


def test_only_matrices_inside_layers_are_meant():
    meant = [name for name in CONFIG.weight_shapes() if is_orthogonal(name)]
    assert meant == [f"h.0.{name}.weight" for name in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")]


def test_an_update_without_them_is_adams_alone():
    rows, order = np.array([[0, 1], [2, 3]] * 4), np.tile([0, 1], (8, 1))
    states = []
    for asked in (True, False):
        engine = TorchEngine(CONFIG, initial_weights(CONFIG, np.zeros(7), seed=0))
        engine.start_training(weight_decay=0.1, average=0.9, state=None, orthogonal=asked)
        engine.train_step(rows, order, 1e-2)
        states.append(engine.training_state())
    assert "momentum/h.0.attn.c_attn.weight" in states[0]
    assert "exp_avg/h.0.attn.c_attn.weight" not in states[0]
    assert not any(name.startswith("momentum/") for name in states[1])
    name = "weights/h.0.mlp.c_fc.weight"
    assert np.abs(states[0][name] - states[1][name]).max() > 1e-3
    np.testing.assert_allclose(states[0]["weights/head.bias"], states[1]["weights/head.bias"], atol=1e-6)
