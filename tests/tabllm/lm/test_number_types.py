"""Weights of 16 bits: float32 masters, a scaled loss, and the type that a device has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_models import both_engines, started_training


@both_engines
@pytest.mark.parametrize(("precision", "method"), [("fp16", "full"), ("fp16", "lora"), ("bf16", "full")])
def test_16_bits_learn_as_32_do(engine_name, precision, method):
    losses = []
    for each in ("fp32", precision):
        engine, batch = started_training(engine_name, each, method)
        losses.append([float(engine.train_step([batch], 1e-3)) for _ in range(6)])
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0][-1] < losses[0][0] - 0.5


@both_engines
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_changes_too_small_for_16_bits_add_up(engine_name, precision):
    engine, batch = started_training(engine_name, precision, "full")
    before = engine.trained()
    for _ in range(3):
        engine.train_step([batch], 1e-6)
    after = engine.trained()
    name = "transformer.h.0.ln_1.weight"  # all 1, whose neighbours are 0.0005 to 0.008 away
    moved = np.abs(after[name] - before[name])
    assert 1e-6 < moved.max() < 1e-5
    engine.load_trained(after, engine.training_state())
    assert (engine.trained()[name] == after[name]).all()


@both_engines
def test_an_overflow_changes_nothing_and_halves_the_scale(engine_name):
    engine, batch = started_training(engine_name, "fp16", "lora")
    scale = 2.0**60
    engine.training.loss_scale = scale if engine_name == "torch" else engine.put(np.array(scale, np.float32))
    before = engine.trained()
    loss = float(engine.train_step([batch], 1e-3))
    after = engine.trained()
    assert np.isfinite(loss)
    assert all((value == before[name]).all() for name, value in after.items())
    assert float(engine.training.loss_scale) == scale / 2


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        ("applegpu_g13g", "float16"),
        ("applegpu_g14s", "float16"),
        ("applegpu_g15g", "bfloat16"),
        ("applegpu_g16p", "bfloat16"),
        ("sm_90", "bfloat16"),
        ("", "bfloat16"),
    ],
)
def test_the_16_bits_that_a_gpu_computes_with(architecture, name):
    mx = pytest.importorskip("mlx.core", reason="mlx is not installed here")
    from tabllm.decoding.mlx_device import half_type

    assert half_type(architecture) == getattr(mx, name)
