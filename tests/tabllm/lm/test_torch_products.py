"""The number types of a CUDA GPU: what is chosen, that it is put back, and what autocast leaves in float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tabllm.lm.engines.pytorch import training as torch_training
from tabllm.lm.engines.pytorch.products import allow_tf32, autocast_type, free_bytes, multiplies_bf16

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_models import started_training

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


@pytest.mark.parametrize(("capability", "native"), [((7, 5), False), ((8, 0), True), ((8, 9), True), ((12, 0), True)])
def test_bfloat16_is_chosen_from_ampere_on(monkeypatch, capability, native):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert multiplies_bf16(CUDA) == native
    assert not multiplies_bf16(CPU)


def test_only_weights_of_32_bits_are_multiplied_in_another_type():
    assert autocast_type(torch.float32, True) == torch.bfloat16
    assert autocast_type(torch.float32, False) is None
    assert autocast_type(torch.bfloat16, True) is None
    assert autocast_type(torch.float16, True) is None


@pytest.fixture
def switch():
    """The switch of torch, as nobody has set it."""
    products = torch.backends.cuda.matmul
    if not hasattr(products, "fp32_precision"):
        pytest.skip("torch before 2.9 has another switch")
    assert products.fp32_precision == "none"
    yield products
    products.fp32_precision = "none"


def test_tf32_is_allowed_within_alone(switch):
    with allow_tf32(CUDA):
        assert switch.fp32_precision == "tf32"
        with allow_tf32(CUDA):
            assert switch.fp32_precision == "tf32"
        assert switch.fp32_precision == "tf32"
    assert switch.fp32_precision == "none"
    with allow_tf32(CPU):
        assert switch.fp32_precision == "none"


def test_the_switch_is_put_back_after_an_error(switch):
    with pytest.raises(KeyError), allow_tf32(CUDA):
        raise KeyError
    assert switch.fp32_precision == "none"


def test_what_a_caller_has_set_stays(switch):
    switch.fp32_precision = "ieee"
    with allow_tf32(CUDA):
        assert switch.fp32_precision == "ieee"
    assert switch.fp32_precision == "ieee"


def test_an_older_torch_has_another_switch_that_is_put_back_too(monkeypatch):
    class Older:
        allow_tf32 = False

    monkeypatch.setattr(torch.backends.cuda, "matmul", Older)
    with allow_tf32(CUDA):
        assert Older.allow_tf32
    assert not Older.allow_tf32


def test_free_memory_is_what_nobody_uses_and_what_torch_holds_in_reserve(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 9000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 300)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 100)
    assert free_bytes(CUDA) == 1200
    assert free_bytes(CPU) is None


@pytest.mark.parametrize("method", ["full", "lora"])
def test_under_autocast_masters_gradients_and_logits_are_float32_and_as_much_is_learned(monkeypatch, method):
    losses = []
    for native in (False, True):
        monkeypatch.setattr(torch_training, "multiplies_bf16", lambda device, native=native: native)
        engine, batch = started_training("torch", "fp32", method)
        training = engine.training
        assert training.autocast == (torch.bfloat16 if native else None)
        types = []
        block = training.model.base_model.get_submodule("h.0.attn.c_attn")
        block.register_forward_hook(lambda module, given, out, types=types: types.append(out.dtype))
        losses.append([float(engine.train_step([batch], 1e-3)) for _ in range(3)])
        assert set(types) == {torch.bfloat16 if native else torch.float32}
        assert training._target_losses(batch).dtype == torch.float32
        assert {weight.dtype for weight in training.trainable.values()} == {torch.float32}
        assert not torch.is_autocast_enabled("cpu")
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0] != losses[1]


def test_adapters_are_multiplied_in_the_type_of_their_layers_and_trained_in_float32():
    engine, batch = started_training("torch", "bf16", "lora")
    training = engine.training
    adapters = {name: weight for name, weight in training.weights.items() if "lora_" in name}
    assert adapters
    assert {weight.dtype for weight in adapters.values()} == {torch.bfloat16}
    assert {weight.dtype for weight in training.trainable.values()} == {torch.float32}
    for _ in range(2):  # the first leaves one side of each pair as it is, whose gradient is 0
        engine.train_step([batch], 1e-3)
    trained = engine.trained()
    assert all((value.view(np.uint32) & 0xFFFF).any() for value in trained.values()), "more digits than bfloat16 has"
    engine.finish_training()
    assert {weight.dtype for weight in engine.model.parameters()} == {torch.bfloat16}
