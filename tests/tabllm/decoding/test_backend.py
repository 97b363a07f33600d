"""Which engine and device are taken, and what is said where they are not there."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch

from tabllm.decoding import backend
from tabllm.decoding.backend import choose_backend
from tabllm.nano.config import NanoConfig, initial_weights
from tabllm.nano.engines.making import make_engine
from tabllm.nano.engines.torch_engine import TorchEngine
from tabular.errors import EngineError, UsageError


@pytest.fixture
def processor_alone(monkeypatch) -> None:
    """A machine without Apple silicon and without CUDA."""
    monkeypatch.setattr(backend, "_has_metal", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def without_mlx(monkeypatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "mlx" else found(name, *rest))


@pytest.mark.parametrize("engine", ["auto", "torch"])
@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_processor_alone_gets_torch(processor_alone, engine, device):
    assert choose_backend(engine, device) == ("torch", "cpu")


def test_nothing_said_is_auto(processor_alone):
    assert choose_backend() == ("torch", "cpu")


def test_cuda_is_taken_where_it_is(processor_alone, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_backend() == ("torch", "cuda")
    assert choose_backend("torch", "cuda:1") == ("torch", "cuda:1")
    assert choose_backend("auto", "cpu") == ("torch", "cpu")


def test_torch_takes_the_gpu_of_a_mac_where_it_is_asked_for(processor_alone, monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_backend("torch") == ("torch", "mps")


def test_mlx_sees_its_gpu_after_a_model_ran_on_the_processor(monkeypatch):
    mx = pytest.importorskip("mlx.core", reason="mlx is not installed here")
    mx.set_default_device(mx.cpu)  # as a model on the processor leaves it
    monkeypatch.setattr(mx, "is_available", lambda device: True)
    assert choose_backend("mlx", "auto") == ("mlx", "gpu")
    assert choose_backend("mlx", "cpu") == ("mlx", "cpu")


def test_apple_silicon_gets_mlx(processor_alone, monkeypatch):
    monkeypatch.setattr(backend, "_has_metal", lambda: True)
    monkeypatch.setattr(backend, "_mlx_device", lambda device: "gpu" if device == "auto" else device)
    assert choose_backend() == ("mlx", "gpu")
    assert choose_backend("auto", "gpu") == ("mlx", "gpu")
    assert choose_backend("auto", "cpu") == ("torch", "cpu")
    assert choose_backend("torch", "cpu") == ("torch", "cpu")


@pytest.mark.parametrize("engine", ["jax", "", "Torch"])
def test_an_unknown_engine_is_refused_and_the_known_ones_are_named(engine):
    with pytest.raises(UsageError, match="auto, mlx or torch"):
        choose_backend(engine)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "mps", "gpu"])
def test_a_device_that_torch_lacks_is_refused_and_those_there_are_named(processor_alone, device):
    with pytest.raises(EngineError, match=rf"no device '{device}' here; take one of: cpu\."):
        choose_backend("torch", device)


def test_mlx_that_is_not_installed_is_refused_with_the_way_to_get_it(without_mlx):
    with pytest.raises(EngineError, match=r"mlx-cpu|--engine torch"):
        choose_backend("mlx")


def test_a_device_that_mlx_lacks_is_refused():
    pytest.importorskip("mlx.core", reason="MLX is not installed here")
    assert choose_backend("mlx", "cpu") == ("mlx", "cpu")
    with pytest.raises(EngineError, match="no device 'cuda'"):
        choose_backend("mlx", "cuda")


def test_the_engine_that_is_made_holds_the_weights_it_was_given():
    config = NanoConfig((2, 3), width=8, layers=1, heads=2)
    weights = initial_weights(config, np.zeros(5), seed=1)
    engine = make_engine("torch", "cpu", config, weights)
    assert isinstance(engine, TorchEngine)
    held = engine.numpy_weights()
    assert held.keys() == weights.keys()
    for name, value in weights.items():
        np.testing.assert_array_equal(held[name], value)
